"""Draws a ThumbHash, as browsers' scripts do (Evan Wallace, evanw.github.io/thumbhash)."""

import math
from collections.abc import Iterator

from PIL import Image

_SIDE = 32


def decode_thumbhash(data: bytes) -> Image.Image:
    """In mode RGBA, 32 pixels at its longer side."""
    first, second = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:5], "little")
    has_alpha, is_landscape = bool(first >> 23), bool(second >> 15)
    long, short = (5 if has_alpha else 7), second & 7
    across, down = (long, short) if is_landscape else (short, long)
    halves = _halves(data[6 if has_alpha else 5 :])
    luma = _cosines(halves, max(3, across), max(3, down), (first >> 18 & 31) / 31)
    yellow = _cosines(halves, 3, 3, (second >> 3 & 63) / 63 * 1.25)
    warm = _cosines(halves, 3, 3, (second >> 9 & 63) / 63 * 1.25)
    alpha = _cosines(halves, 5, 5, (data[5] >> 4) / 15) if has_alpha else []
    means = (first & 63) / 63, (first >> 6 & 63) / 31.5 - 1, (first >> 12 & 63) / 31.5 - 1
    mean_alpha = (data[5] & 15) / 15 if has_alpha else 1.0
    ratio = across / down
    width, height = (_SIDE, round(_SIDE / ratio)) if ratio > 1 else (round(_SIDE * ratio), _SIDE)
    image = Image.new("RGBA", (width, height))
    for y in range(height):
        for x in range(width):
            place = (x + 0.5) / width, (y + 0.5) / height
            light, blue, red = (mean + _at(each, place) for mean, each in zip(means, (luma, yellow, warm), strict=True))
            b = light - 2 / 3 * blue
            r = (3 * light - b + red) / 2
            values = r, r - red, b, mean_alpha + _at(alpha, place)
            image.putpixel((x, y), tuple(max(0, min(255, round(255 * value))) for value in values))
    return image


def _halves(data: bytes) -> Iterator[int]:
    for byte in data:
        yield byte & 15
        yield byte >> 4


def _cosines(halves: Iterator[int], across: int, down: int, scale: float) -> list[tuple[int, int, float]]:
    places = [
        (at_across, at_down)
        for at_down in range(down)
        for at_across in range(0 if at_down else 1, across)
        if at_across * down < across * (down - at_down)
    ]
    return [(*place, (next(halves) / 7.5 - 1) * scale) for place in places]


def _at(cosines: list[tuple[int, int, float]], place: tuple[float, float]) -> float:
    across, down = place
    return sum(2 * value * math.cos(math.pi * x * across) * math.cos(math.pi * y * down) for x, y, value in cosines)
