"""Draws the sample picture from a seed: a mountain lake at dusk, 12 megapixels."""

import io
import itertools
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

WIDTH, HEIGHT = 4000, 3000
HORIZON = 1900
_SUN = (960, 1500)

Color = tuple[int, int, int]

# Colours from the zenith (0) to the horizon (1).
_SKY: list[tuple[float, Color]] = [
    (0.0, (18, 22, 58)),
    (0.35, (58, 48, 110)),
    (0.6, (150, 78, 128)),
    (0.8, (238, 130, 104)),
    (0.93, (255, 188, 122)),
    (1.0, (255, 222, 168)),
]
# Mountain ranges, the farthest first: base line, height of the peaks, roughness, colours of the top and of the foot.
_RANGES: list[tuple[int, int, float, Color, Color]] = [
    (1790, 520, 0.52, (150, 104, 140), (232, 152, 132)),
    (1830, 430, 0.56, (104, 76, 122), (196, 120, 124)),
    (1870, 330, 0.60, (62, 52, 98), (128, 84, 112)),
    (1905, 190, 0.66, (24, 26, 56), (58, 48, 84)),
]


def draw(seed: int = 2026) -> Image.Image:
    """The picture, 4000×3000, RGB; the same seed gives the same landscape."""
    rng = random.Random(seed)
    upper = _draw_sky(rng)
    for index, (base, peak, roughness, top, foot) in enumerate(_RANGES):
        ridge = _make_ridge(rng, base, peak, roughness)
        haze = [(0.0, top), ((base - peak) / HORIZON, top), (1.0, foot)]
        upper.paste(_gradient(haze, HORIZON), mask=_mask_below(ridge))
        if index == len(_RANGES) - 1:
            _draw_forest(upper, ridge, rng)
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    picture.paste(upper, (0, 0))
    picture.paste(_draw_lake(upper, rng), (0, HORIZON))
    return _add_grain(picture)


def jpeg(seed: int = 2026) -> bytes:
    """The picture as a JPEG file."""
    file = io.BytesIO()
    draw(seed).save(file, "JPEG", quality=90)
    return file.getvalue()


def _gradient(stops: list[tuple[float, Color]], height: int) -> Image.Image:
    column = Image.new("RGB", (1, height))
    for y in range(height):
        column.putpixel((0, y), _interpolate(stops, y / (height - 1)))
    return column.resize((WIDTH, height))


def _interpolate(stops: list[tuple[float, Color]], position: float) -> Color:
    for (start, first), (end, last) in itertools.pairwise(stops):
        if position <= end:
            fraction = (position - start) / (end - start)
            red, green, blue = (round(a + (b - a) * fraction) for a, b in zip(first, last, strict=True))
            return red, green, blue
    return stops[-1][1]


def _draw_sky(rng: random.Random) -> Image.Image:
    sky = _gradient(_SKY, HORIZON)
    pen = ImageDraw.Draw(sky)
    for _ in range(420):
        height = rng.random() ** 1.8
        light = round((1 - height) * rng.uniform(90, 235))
        x, y, size = rng.randrange(WIDTH), round(height * 1000), rng.choice((1, 1, 2, 3))
        red, green, blue = sky.getpixel((x, y))  # type: ignore[misc]
        pen.ellipse(
            (x, y, x + size, y + size), (min(255, red + light), min(255, green + light), min(255, blue + light))
        )
    for radius, color in ((1700, (110, 46, 30)), (720, (120, 78, 40)), (300, (110, 96, 66))):
        sky = _add_glow(sky, radius, color)
    ImageDraw.Draw(sky).ellipse(_box(*_SUN, 92), (255, 246, 220))
    return sky


def _box(x: int, y: int, radius: int) -> tuple[int, int, int, int]:
    return x - radius, y - radius, x + radius, y + radius


def _add_glow(picture: Image.Image, radius: int, color: Color) -> Image.Image:
    light = ImageOps.invert(Image.radial_gradient("L")).resize((2 * radius, 2 * radius), Image.Resampling.BICUBIC)
    # The gradient fills a square: its corners outside the circle must be black.
    light = light.point([max(0, value - 75) * 255 // 180 for value in range(256)])
    layer = Image.new("RGB", picture.size)
    layer.paste(Image.new("RGB", light.size, color), _box(*_SUN, radius)[:2], light)
    return ImageChops.screen(picture, layer)


def _make_ridge(rng: random.Random, base: int, peak: int, roughness: float) -> list[tuple[int, int]]:
    """A skyline by midpoint displacement: each halving adds detail, `roughness` times as high as the one before."""
    heights = [rng.uniform(0.2, 0.7), rng.uniform(0.3, 0.9)]
    swing = 0.55
    while len(heights) < WIDTH // 4:
        middles = [(a + b) / 2 + rng.uniform(-swing, swing) for a, b in itertools.pairwise(heights)]
        heights = [value for pair in zip(heights, middles, strict=False) for value in pair] + heights[-1:]
        swing *= roughness
    lowest, highest = min(heights), max(heights)
    step = WIDTH / (len(heights) - 1)
    return [
        (round(i * step), round(base - peak * (value - lowest) / (highest - lowest))) for i, value in enumerate(heights)
    ]


def _mask_below(ridge: list[tuple[int, int]]) -> Image.Image:
    mask = Image.new("L", (WIDTH, HORIZON))
    ImageDraw.Draw(mask).polygon([(0, HORIZON), *ridge, (WIDTH, HORIZON)], 255)
    return mask


def _draw_forest(picture: Image.Image, ridge: list[tuple[int, int]], rng: random.Random) -> None:
    pen = ImageDraw.Draw(picture)
    for x, y in ridge[::2]:
        height, color = rng.randrange(26, 74), (18 + rng.randrange(8), 20 + rng.randrange(8), 46)
        for layer in range(4):
            top, width = y - height + layer * height // 5, 5 + layer * height // 14
            pen.polygon([(x, top), (x - width, top + height // 3), (x + width, top + height // 3)], color)


def _draw_lake(upper: Image.Image, rng: random.Random) -> Image.Image:
    """The scene mirrored and stretched, darker towards the front, with ripples that get wider towards the front."""
    depth = HEIGHT - HORIZON
    mirror = ImageOps.flip(upper).crop((0, 0, WIDTH, 1500)).resize((WIDTH, depth), Image.Resampling.BICUBIC)
    mirror = mirror.filter(ImageFilter.GaussianBlur(3))
    water = Image.new("RGB", (WIDTH, depth))
    y = 0
    while y < depth:
        thickness = 2 + y // 70
        shift = round(rng.gauss(0, 1.5 + y / 60))
        water.paste(mirror.crop((0, y, WIDTH, y + thickness)), (shift, y))
        edge = mirror.crop((0 if shift > 0 else WIDTH - 1, y, 1 if shift > 0 else WIDTH, y + thickness))
        if shift:
            water.paste(edge.resize((abs(shift), thickness)), (0 if shift > 0 else WIDTH + shift, y))
        y += thickness
    shade = _gradient([(0.0, (236, 226, 232)), (1.0, (92, 88, 132))], depth)
    return ImageChops.multiply(water.filter(ImageFilter.GaussianBlur(1.2)), shade)


def _add_grain(picture: Image.Image) -> Image.Image:
    """Add a sensor's grain, without which the sky shows bands."""
    grain = Image.effect_noise((WIDTH, HEIGHT), 9).convert("RGB")
    return ImageChops.add(picture, grain, scale=1, offset=-128)
