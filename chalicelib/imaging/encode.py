"""The step that encodes: the same bytes for the same pixels."""

import io
from collections.abc import Sequence
from importlib import import_module
from typing import BinaryIO

from PIL import Image

from chalicelib.core.image_values import AUTO, Quality
from chalicelib.imaging.files import Written
from chalicelib.imaging.quality import CANDIDATES, choose_quality
from chalicelib.imaging.work import WHITE, Encoding, Work

# Effort, 0 to 10. Measured a megapixel, quality 85: 0.65 s of CPU time at 6, 0.2 s and twice the
# bytes at 9. So no AVIF costs much more than five seconds of a core.
_AVIF_SPEED, _AVIF_FAST = 6, 9
_MAX_SLOW_AVIF_PIXELS = 8_000_000

_THUMBNAIL_QUALITY = 80

# Effort, 0 to 6. Measured a megapixel of frames: 0.06 s of CPU time at 2; 0.12 s and 9 % fewer bytes at 4.
_ANIMATION_METHOD = 2
# The kind of the first chunk, and the flags that it begins with if it is VP8X (RFC 9649). Frames that are all alike
# become a still, which may have none.
_WEBP_FIRST_CHUNK, _WEBP_FLAGS_AT, _WEBP_ALPHA = slice(12, 16), 20, 0x10


def load_codec(format_: str) -> None:
    """Loads in the parent, where it lasts, what every child would have to load again."""
    if format_ == "avif":
        # By far the largest codec: only loaded by those who use it.
        import_module("PIL.AvifImagePlugin")


def halves_chroma(format_: str) -> bool:
    """Whether files of this format store color at half the resolution of brightness."""
    return format_ != "png"


def encode(work: Work) -> None:
    """Writes the image in each of `work.formats`. Raises whatever Pillow does, now or when the files are finished."""
    image, formats, encoding = work.image, work.formats, work.encoding
    # One after the other, since Pillow notes on the image how it is being saved.
    work.files.add(lambda output: [_write_one(image, format_, encoding, output) for format_ in formats])


def _write_one(image: Image.Image, format_: str, encoding: Encoding, output: BinaryIO) -> Written:
    start = output.tell()
    found = write(image, format_, encoding, output)
    return Written(output.tell() - start, found)


def encode_alike(image: Image.Image, format_: str, quality: Quality) -> bytes:
    """A decoded file in its own format, in Pillow's name of it, with its EXIF; a JPEG keeps its tables and its order.

    WebP and AVIF do not record their quality: they are encoded at `quality`.
    """
    output = io.BytesIO()
    is_progressive, exif = "progressive" in image.info, image.info.get("exif", b"")
    image.info.clear()
    if format_ == "JPEG":
        # With its own tables, the part that the mark does not touch comes out as it went in.
        image.save(output, "JPEG", quality="keep", progressive=is_progressive, **_with(exif))
    else:
        write(image, format_.lower(), Encoding({format_.lower(): quality}, exif=exif), output)
    return output.getvalue()


def encode_thumbnail(image: Image.Image) -> bytes:
    """A baseline JPEG."""
    output = io.BytesIO()
    on_ground(image).save(output, "JPEG", quality=_THUMBNAIL_QUALITY)
    return output.getvalue()


def on_ground(image: Image.Image, color: tuple[int, int, int] = WHITE) -> Image.Image:
    """The image without its transparency, which JPEG does not know."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, color)
    ground.paste(image, mask=image)
    return ground


def write(image: Image.Image, format_: str, encoding: Encoding, output: BinaryIO) -> int | None:
    """Writes an image in mode RGB, RGBA or YCbCr. Returns its quality where that was found by measurement."""
    wanted = encoding.qualities.get(format_)
    if wanted != AUTO or format_ not in CANDIDATES:
        _write(image, format_, wanted, encoding, output)
        return None
    found = _choose_quality(image, format_, encoding)
    _write(image, format_, found, encoding, output)
    return found


def _choose_quality(image: Image.Image, format_: str, encoding: Encoding) -> int:
    def encode(probe: Image.Image, quality: int, output: BinaryIO) -> None:
        if format_ == "jpeg":
            # A progressive one looks the same, and takes several times as long.
            probe.save(output, "JPEG", quality=quality, subsampling="4:2:0")
        else:
            _write(probe, format_, quality, encoding, output)

    return choose_quality(on_ground(image, encoding.ground), CANDIDATES[format_], encoding.similarity, encode)


def _write(image: Image.Image, format_: str, quality: Quality | None, encoding: Encoding, output: BinaryIO) -> None:
    exif = _with(encoding.exif)
    if format_ == "jpeg":
        # Chroma at half the resolution: a third fewer bytes, and not visible at this quality.
        flat = on_ground(image, encoding.ground)
        flat.save(output, "JPEG", quality=quality, progressive=True, subsampling="4:2:0", **exif)
        return
    image = image.convert("RGB") if image.mode == "YCbCr" else image
    if format_ == "png":
        image.save(output, "PNG", **exif)
    elif format_ == "avif":
        is_slow = image.width * image.height <= _MAX_SLOW_AVIF_PIXELS
        # One thread: the bytes would depend on how many there are.
        speed = _AVIF_SPEED if is_slow else _AVIF_FAST
        image.save(output, "AVIF", quality=quality, speed=speed, max_threads=1, **exif)
    else:
        image.save(output, format_.upper(), quality=quality, **exif)


def write_animation(
    frames: Sequence[Image.Image], milliseconds: Sequence[int], loops: int, encoding: Encoding, output: BinaryIO
) -> Written:
    """Writes frames of the same dimensions as a WebP; `loops` 0 is for ever."""
    first, *others = frames
    quality, found = encoding.qualities["webp"], None
    if quality == AUTO:
        quality = found = _choose_quality(first, "webp", encoding)
    file = io.BytesIO()
    first.save(
        file, "WEBP", save_all=True, append_images=others, duration=list(milliseconds), loop=loops,
        background=(0, 0, 0, 0), quality=quality, method=_ANIMATION_METHOD, **_with(encoding.exif),
    )  # fmt: skip
    written = bytearray(file.getvalue())
    is_animated = written[_WEBP_FIRST_CHUNK] == b"VP8X"
    if is_animated and any(map(_has_transparency, frames)):
        # The encoder clears what becomes transparent, and then writes opaque frames alone, without saying that the
        # canvas shows through.
        written[_WEBP_FLAGS_AT] |= _WEBP_ALPHA
    return Written(output.write(written), found)


def _has_transparency(image: Image.Image) -> bool:
    return image.mode == "RGBA" and image.getchannel("A").getextrema()[0] != 255


def _with(exif: bytes) -> dict[str, bytes]:
    """The option of Pillow's savers."""
    return {"exif": exif} if exif else {}
