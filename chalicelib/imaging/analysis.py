"""The analysis of a picture: its pixels are counted in the child, the counts are judged here.

The child sends numbers alone. What it says is checked, as its decoder has met a stranger's file.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, BinaryIO

from chalicelib.imaging import exif, measures
from chalicelib.imaging.decode import decoding, guarded, is_vast
from chalicelib.imaging.encoding import on_white
from chalicelib.imaging.findings import BINS, MOST_COLORS, Analysis, Color, Histogram, Tones
from chalicelib.imaging.header import Header
from chalicelib.imaging.pixels import finished, fitted, loaded
from chalicelib.imaging.probe import info, probe, upright
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import Limits

# Pixels of the longer side that is measured: what a screen shows of a photograph.
_MEASURED_SIDE = 1_024

_VALUES = 256


@dataclass(frozen=True)
class _Numbers:
    """What the child found."""

    transparent: bool
    counts: list[list[int]]
    colors: list[tuple[int, int, int, float]]
    sharpness: float


def analyze(data: bytes, declared_type: str, limits: Limits) -> Analysis:
    """What there is to say of a picture; see `chalicelib.imaging.analyze`."""
    header = probe(data, declared_type, limits)
    picture = header.picture(data)
    [answer] = guarded(lambda output: [write_numbers(picture, header, limits, output)], limits)
    found = _numbers(answer)
    about = info(header)
    return Analysis(
        width=about.width,
        height=about.height,
        format=about.format.lower(),
        media_type=about.media_type,
        size=len(data),
        color_space=about.color_space,
        has_transparency=found.transparent,
        frames=about.frames,
        orientation=about.orientation,
        colors=tuple(Color(_hex(*rgb), round(share, 4)) for *rgb, share in found.colors),
        tones=_tones(found.counts),
        sharpness=round(found.sharpness, 2),
        shot=exif.shot(header.exif),
    )


def write_numbers(picture: bytes, header: Header, limits: Limits, output: BinaryIO) -> int:
    """Measures the picture and writes what it found as JSON; returns its length.

    Without any guard: for the inside of the child. Raises ImageRejectedError.
    """
    with decoding(is_vast=is_vast(header, limits)):
        target = fitted(upright(header), _MEASURED_SIDE, _MEASURED_SIDE)
        source = loaded(picture, header, target)
        # Asked before it is shrunk, after which a single clear pixel could be gone.
        transparent = measures.is_see_through(source.image)
        image = finished(source, header, target)
    found = {
        "transparent": transparent,
        "counts": measures.counts(image),
        "colors": [(*rgb, share) for rgb, share in measures.dominant(image)],
        "sharpness": measures.sharpness(on_white(image).convert("L")),
    }
    return output.write(json.dumps(found).encode())


def _numbers(answer: bytes) -> _Numbers:
    try:
        return _checked(json.loads(answer))
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError):
        # Only a decoder that the picture has taken over would say this.
        raise ImageRejectedError("corrupt") from None


def _checked(found: Any) -> _Numbers:
    numbers = _Numbers(
        transparent=bool(found["transparent"]),
        counts=[[int(count) for count in band] for band in found["counts"]],
        colors=[(int(red), int(green), int(blue), float(share)) for red, green, blue, share in found["colors"]],
        sharpness=float(found["sharpness"]),
    )
    if [len(band) for band in numbers.counts] != [_VALUES] * 4 or len(numbers.colors) > MOST_COLORS:
        raise ValueError("not as many numbers as there must be")
    if len({sum(band) for band in numbers.counts}) != 1 or min(map(min, numbers.counts)) < 0:
        raise ValueError("counts of different pixels")
    if not all(0 <= value < _VALUES for *rgb, _share in numbers.colors for value in rgb):
        raise ValueError("a color that is none")
    if not all(map(math.isfinite, [numbers.sharpness, *(share for *_rgb, share in numbers.colors)])):
        raise ValueError("a number that is none")
    return numbers


def _tones(counts: list[list[int]]) -> Tones | None:
    *color, luma = counts
    if not sum(luma):
        return None
    brightness = _mean(luma)
    variance = sum(count * (value - brightness) ** 2 for value, count in enumerate(luma)) / sum(luma)
    return Tones(
        average_color=_hex(*(round(_mean(band)) for band in color)),
        brightness=round(brightness / 255, 4),
        contrast=round(math.sqrt(variance) / 255, 4),
        histogram=Histogram(*map(_shares, counts)),
    )


def _mean(band: list[int]) -> float:
    return sum(value * count for value, count in enumerate(band)) / sum(band)


def _shares(band: list[int]) -> tuple[float, ...]:
    step, total = _VALUES // BINS, sum(band)
    return tuple(round(sum(band[start : start + step]) / total, 5) for start in range(0, _VALUES, step))


def _hex(red: int, green: int, blue: int) -> str:
    return f"#{red:02x}{green:02x}{blue:02x}"
