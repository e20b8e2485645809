"""The steps that decode, for the inside of the guarded child; and the decoder of our own renditions."""

import io
import math
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile

from chalicelib.imaging import decoders, planes
from chalicelib.imaging.probe import png
from chalicelib.imaging.probe.header import Dimensions
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.shrink import block_side
from chalicelib.imaging.values import Limits
from chalicelib.imaging.work import Plane, Step, Work, run

# Bytes that are inflated at once: compressed ones, and what they may become.
_COMPRESSED_STEP, _INFLATE_STEP = 1 << 16, 1 << 20

# Measured: a WebP with transparency, whose decoder keeps two canvases beside the result.
_MAX_BYTES_PER_PIXEL = 20


@contextmanager
def decoding(*, is_vast: bool = False) -> Iterator[None]:
    """Turns all that a decoder may raise into an ImageRejectedError.

    All of Exception, because damaged files make Pillow raise IndexError, TypeError, struct.error
    and more. Libjpeg and libwebp report a lack of memory as damage: if the picture `is_vast` for
    its memory limit, any failure counts as resource_limit.
    """
    try:
        yield
    except ImageRejectedError:
        raise
    except MemoryError:
        raise ImageRejectedError("resource_limit") from None
    except Exception as error:
        raise ImageRejectedError("resource_limit" if is_vast else _reason(error)) from None


def run_decoding(steps: Iterable[Step], work: Work) -> None:
    """Runs steps whose failures are the picture's fault."""
    stored = work.header.width, work.header.height
    with decoding(is_vast=may_exceed_memory(stored, work.limits)):
        run(steps, work)


def may_exceed_memory(dimensions: Dimensions, limits: Limits) -> bool:
    """Whether the costliest kind of picture of these dimensions could exceed the memory limit."""
    return math.prod(dimensions) * _MAX_BYTES_PER_PIXEL > limits.memory_bytes


def open_image(data: bytes, *formats: str) -> ImageFile.ImageFile:
    """The image, not decoded yet, if it is of one of `formats`."""
    return Image.open(io.BytesIO(data), formats=[decoders.PILLOW_NAMES.get(format_, format_) for format_ in formats])


def open_rendition(data: bytes) -> Image.Image:
    """A file that `render` made, not decoded yet."""
    return open_image(data, "JPEG", "PNG", "WEBP", "AVIF")


def load_rendition(image: Image.Image, mode: str, size: Dimensions) -> Image.Image:
    """Decodes an image of `open_rendition`; a JPEG in `mode`, and at no more than `size` needs of it."""
    image.draft(mode, size)
    image.load()
    return image


def to_rgb(image: Image.Image) -> Image.Image:
    """The image in mode RGB, or RGBA where it has transparency."""
    if image.mode in ("RGB", "RGBA"):
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def decode(work: Work) -> None:
    """Decodes the picture as it is stored; of a JPEG, no more than `work.size` and `work.formats` need."""
    if work.header.format == "JPEG":
        work.planes = _decode_jpeg(work)
    else:
        work.image = _decode_whole(work)


def verify(work: Work) -> None:
    """Decodes as much as shows that the data is complete.

    That finds truncation and broken structure, not flipped bits that still decode.
    """
    header = work.header
    if header.format == "PNG":
        _inflate(work.data, header.inflated_bytes)
        return
    if header.format != "JPEG":
        _decode_whole(work)
        return
    image = open_image(work.data, "JPEG")
    # An eighth finds the same damage as the whole: all of the codes are read anyway.
    image.draft("L" if header.is_ycc else None, (max(1, header.width // 8), max(1, header.height // 8)))
    image.load()


def _decode_whole(work: Work) -> Image.Image:
    image = open_image(work.data, work.header.format)
    image.load()
    if work.header.aperture:
        return image.crop(work.header.aperture)
    # A decoder of films may give a picture of other dimensions than its file names.
    if image.size != (work.header.width, work.header.height) and work.header.rewritten:
        raise ImageRejectedError("corrupt")
    return image


def _decode_jpeg(work: Work) -> tuple[Plane, ...]:
    """Decoded by libjpeg at 1/8, 1/4, 1/2 or 1/1."""
    scale = block_side(min(work.header.width / work.size[0], work.header.height / work.size[1]))
    # Reading the codes twice costs less than decoding and parting the whole chroma, except those of a progressive JPEG.
    if work.header.is_ycc and scale == 1 and planes.comes_apart(work) and not _is_progressive(work):
        luma, ycc = _draft(work, 1, "L"), _draft(work, planes.chroma_scale(work), "YCbCr")
        _luma, *chroma = ycc.image.split()
        return luma, *(ycc._replace(image=band) for band in chroma)
    return (_draft(work, scale, "YCbCr" if work.header.is_ycc and work.keeps_ycc else None),)


def _is_progressive(work: Work) -> bool:
    return "progressive" in open_image(work.data, "JPEG").info


def _draft(work: Work, scale: int, mode: str | None) -> Plane:
    width, height = work.header.width, work.header.height
    image = open_image(work.data, "JPEG")
    image.draft(mode, (max(1, width // scale), max(1, height // scale)))
    image.load()
    return Plane(image, (0, 0, width / scale, height / scale), scale)


def _reason(error: Exception) -> str:
    ended_early = isinstance(error, EOFError) or "truncated" in str(error).lower()
    return "truncated" if ended_early else "corrupt"


def _inflate(data: bytes, expected: int) -> None:
    """Inflates a PNG's rows without keeping them; their checksums were compared already.

    No more than the `expected` bytes: what may follow in the same stream is never drawn, and may be a bomb.
    """
    engine, missing = zlib.decompressobj(), expected
    for chunk in png.pixel_chunks(data):
        for start in range(0, len(chunk), _COMPRESSED_STEP):
            missing -= _inflated_length(engine, chunk[start : start + _COMPRESSED_STEP], missing)
            if missing <= 0:
                return
    raise ImageRejectedError("truncated")


def _inflated_length(engine: "zlib._Decompress", compressed: bytes, limit: int) -> int:
    """How many bytes `compressed` becomes; stops soon after `limit`."""
    total = 0
    while total < limit:
        inflated = len(engine.decompress(compressed, _INFLATE_STEP))
        total += inflated
        compressed = engine.unconsumed_tail
        # The engine may hold back what did not fit into the step, with no more input.
        if inflated < _INFLATE_STEP and not compressed:
            break
    return total
