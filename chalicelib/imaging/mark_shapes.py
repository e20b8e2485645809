"""What marks of both kinds do: they turn, and let the picture shine through."""

import math

from PIL import Image


def rotate(tile: Image.Image, degrees: float) -> Image.Image:
    """The tile (RGBA), turned clockwise; as large as that needs."""
    if not degrees % 360:
        return tile
    return tile.rotate(-degrees, Image.Resampling.BICUBIC, expand=True)


def rotated_dimensions(width: float, height: float, degrees: float) -> tuple[float, float]:
    """Of the upright box around a turned one."""
    if not degrees % 360:
        return width, height
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    return width * cosine + height * sine, width * sine + height * cosine


def scale_opacity(mask: Image.Image, opacity: float) -> Image.Image:
    return mask.point([round(value * opacity) for value in range(256)])
