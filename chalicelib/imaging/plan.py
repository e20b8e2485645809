"""What comes out of a transform, computed from the original's header before a pixel is decoded."""

import math

from chalicelib.imaging.probe.header import Dimensions, Header
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import MAX_SIDE, Fit, Limits, Transform
from chalicelib.imaging.work import UNCROPPED, Shares

OWN_FORMATS = {"JPEG": "jpeg", "PNG": "png", "GIF": "png", "WEBP": "webp", "AVIF": "avif", "HEIC": "jpeg"}
"""Format of an original → the format that is written where none is named."""

# Pixels of a side: libjpeg's JPEG_MAX_DIMENSION, and libwebp's WEBP_MAX_DIMENSION.
_MAX_SIDE_OF = {"jpeg": 65_500, "webp": 16_383}

# The encoder takes 27 bytes of memory a pixel, measured; with the picture itself, 24 megapixels
# are what the child's memory holds.
_MAX_PIXELS_OF = {"avif": 24_000_000}


def plan_transform(header: Header, options: Transform, limits: Limits) -> tuple[Dimensions, Shares, str]:
    """The upright dimensions of the result, how much of the original is in it, and its format.

    Raises ImageRejectedError where the result would have too many pixels.
    """
    format_ = options.format or _own_format(header)
    dimensions, crop = _place(header.upright, options)
    _check_room(dimensions, header.upright, format_, limits)
    return dimensions, crop, format_


def _own_format(header: Header) -> str:
    # Nothing here writes HEIC; what stands for it must not lose the transparency that a few have.
    return "png" if header.format == "HEIC" and header.has_alpha else OWN_FORMATS[header.format]


def fit_inside(dimensions: Dimensions, width: float, height: float) -> Dimensions:
    """The largest dimensions of the same proportions in a box; never enlarged, never 0."""
    scale = min(1.0, width / dimensions[0], height / dimensions[1])
    return max(1, round(dimensions[0] * scale)), max(1, round(dimensions[1] * scale))


def _place(original: Dimensions, options: Transform) -> tuple[Dimensions, Shares]:
    """The dimensions of the result, and how much of the original is in it."""
    if options.fit == Fit.CONTAIN:
        return fit_inside(original, options.width or math.inf, options.height or math.inf), UNCROPPED
    if not (options.width and options.height):
        return _in_proportion(original, options), UNCROPPED
    box = options.width, options.height
    return box, cover(original, box) if options.fit == Fit.COVER else UNCROPPED


def _in_proportion(original: Dimensions, options: Transform) -> Dimensions:
    """The side that is given, and the other in proportion; possibly larger than the original."""
    width, height = original
    if options.width:
        return options.width, max(1, round(height * options.width / width))
    if options.height:
        return max(1, round(width * options.height / height)), options.height
    return original


def cover(original: Dimensions, box: Dimensions) -> Shares:
    """How much of the original is in a box that it covers."""
    scale = max(box[0] / original[0], box[1] / original[1])
    return min(1.0, box[0] / scale / original[0]), min(1.0, box[1] / scale / original[1])


def _check_room(dimensions: Dimensions, original: Dimensions, format_: str, limits: Limits) -> None:
    # A side that is not enlarged has been accepted already, however long it is.
    longest = max(MAX_SIDE, *original)
    max_side = min(longest, _MAX_SIDE_OF.get(format_, longest))
    max_pixels = min(limits.max_pixels, _MAX_PIXELS_OF.get(format_, limits.max_pixels))
    if max(dimensions) <= max_side and math.prod(dimensions) <= max_pixels:
        return
    width, height = dimensions
    raise ImageRejectedError(
        "too_many_pixels",
        f"The result would have {width:,} x {height:,} pixels; as {format_.upper()}, at most {max_side:,} "
        f"a side and {max_pixels:,} in all are made of this picture.",
    )
