"""From a stored picture to the pixels that are wanted: decoded, shrunk, upright, in sRGB.

In that order, since what costs time in proportion to the original should come once and what
comes after it should have less to work on. For the inside of the guarded child.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from PIL import Image

from chalicelib.imaging import encoding, endings, samples
from chalicelib.imaging.decode import opened
from chalicelib.imaging.header import Header

Dimensions = tuple[int, int]
"""Width and height."""

Kept = tuple[float, float]
"""The share of the width, and of the height, that a crop about the center leaves; up to 1."""

WHOLE: Kept = (1.0, 1.0)

_Pair = TypeVar("_Pair", Dimensions, Kept)

_LANCZOS = Image.Resampling.LANCZOS

# Side of a block → how many pixels of a side must become one, at least, before blocks of that
# side may be averaged (or decoded as one pixel) ahead of LANCZOS. Averaging is fast, but it
# blurs, and turns detail into patterns that are not there. From these ratios on it costs less
# than 0.003 of SSIM on photos, and on a screenshot of text as long as its lines can be told
# apart: `python -m bench resampling`.
_AVERAGED = ((8, 64.0), (4, 24.0), (2, 5.55))

# A size is made from a larger one instead of the original where that is larger by this much.
# Twice LANCZOS at a lower ratio blurs: up to 0.007 of SSIM at 1.2 on text, 0.001 at 1.5.
_REUSED = 1.5

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


def fitted(dimensions: Dimensions, width: float, height: float) -> Dimensions:
    """The largest dimensions of the same proportions in a box; never enlarged, never 0."""
    scale = min(1.0, width / dimensions[0], height / dimensions[1])
    return max(1, round(dimensions[0] * scale)), max(1, round(dimensions[1] * scale))


class _Layer(NamedTuple):
    """Pixels of a picture, as it is stored; they may be fewer than the original's."""

    image: Image.Image
    extent: tuple[float, float]
    """The width and height, in pixels of `image`, that the picture fills: libjpeg rounds up."""

    scale: int = 1
    """How many pixels of a side of the original are one."""


@dataclass(frozen=True)
class Source:
    """A decoded picture, of which any number of sizes can be made."""

    layers: tuple[_Layer, ...]
    """The whole picture in one; or Y, Cb and Cr."""

    is_ycc_wanted: bool
    """Whether what is made of it may be in YCbCr."""

    @property
    def image(self) -> Image.Image:
        """The picture as it was decoded; of Y, Cb and Cr, the first."""
        return self.layers[0].image


def loaded(picture: bytes, header: Header, target: Dimensions, formats: Collection[str] = ()) -> Source:
    """The picture as it is stored, of a JPEG no more than `target` (upright) needs of it.

    A crop needs no more than that either: the side that it leaves whole decides. What is made of
    it is in RGB or RGBA, or in YCbCr if JPEG is among the `formats` that it is wanted in. Raises
    whatever Pillow does.
    """
    endings.check(picture, header)
    if header.format == "JPEG":
        return _loaded_jpeg(picture, header, _stored(header, target), formats)
    image = opened(picture, header.format)
    image.load()
    image = samples.plain(image, picture, header)
    return Source((_Layer(image, image.size),), is_ycc_wanted=False)


def finished(source: Source, header: Header, target: Dimensions, *, kept: Kept = WHOLE) -> Image.Image:
    """A `loaded` picture in the dimensions of `target`: upright, in sRGB (or YCbCr of it)."""
    image = _shrunk(source, _stored(header, target), _stored(header, kept))
    if header.orientation in _TURNS:
        image = image.transpose(_TURNS[header.orientation])
    image = samples.in_srgb(image, header)
    # Savers write some of what they find here into their files.
    image.info.clear()
    return image


def reusable(images: Iterable[Image.Image], dimensions: Dimensions) -> Image.Image | None:
    """The smallest of `images` from which one of these dimensions is as good as from the original."""
    good = [image for image in images if all(a >= b * _REUSED for a, b in zip(image.size, dimensions, strict=True))]
    return min(good, key=lambda image: image.size, default=None)


def resized(image: Image.Image, dimensions: Dimensions) -> Image.Image:
    """The same picture in other dimensions."""
    return _resized(_Layer(image, image.size), dimensions, WHOLE)


def _shrunk(source: Source, dimensions: Dimensions, kept: Kept) -> Image.Image:
    images = [_resized(layer, dimensions, kept) for layer in source.layers]
    image = Image.merge("YCbCr", images) if len(images) > 1 else images[0]
    return image if source.is_ycc_wanted or image.mode != "YCbCr" else image.convert("RGB")


def _resized(layer: _Layer, dimensions: Dimensions, kept: Kept) -> Image.Image:
    """The part about the center that `kept` names, in other dimensions."""
    image, box = layer.image, _centered(layer.extent, kept)
    if image.size == dimensions and box == (0, 0, *image.size):
        return image
    across = _left_to_average((box[2] - box[0]) / dimensions[0], layer.scale)
    down = _left_to_average((box[3] - box[1]) / dimensions[1], layer.scale)
    if (across, down) != (1, 1):
        image = image.reduce((across, down))
        box = box[0] / across, box[1] / down, box[2] / across, box[3] / down
    # Pillow premultiplies LA and RGBA for this, so that the color of what is clear does not bleed.
    return image.resize(dimensions, _LANCZOS, box)


def _left_to_average(ratio: float, scale: int) -> int:
    return max(1, _averaged(ratio * scale) // scale)


def _averaged(ratio: float) -> int:
    """The side of the blocks that may be averaged where `ratio` pixels of a side become one."""
    return next((side for side, least in _AVERAGED if ratio >= least), 1)


def _stored(header: Header, pair: _Pair) -> _Pair:
    """Upright width and height as they are stored: orientations 5 to 8 lie on their side."""
    return (pair[1], pair[0]) if header.orientation >= 5 else pair


def _centered(dimensions: tuple[float, float], kept: Kept) -> tuple[float, float, float, float]:
    left, top = (side * (1 - share) / 2 for side, share in zip(dimensions, kept, strict=True))
    return left, top, dimensions[0] - left, dimensions[1] - top


def _loaded_jpeg(picture: bytes, header: Header, target: Dimensions, formats: Collection[str]) -> Source:
    """Decoded by libjpeg at 1/8, 1/4, 1/2 or whole.

    YCbCr is handed through as it is stored where nothing needs RGB: the encoder wants YCbCr.
    """
    keep_ycc = header.is_ycc and "jpeg" in formats and header.profile is None
    ratio = min(header.width / target[0], header.height / target[1])
    scale = _averaged(ratio)
    # Where its color will be stored at half the resolution, no more of it is decoded than the
    # target has: reading the codes twice costs less than the smaller planes save, except those of
    # a progressive one.
    halves = header.is_ycc and scale == 1 and ratio >= 2 and all(map(encoding.halves_color, formats))
    if halves and not _is_progressive(picture):
        luma, color = _drafted(picture, header, 1, "L"), _drafted(picture, header, 4 if ratio >= 4 else 2, "YCbCr")
        _luma, *chroma = color.image.split()
        return Source((luma, *(color._replace(image=band) for band in chroma)), keep_ycc)
    return Source((_drafted(picture, header, scale, "YCbCr" if keep_ycc else None),), keep_ycc)


def _is_progressive(picture: bytes) -> bool:
    return "progressive" in opened(picture, "JPEG").info


def _drafted(picture: bytes, header: Header, scale: int, mode: str | None) -> _Layer:
    image = opened(picture, header.format)
    image.draft(mode, (max(1, header.width // scale), max(1, header.height // scale)))
    image.load()
    return _Layer(samples.plain(image, picture, header), (header.width / scale, header.height / scale), scale)
