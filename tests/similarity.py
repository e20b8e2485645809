"""How similar two pictures are, and pictures that reveal bad shrinking."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageMath

_FONT = Path(__file__).parents[1] / "chalicelib" / "imaging" / "fonts" / "DarkroomSans-Regular.ttf"

# Side of the windows that are compared, in pixels.
_WINDOW = 8
# The constants of Wang et al. 2004, "Image Quality Assessment", for values of 0 to 255.
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(one: Image.Image, other: Image.Image) -> float:
    """The structural similarity (Wang et al. 2004) of two pictures of the same size; 1 where they are equal.

    Of the luma, as the mean of windows of 8 x 8 pixels that do not overlap. Pictures that are
    not opaque are compared on white.
    """
    x, y = _luma(one), _luma(other)
    if x.size != y.size:
        raise ValueError(f"{x.size} and {y.size} cannot be compared")
    mean_x, mean_y = x.reduce(_WINDOW), y.reduce(_WINDOW)
    square_x, square_y, product = (_product(*pair).reduce(_WINDOW) for pair in ((x, x), (y, y), (x, y)))
    similarity = ImageMath.lambda_eval(
        _similarity, x=mean_x, y=mean_y, xx=square_x, yy=square_y, xy=product,
    )  # fmt: skip
    # ImageStat is wrong on images of floating-point numbers.
    mean = similarity.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(mean, float)
    return mean


def _similarity(of: dict[str, Any]) -> Any:
    x, y = of["x"], of["y"]
    luminance = (2 * x * y + _C1) / (x * x + y * y + _C1)
    contrast = (2 * (of["xy"] - x * y) + _C2) / (of["xx"] - x * x + of["yy"] - y * y + _C2)
    return luminance * contrast


def _product(one: Image.Image, other: Image.Image) -> Image.Image:
    product: Image.Image = ImageMath.lambda_eval(lambda of: of["a"] * of["b"], a=one, b=other)
    return product


def _luma(image: Image.Image) -> Image.Image:
    """Luma as floating-point numbers, without the rows and columns that do not fill a window."""
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    width, height = (max(_WINDOW, side - side % _WINDOW) for side in image.size)
    return image.convert("RGB").convert("L").convert("F").crop((0, 0, width, height))


# --- pictures ------------------------------------------------------------------------------


@cache
def scene(width: int, height: int) -> Image.Image:
    """As detailed as a sharp photograph: as much of it in each octave, and edges of every size.

    Both are what is found in photographs: Field 1987 for the first, the "dead leaves" of
    Lee et al. 2001 for the second. Not to be written to.
    """
    chance = random.Random(1)
    image = _octaves(chance, width, height)
    slope = Image.linear_gradient("L").resize((width, height))
    bands = [Image.blend(image, ground, 0.3) for ground in (slope, slope.rotate(180), image)]
    image = Image.merge("RGB", bands)
    draw = ImageDraw.Draw(image)
    for _ in range(width * height // 6_000):
        # Radii from 3 pixels to an eighth of the picture, as many as their inverse cube says.
        radius = (3**-2 - chance.random() * (3**-2 - (min(width, height) / 8) ** -2)) ** -0.5
        across, down = chance.random() * width, chance.random() * height
        light = chance.randrange(40, 215)
        color = tuple(light + chance.randrange(-40, 41) for _ in range(3))
        draw.ellipse((across - radius, down - radius, across + radius, down + radius), fill=color)
    # As much as a good lens blurs.
    return image.filter(ImageFilter.GaussianBlur(0.7))


def _octaves(chance: random.Random, width: int, height: int) -> Image.Image:
    cells, image = 4, Image.new("L", (width, height), 128)
    for octave in range(1, 99):
        rows = max(1, cells * height // width)
        noise = Image.frombytes("L", (cells, rows), chance.randbytes(cells * rows))
        image = Image.blend(image, noise.resize((width, height), Image.Resampling.BICUBIC), 1 / octave)
        if cells >= max(width, height):
            break
        cells *= 2
    return image.point([max(0, min(255, round((value - 128) * 2.2 + 128))) for value in range(256)])


_WORDS = ("the", "queue", "of", "pictures", "is", "read", "once", "1,024", "function", "by", "name", "(empty)", "total")
_INKS = ((20, 20, 20), (70, 70, 70), (10, 60, 160), (150, 30, 20))
_LIGHT_INKS = ((220, 220, 220), (150, 200, 120), (220, 160, 90))


@cache
def screenshot(width: int = 2560, height: int = 1440) -> Image.Image:
    """Three columns of text of 11 to 16 pixels, the last of them light on dark. Not to be written to."""
    chance = random.Random(2)
    image = Image.new("RGB", (width, height), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    column = width // 3
    draw.rectangle((2 * column, 0, width, height), fill=(30, 32, 40))
    fonts = [ImageFont.truetype(_FONT, size, layout_engine=ImageFont.Layout.BASIC) for size in (11, 12, 13, 14, 16)]
    for left in range(0, 3 * column, column):
        top = 6
        while top < height:
            font, ink = chance.choice(fonts), chance.choice(_INKS if left < 2 * column else _LIGHT_INKS)
            draw.text((left + 8, top), _line(chance, font, column - 16), ink, font)
            top += round(font.size) + chance.randrange(3, 9)
    return image


def _line(chance: random.Random, font: ImageFont.FreeTypeFont, room: int) -> str:
    lengths = _lengths(font)
    words: list[str] = []
    while room > lengths[word := chance.choice(_WORDS)]:
        words.append(word)
        room -= lengths[word]
    return " ".join(words)


@cache
def _lengths(font: ImageFont.FreeTypeFont) -> dict[str, int]:
    return {word: round(font.getlength(f"{word} ")) for word in _WORDS}
