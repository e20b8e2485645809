"""One picture, in the box and the format that are wished for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import BinaryIO

from chalicelib.imaging import encoding
from chalicelib.imaging.decode import MOST_BYTES_PER_PIXEL, decoding, guarded, is_vast
from chalicelib.imaging.header import Header
from chalicelib.imaging.pixels import WHOLE, Dimensions, Kept, finished, fitted, loaded
from chalicelib.imaging.probe import probe, upright
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import MAX_SIDE, OUTPUTS, Fit, Limits, Transform, Transformed

# Format of an original → what it becomes where the wish names none.
_OWN_FORMATS = {"JPEG": "jpeg", "PNG": "png", "GIF": "png", "WEBP": "webp"}

# Of a side, in pixels: libjpeg's JPEG_MAX_DIMENSION, and libwebp's WEBP_MAX_DIMENSION.
_MOST_OF_A_SIDE = {"jpeg": 65_500, "webp": 16_383}

# The encoder takes 27 bytes of memory a pixel, measured; with the picture itself, 24 megapixels
# are what the child's memory holds.
_MOST_PIXELS = {"avif": 24_000_000}


@dataclass(frozen=True)
class Plan:
    """What comes out, known before a pixel is decoded."""

    dimensions: Dimensions
    kept: Kept
    format: str


def transform(data: bytes, declared_type: str, wish: Transform, limits: Limits) -> Transformed:
    """What `wish` makes of a picture; see `chalicelib.imaging.transform`."""
    header = probe(data, declared_type, limits)
    plan = planned(header, wish, limits)
    encoding.prepare(plan.format)
    picture = header.picture(data)
    [made] = guarded(lambda output: [write(picture, header, plan, wish.quality, limits, output)], limits)
    media_type, extension = OUTPUTS[plan.format]
    return Transformed(made, plan.format, media_type, *plan.dimensions, extension, header.frames > 1)


def planned(header: Header, wish: Transform, limits: Limits) -> Plan:
    """Raises ImageRejectedError where the result would have too many pixels."""
    form = wish.format or _OWN_FORMATS[header.format]
    dimensions, kept = _placed(upright(header), wish)
    _check_room(dimensions, upright(header), form, limits)
    return Plan(dimensions, kept, form)


def write(picture: bytes, header: Header, plan: Plan, quality: int, limits: Limits, output: BinaryIO) -> int:
    """Makes the file and writes it to `output`; returns its length.

    Without any guard: for the inside of the child. Raises ImageRejectedError.
    """
    with decoding(is_vast=is_vast(header, limits)):
        source = loaded(picture, header, plan.dimensions, (plan.format,))
        image = finished(source, header, plan.dimensions, kept=plan.kept)
    try:
        return encoding.encode(image, plan.format, quality, output)
    except Exception:
        # Encoders have many words for a lack of memory.
        if math.prod(plan.dimensions) * MOST_BYTES_PER_PIXEL > limits.memory_bytes:
            raise ImageRejectedError("resource_limit") from None
        raise


def _placed(original: Dimensions, wish: Transform) -> tuple[Dimensions, Kept]:
    """The dimensions of the result, and how much of the original is in it."""
    if wish.fit == Fit.CONTAIN:
        return fitted(original, wish.width or math.inf, wish.height or math.inf), WHOLE
    if not (wish.width and wish.height):
        return _proportional(original, wish), WHOLE
    box = wish.width, wish.height
    return box, _covering(original, box) if wish.fit == Fit.COVER else WHOLE


def _proportional(original: Dimensions, wish: Transform) -> Dimensions:
    """The side that the wish names, and the other as it follows; larger than the original, too."""
    width, height = original
    if wish.width:
        return wish.width, max(1, round(height * wish.width / width))
    if wish.height:
        return max(1, round(width * wish.height / height)), wish.height
    return original


def _covering(original: Dimensions, box: Dimensions) -> Kept:
    scale = max(box[0] / original[0], box[1] / original[1])
    return min(1.0, box[0] / scale / original[0]), min(1.0, box[1] / scale / original[1])


def _check_room(dimensions: Dimensions, original: Dimensions, form: str, limits: Limits) -> None:
    # What is not enlarged has been accepted already, however long its longer side is.
    side = max(MAX_SIDE, *original)
    most_of_a_side = min(side, _MOST_OF_A_SIDE.get(form, side))
    most = min(limits.max_pixels, _MOST_PIXELS.get(form, limits.max_pixels))
    if max(dimensions) <= most_of_a_side and math.prod(dimensions) <= most:
        return
    width, height = dimensions
    raise ImageRejectedError(
        "too_many_pixels",
        f"The result would have {width:,} x {height:,} pixels; as {form.upper()}, at most {most_of_a_side:,} "
        f"a side and {most:,} in all are made of this picture.",
    )
