"""From a stored picture to the pixels that are wanted: decoded, shrunk, upright, in sRGB.

In that order, since what costs time in proportion to the original should come once and what
comes after it should have less to work on. For the inside of the guarded child.
"""

from __future__ import annotations

import io
from typing import TypeVar

from PIL import Image, ImageCms

from chalicelib.imaging import endings, profiles
from chalicelib.imaging.decode import opened
from chalicelib.imaging.header import Header
from chalicelib.imaging.probe import color_space

Dimensions = tuple[int, int]
"""Width and height."""

Kept = tuple[float, float]
"""The share of the width, and of the height, that a crop about the center leaves; up to 1."""

WHOLE: Kept = (1.0, 1.0)

_Pair = TypeVar("_Pair", Dimensions, Kept)

_LANCZOS = Image.Resampling.LANCZOS
# Before LANCZOS, averages whole blocks of pixels as far as that leaves it 1 % to do: three
# times faster, and no difference that one can see or measure (SSIM within 0.0005).
_REDUCING_GAP = 1.01

# EXIF orientation → what turns the stored picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Mode of an image → what its profile must describe to be of use.
_MODE_SPACES = {"RGB": "RGB", "RGBA": "RGB", "L": "Gray", "CMYK": "CMYK"}

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def fitted(dimensions: Dimensions, width: float, height: float) -> Dimensions:
    """The largest dimensions of the same proportions in a box; never enlarged, never 0."""
    scale = min(1.0, width / dimensions[0], height / dimensions[1])
    return max(1, round(dimensions[0] * scale)), max(1, round(dimensions[1] * scale))


def loaded(picture: bytes, header: Header, target: Dimensions, *, keep_ycc: bool) -> Image.Image:
    """The picture as it is stored, of a JPEG no more than `target` (upright) needs of it.

    A crop needs no more than that either: the side that it leaves whole decides. In mode L, RGB,
    RGBA, CMYK, or YCbCr where `keep_ycc` allows it. Raises whatever Pillow does.
    """
    endings.check(picture, header)
    image = opened(picture, header.format)
    if header.format == "JPEG":
        _draft(image, header, _stored(header, target), keep_ycc)
    image.load()
    return _plain(image)


def finished(image: Image.Image, header: Header, target: Dimensions, *, kept: Kept = WHOLE) -> Image.Image:
    """A `loaded` image in the dimensions of `target`: upright, in sRGB (or YCbCr of it)."""
    image = resized(image, _stored(header, target), _stored(header, kept))
    if header.orientation in _TURNS:
        image = image.transpose(_TURNS[header.orientation])
    image = _in_srgb(image, header)
    # Savers write some of what they find here into their files.
    image.info.clear()
    return image


def resized(image: Image.Image, dimensions: Dimensions, kept: Kept = WHOLE) -> Image.Image:
    """The part about the center that `kept` names, in other dimensions."""
    if image.size == dimensions and kept == WHOLE:
        return image
    # Pillow premultiplies RGBA for this, so that the color of what is clear does not bleed.
    return image.resize(dimensions, _LANCZOS, _centered(image.size, kept), reducing_gap=_REDUCING_GAP)


def _stored(header: Header, pair: _Pair) -> _Pair:
    """Upright width and height as they are stored: orientations 5 to 8 lie on their side."""
    return (pair[1], pair[0]) if header.orientation >= 5 else pair


def _centered(dimensions: Dimensions, kept: Kept) -> tuple[float, float, float, float]:
    left, top = (side * (1 - share) / 2 for side, share in zip(dimensions, kept, strict=True))
    return left, top, dimensions[0] - left, dimensions[1] - top


def _draft(image: Image.Image, header: Header, target: Dimensions, keep_ycc: bool) -> None:
    """Has libjpeg decode at 1/8, 1/4 or 1/2, as long as that is no smaller than `target`.

    YCbCr is handed through as it is stored where nothing needs RGB: the encoder wants YCbCr.
    """
    mode = "YCbCr" if keep_ycc and header.is_ycc and not _has_foreign_profile(header) else None
    for scale in (8, 4, 2):
        # Libjpeg rounds up.
        if -(-header.width // scale) >= target[0] and -(-header.height // scale) >= target[1]:
            image.draft(mode, (max(1, header.width // scale), max(1, header.height // scale)))
            return
    image.draft(mode, image.size)


def _plain(image: Image.Image) -> Image.Image:
    """The image in a mode that can be shrunk: L, RGB, RGBA, YCbCr or CMYK."""
    if image.mode.startswith("I"):
        # Gray of 16 bits. Converting alone would cut all above 255 to white.
        return image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if image.mode == "1":
        image = image.convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "YCbCr", "CMYK"):
        return image
    return image.convert("RGB")


def _has_foreign_profile(header: Header) -> bool:
    """Whether there is a profile for these samples that is not sRGB."""
    profile = header.profile
    if profile is None or profiles.space(profile) != header.space:
        return False
    return color_space(header) != "sRGB"


def _in_srgb(image: Image.Image, header: Header) -> Image.Image:
    if _has_foreign_profile(header) and _MODE_SPACES.get(image.mode) == header.space:
        image = _converted(image, header.profile or b"")
    if image.mode in ("RGB", "RGBA", "YCbCr"):
        return image
    return image.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
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
