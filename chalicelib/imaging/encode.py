"""The step that encodes: the same bytes for the same pixels."""

import io
from importlib import import_module
from typing import BinaryIO

from PIL import Image

from chalicelib.imaging.work import Work

# Effort, 0 to 10. Measured a megapixel, quality 85: 0.65 s of CPU time at 6, 0.2 s and twice the
# bytes at 9. So no AVIF costs much more than five seconds of a core.
_AVIF_SPEED, _AVIF_FAST = 6, 9
_MAX_SLOW_AVIF_PIXELS = 8_000_000

_THUMBNAIL_QUALITY = 80


def load_codec(format_: str) -> None:
    """Loads in the parent, where it lasts, what every child would have to load again."""
    if format_ == "avif":
        # By far the largest codec: only loaded by those who use it.
        import_module("PIL.AvifImagePlugin")


def halves_chroma(format_: str) -> bool:
    """Whether files of this format store color at half the resolution of brightness."""
    return format_ != "png"


def encode(work: Work) -> None:
    """Writes the image in each of `work.formats`. Raises whatever Pillow does."""
    for format_ in work.formats:
        start = work.output.tell()
        _write(work.image, format_, work.quality, work.output)
        work.lengths.append(work.output.tell() - start)


def encode_alike(image: Image.Image, format_: str, quality: int) -> bytes:
    """A decoded file in its own format, in Pillow's name of it; a JPEG keeps its tables and its order.

    WebP and AVIF do not record their quality: they are encoded at `quality`.
    """
    output = io.BytesIO()
    is_progressive = "progressive" in image.info
    image.info.clear()
    if format_ == "JPEG":
        # With its own tables, the part that the mark does not touch comes out as it went in.
        image.save(output, "JPEG", quality="keep", progressive=is_progressive)
    else:
        _write(image, format_.lower(), quality, output)
    return output.getvalue()


def encode_thumbnail(image: Image.Image) -> bytes:
    """A baseline JPEG."""
    output = io.BytesIO()
    on_white(image).save(output, "JPEG", quality=_THUMBNAIL_QUALITY)
    return output.getvalue()


def on_white(image: Image.Image) -> Image.Image:
    """The image without its transparency, which JPEG does not know."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground


def _write(image: Image.Image, format_: str, quality: int, output: BinaryIO) -> None:
    """`image` is in mode RGB, RGBA or YCbCr; `quality` is on the format's own scale, and PNG has none."""
    if format_ == "jpeg":
        # Chroma at half the resolution: a third fewer bytes, and not visible at this quality.
        on_white(image).save(output, "JPEG", quality=quality, progressive=True, subsampling="4:2:0")
        return
    image = image.convert("RGB") if image.mode == "YCbCr" else image
    if format_ == "png":
        image.save(output, "PNG")
    elif format_ == "avif":
        is_slow = image.width * image.height <= _MAX_SLOW_AVIF_PIXELS
        # One thread: the bytes would depend on how many there are.
        image.save(output, "AVIF", quality=quality, speed=_AVIF_SPEED if is_slow else _AVIF_FAST, max_threads=1)
    else:
        image.save(output, format_.upper(), quality=quality)
