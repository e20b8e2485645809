"""What the samples of a decoded picture mean: which of them are clear, and which color they are.

For the inside of the guarded child.
"""

from __future__ import annotations

import io
from functools import reduce

from PIL import Image, ImageChops, ImageCms

from chalicelib.imaging import profiles
from chalicelib.imaging.header import Box, Header

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

_CLEAR = (0, 0, 0, 0)

# Of RGB with 16 bits Pillow keeps the upper byte of each sample. Read in the other order of bytes,
# it keeps the lower ones.
_LOWER_BYTES = "RGB;16L"


def plain(image: Image.Image, picture: bytes, header: Header) -> Image.Image:
    """A decoded image in a mode that can be shrunk: L, LA, RGB, RGBA, YCbCr or CMYK.

    What a key color names, or what the first frame leaves bare, is clear. `picture` is the file
    that the image was decoded from.
    """
    clear = _keyed(image, picture, header) if header.key else None
    image = _shrinkable(image, header)
    if clear:
        image.putalpha(ImageChops.invert(clear))
    return _without_bare_canvas(image, header.drawn) if header.drawn else image


def in_srgb(image: Image.Image, header: Header) -> Image.Image:
    """An image of `plain` in mode RGB or RGBA, or YCbCr as before, and in sRGB."""
    if header.profile is not None:
        image = _converted(image, header.profile)
    if image.mode in ("RGB", "RGBA", "YCbCr"):
        return image
    return image.convert("RGBA" if image.mode == "LA" else "RGB")


def _shrinkable(image: Image.Image, header: Header) -> Image.Image:
    if image.mode.startswith("I"):
        # Gray of 16 bits. Converting alone would cut all above 255 to white.
        return image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "RGBA" and header.space == "Gray":
        # So Pillow reads gray of 16 bits with alpha. As RGBA, a profile of gray does not fit it.
        return image.convert("LA")
    if image.mode in ("LA", "RGBA"):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "YCbCr", "CMYK") else image.convert("RGB")


def _keyed(image: Image.Image, picture: bytes, header: Header) -> Image.Image:
    """A mask of the pixels whose samples, as they are stored, are the key."""
    if header.depth < 16:
        bands, key = _bytes(image), [sample * 255 // (2**header.depth - 1) for sample in header.key]
    else:
        upper, lower = _halves(image, picture, header)
        bands, key = upper + lower, [sample >> 8 for sample in header.key] + [sample & 255 for sample in header.key]
    found = (
        band.point([255 * (value == wanted) for value in range(256)]) for band, wanted in zip(bands, key, strict=True)
    )
    return reduce(ImageChops.darker, found)


def _bytes(image: Image.Image) -> tuple[Image.Image, ...]:
    return (image.convert("L") if image.mode == "1" else image).split()


def _halves(image: Image.Image, picture: bytes, header: Header) -> tuple[tuple[Image.Image, ...], ...]:
    """The upper bytes of samples of 16 bits, band by band, and the lower ones."""
    if image.mode == "RGB":
        again = Image.open(io.BytesIO(picture), formats=[header.format])
        again.tile = [tile._replace(args=_LOWER_BYTES) for tile in again.tile]
        again.load()
        return image.split(), again.split()
    stored = image.tobytes("raw", "I;16")
    upper, lower = (Image.frombytes("L", image.size, stored, "raw", order) for order in ("L;16", "L;16B"))
    return (upper,), (lower,)


def _without_bare_canvas(image: Image.Image, drawn: Box) -> Image.Image:
    """The image, all clear outside of what is drawn."""
    image = image if image.mode == "RGBA" else image.convert("RGBA")
    left, top, right, bottom = drawn
    width, height = image.size
    edges = [(0, 0, width, top), (0, bottom, width, height), (0, top, left, bottom), (right, top, width, bottom)]
    for edge in edges:
        image.paste(_CLEAR, edge)
    return image


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    if profiles.space(profile) == "RGB" and image.mode in ("L", "LA"):
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    if image.mode == "LA":
        # Little CMS, as Pillow has it, knows no gray with alpha.
        gray, alpha = image.split()
        converted = _through(gray, profile)
        converted.putalpha(alpha)
        return converted
    return _through(image, profile)


def _through(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        # A damaged profile says nothing, which is no reason to refuse a sound picture.
        return image
    return converted or image
