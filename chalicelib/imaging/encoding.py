"""From pixels to a file of each output format, the same bytes for the same pixels."""

from __future__ import annotations

from importlib import import_module
from typing import BinaryIO

from PIL import Image

# Effort, 0 to 10. Measured a megapixel, quality 85: 0.65 s of CPU time at 6, 0.2 s and twice the
# bytes at 9. So no AVIF costs much more than five seconds of a core.
_AVIF_SPEED, _AVIF_HURRY = 6, 9
_AVIF_PIXELS_WITHOUT_HURRY = 8_000_000


def prepare(form: str) -> None:
    """Does in the parent, where it lasts, what every child would have to do again."""
    if form == "avif":
        # By far the largest codec: not loaded for those who never use it.
        import_module("PIL.AvifImagePlugin")


def halves_color(form: str) -> bool:
    """Whether files of this format store color at half the resolution of brightness."""
    return form != "png"


def encode(image: Image.Image, form: str, quality: int, output: BinaryIO) -> int:
    """Writes an image in mode RGB, RGBA or YCbCr to `output`; returns how many bytes it has.

    `quality` is on the format's own scale, and PNG has none. Raises whatever Pillow does.
    """
    start = output.tell()
    if form == "jpeg":
        # Chroma at half the resolution: a third fewer bytes than without, and unseen at
        # this quality.
        on_white(image).save(output, "JPEG", quality=quality, progressive=True, subsampling="4:2:0")
        return output.tell() - start
    image = image.convert("RGB") if image.mode == "YCbCr" else image
    if form == "png":
        image.save(output, "PNG")
    elif form == "avif":
        # One thread: the bytes would depend on how many there are.
        image.save(output, "AVIF", quality=quality, speed=_avif_speed(image), max_threads=1)
    else:
        image.save(output, form.upper(), quality=quality)
    return output.tell() - start


def _avif_speed(image: Image.Image) -> int:
    return _AVIF_SPEED if image.width * image.height <= _AVIF_PIXELS_WITHOUT_HURRY else _AVIF_HURRY


def on_white(image: Image.Image) -> Image.Image:
    """The image without its transparency, which JPEG does not know."""
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image)
    return ground
