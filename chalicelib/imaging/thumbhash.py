"""ThumbHash: a picture's colors and rough shapes in some 25 bytes (Evan Wallace, evanw.github.io/thumbhash).

Luma, two differences of colors and, if there is one, the alpha channel are each described by their lowest cosines.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

# Of the format: a picture has at most so many pixels a side.
MAX_SIDE = 100

# Cosines along the longer side: of luma, of luma where there is transparency, of colors and of alpha.
_LUMA, _LUMA_BESIDE_ALPHA, _COLOR, _ALPHA = 7, 5, 3, 5

# What rounding leaves of cosines in a plain picture is less.
_NOTHING = 1e-9


class _Channel(NamedTuple):
    mean: float
    cosines: list[float]
    """From 0 to 1, where 0.5 is none."""

    scale: float


def thumbhash(image: Image.Image) -> bytes:
    """Raises ValueError: a side is longer than MAX_SIDE pixels."""
    width, height = image.size
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"a ThumbHash is made of up to {MAX_SIDE} pixels a side")
    red, green, blue, alpha = _on_mean(image)
    has_alpha = any(each < 1 for each in alpha)
    luma = [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)]
    yellow = [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)]
    warm = [r - g for r, g in zip(red, green, strict=True)]
    most = _LUMA_BESIDE_ALPHA if has_alpha else _LUMA
    across, down = (max(1, _round(most * side / max(width, height))) for side in image.size)
    channels = [
        _encode(luma, image.size, max(3, across), max(3, down)),
        *(_encode(each, image.size, _COLOR, _COLOR) for each in (yellow, warm)),
        *([_encode(alpha, image.size, _ALPHA, _ALPHA)] if has_alpha else []),
    ]
    return _pack(channels, down if width > height else across, is_landscape=width > height)


def _on_mean(image: Image.Image) -> tuple[list[float], ...]:
    """Red, green and blue from 0 to 1, on the mean color of what is visible, and alpha."""
    data = image.convert("RGBA").tobytes()
    alpha = [value / 255 for value in data[3::4]]
    visible = sum(alpha)
    bands = []
    for at in range(3):
        band = [value / 255 for value in data[at::4]]
        mean = sum(value * share for value, share in zip(band, alpha, strict=True)) / visible if visible else 0.0
        bands.append([mean * (1 - share) + value * share for value, share in zip(band, alpha, strict=True)])
    return *bands, alpha


def _encode(values: Sequence[float], size: tuple[int, int], across: int, down: int) -> _Channel:
    """The lowest cosines: those in the upper left triangle."""
    width, height = size
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    waves = [[math.cos(math.pi / width * at * (x + 0.5)) for x in range(width)] for at in range(across)]
    sums = [[_dot(row, wave) for row in rows] for wave in waves]
    found = []
    for at_down in range(down):
        wave = [math.cos(math.pi / height * at_down * (y + 0.5)) for y in range(height)]
        for at_across in range(across):
            if at_across * down < across * (down - at_down):
                found.append(_dot(sums[at_across], wave) / len(values))
    mean, *cosines = found
    scale = max(map(abs, cosines))
    return _Channel(mean, [0.5 + 0.5 / scale * each if scale > _NOTHING else 0.0 for each in cosines], scale)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _pack(channels: Sequence[_Channel], shorter: int, *, is_landscape: bool) -> bytes:
    luma, yellow, warm, *alpha = channels
    first = (
        _round(63 * luma.mean)
        | _round(31.5 + 31.5 * yellow.mean) << 6
        | _round(31.5 + 31.5 * warm.mean) << 12
        | _round(31 * luma.scale) << 18
        | bool(alpha) << 23
    )
    second = shorter | _round(63 * yellow.scale) << 3 | _round(63 * warm.scale) << 9 | is_landscape << 15
    packed = bytearray(first.to_bytes(3, "little") + second.to_bytes(2, "little"))
    if alpha:
        packed.append(_round(15 * alpha[0].mean) | _round(15 * alpha[0].scale) << 4)
    halves = [_round(15 * each) for channel in channels for each in channel.cosines]
    halves += [0] * (len(halves) % 2)
    packed += bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))
    return bytes(packed)


def _round(value: float) -> int:
    return math.floor(value + 0.5)
