"""Analyzes a picture: the child counts pixels, the parent computes the result.

The child sends numbers as JSON. They are checked, since a hostile file may have taken the child over.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from chalicelib.imaging import decoders, measures, probe
from chalicelib.imaging.child import run_in_child
from chalicelib.imaging.decode import run_decoding
from chalicelib.imaging.encode import on_ground
from chalicelib.imaging.files import Written
from chalicelib.imaging.findings import BINS, MAX_COLORS, Analysis, Color, Histogram, Tones
from chalicelib.imaging.pipeline import DECODE, RESIZE
from chalicelib.imaging.plan import fit_inside
from chalicelib.imaging.probe import exif
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import Limits
from chalicelib.imaging.work import Work

# Pixels of the longer side that is measured: about a screen.
_MEASURED_SIDE = 1_024

_VALUES = 256


@dataclass(frozen=True)
class _Numbers:
    """The child's answer."""

    transparent: bool
    histograms: list[list[int]]
    colors: list[tuple[int, int, int, float]]
    sharpness: float


def analyze(data: bytes, declared_type: str, limits: Limits) -> Analysis:
    """See `chalicelib.imaging.analyze`."""
    header = probe.read_header(data, declared_type, limits)
    measured = fit_inside(header.upright, _MEASURED_SIDE, _MEASURED_SIDE)
    decoders.load(header.format)
    work = Work(header.strip(data), header, header.turn(measured), limits)
    [answer] = run_in_child(lambda output: [Written(output.write(measure(work)))], limits)
    numbers = _parse(answer.data)
    info = probe.image_info(header)
    return Analysis(
        width=info.width,
        height=info.height,
        format=info.format.lower(),
        media_type=info.media_type,
        size=len(data),
        color_space=info.color_space,
        has_transparency=numbers.transparent,
        frames=info.frames,
        orientation=info.orientation,
        colors=tuple(Color(_hex(*rgb), round(share, 4)) for *rgb, share in numbers.colors),
        tones=_tones(numbers.histograms),
        sharpness=round(numbers.sharpness, 2),
        capture=exif.capture(header.exif),
    )


def measure(work: Work) -> bytes:
    """What `analyze` does in the child: its numbers as JSON. Raises ImageRejectedError."""
    run_decoding(DECODE, work)
    # Before RESIZE: afterwards a single transparent pixel could be gone.
    transparent = measures.has_transparency(work.image)
    run_decoding(RESIZE, work)
    numbers = {
        "transparent": transparent,
        "histograms": measures.histograms(work.image),
        "colors": [(*rgb, share) for rgb, share in measures.dominant_colors(work.image)],
        "sharpness": measures.sharpness(on_ground(work.image).convert("L")),
    }
    return json.dumps(numbers).encode()


def _parse(answer: bytes) -> _Numbers:
    try:
        return _check(json.loads(answer))
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError):
        # Only a decoder that the picture has taken over would answer this.
        raise ImageRejectedError("corrupt") from None


def _check(answer: Any) -> _Numbers:
    numbers = _Numbers(
        transparent=bool(answer["transparent"]),
        histograms=[[int(count) for count in band] for band in answer["histograms"]],
        colors=[(int(red), int(green), int(blue), float(share)) for red, green, blue, share in answer["colors"]],
        sharpness=float(answer["sharpness"]),
    )
    if [len(band) for band in numbers.histograms] != [_VALUES] * 4 or len(numbers.colors) > MAX_COLORS:
        raise ValueError("the wrong number of values")
    if len({sum(band) for band in numbers.histograms}) != 1 or min(map(min, numbers.histograms)) < 0:
        raise ValueError("histograms of different pixels")
    if not all(0 <= value < _VALUES for *rgb, _share in numbers.colors for value in rgb):
        raise ValueError("not a color")
    if not all(map(math.isfinite, [numbers.sharpness, *(share for *_rgb, share in numbers.colors)])):
        raise ValueError("not a finite number")
    return numbers


def _tones(histograms: list[list[int]]) -> Tones | None:
    *color, luma = histograms
    if not sum(luma):
        return None
    brightness = _mean(luma)
    variance = sum(count * (value - brightness) ** 2 for value, count in enumerate(luma)) / sum(luma)
    return Tones(
        average_color=_hex(*(round(_mean(band)) for band in color)),
        brightness=round(brightness / 255, 4),
        contrast=round(math.sqrt(variance) / 255, 4),
        histogram=Histogram(*map(_shares, histograms)),
    )


def _mean(band: list[int]) -> float:
    return sum(value * count for value, count in enumerate(band)) / sum(band)


def _shares(band: list[int]) -> tuple[float, ...]:
    step, total = _VALUES // BINS, sum(band)
    return tuple(round(sum(band[start : start + step]) / total, 5) for start in range(0, _VALUES, step))


def _hex(red: int, green: int, blue: int) -> str:
    return f"#{red:02x}{green:02x}{blue:02x}"
