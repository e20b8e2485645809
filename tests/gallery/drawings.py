"""The pictures that the gallery is made of, drawn here."""

import io
import math
from functools import cache

from PIL import Image, ImageDraw, ImageFilter

_OVERSAMPLED = 2


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, form, **options)
    return output.getvalue()


@cache
def lake(width: int = 960, height: int = 640) -> Image.Image:
    """An evening at a lake; the sun stands to the left, a sail to the right. Not to be written to."""
    large = width * _OVERSAMPLED, height * _OVERSAMPLED
    sky = _slope(large, (52, 84, 150), (250, 190, 120))
    draw = ImageDraw.Draw(sky)
    across, down = large
    _disc(draw, across * 0.24, down * 0.42, down * 0.09, (255, 240, 200))
    for color, base, height_, steps in (((96, 92, 128), 0.60, 0.22, 5), ((58, 62, 92), 0.62, 0.14, 8)):
        peaks = [
            (across * at / steps, down * (base - height_ * (0.4 + 0.6 * (at * 7 % 5) / 4))) for at in range(steps + 1)
        ]
        draw.polygon([(0, down * base), *peaks, (across, down * base)], fill=color)
    water = _slope((across, round(down * 0.4)), (214, 150, 110), (28, 44, 80))
    sky.paste(water, (0, round(down * 0.6)))
    for at in range(40):
        top, wide = down * (0.62 + 0.36 * at / 40), across * (0.02 + 0.1 * (at * 13 % 11) / 11)
        left = across * (at * 17 % 40) / 40
        draw.line((left, top, left + wide, top), fill=(236, 186, 140), width=3)
    sail = across * 0.8, down * 0.34
    draw.polygon([sail, (sail[0], down * 0.72), (sail[0] - down * 0.2, down * 0.72)], fill=(245, 245, 240))
    draw.polygon([sail, (sail[0], down * 0.72), (sail[0] + down * 0.11, down * 0.7)], fill=(214, 70, 60))
    draw.polygon(
        [(sail[0] - down * 0.22, down * 0.74), (sail[0] + down * 0.15, down * 0.74), (sail[0], down * 0.79)],
        fill=(70, 44, 36),
    )
    return sky.resize((width, height), Image.Resampling.LANCZOS)


@cache
def owl(width: int = 640, height: int = 960) -> Image.Image:
    """An owl high up in a calm picture: what a smart crop looks for. Not to be written to."""
    large = width * _OVERSAMPLED, height * _OVERSAMPLED
    image = _slope(large, (188, 204, 176), (120, 146, 118))
    draw = ImageDraw.Draw(image)
    side, middle, top = large[0], large[0] * 0.62, large[1] * 0.22
    draw.ellipse((middle - side * 0.17, top - side * 0.16, middle + side * 0.17, top + side * 0.34), fill=(118, 82, 52))
    for ear in (-1, 1):
        tip = middle + ear * side * 0.16, top - side * 0.24
        draw.polygon(
            [tip, (middle + ear * side * 0.03, top - side * 0.13), (middle + ear * side * 0.16, top)], fill=(92, 62, 40)
        )
        eye = middle + ear * side * 0.07
        _disc(draw, eye, top, side * 0.068, (250, 240, 214))
        _disc(draw, eye, top, side * 0.04, (236, 164, 40))
        _disc(draw, eye, top, side * 0.02, (20, 16, 14))
    draw.polygon(
        [
            (middle - side * 0.02, top + side * 0.04),
            (middle + side * 0.02, top + side * 0.04),
            (middle, top + side * 0.1),
        ],
        fill=(230, 190, 60),
    )
    for row in range(4):
        for at in range(-2, 3):
            feather = middle + at * side * 0.055 + (row % 2) * side * 0.027, top + side * (0.14 + 0.045 * row)
            box = feather[0] - side * 0.025, feather[1], feather[0] + side * 0.025, feather[1] + side * 0.05
            draw.arc(box, 0, 180, fill=(226, 198, 160), width=5)
    branch = top + side * 0.36
    draw.rectangle((side * 0.2, branch, side, branch + side * 0.035), fill=(74, 52, 38))
    return image.resize((width, height), Image.Resampling.LANCZOS)


@cache
def halves(width: int = 960, height: int = 640) -> Image.Image:
    """Light on the left and dark on the right, with soft shapes on both. Not to be written to."""
    image = Image.new("RGB", (width, height), (244, 242, 236))
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height), fill=(24, 28, 36))
    for at in range(12):
        light = at % 2 == 0
        center = width * (0.25 if light else 0.75) + math.cos(at) * width * 0.18, height * (0.1 + 0.8 * at / 12)
        _disc(draw, *center, height * 0.09, (220, 212, 196) if light else (56, 66, 84))
    return image.filter(ImageFilter.GaussianBlur(4))


@cache
def star(side: int = 160) -> Image.Image:
    """A star, transparent around. Not to be written to."""
    large = side * 4
    image = Image.new("RGBA", (large, large), (255, 255, 255, 0))
    points = []
    for at in range(10):
        reach = large * (0.48 if at % 2 == 0 else 0.2)
        angle = math.pi * (at / 5 - 0.5)
        points.append((large / 2 + math.cos(angle) * reach, large / 2 + math.sin(angle) * reach))
    ImageDraw.Draw(image).polygon(points, fill=(255, 196, 40, 255))
    return image.resize((side, side), Image.Resampling.LANCZOS)


def ball_gif(frames: int = 6, width: int = 320, height: int = 214) -> bytes:
    """A ball that bounces from the left to the right."""
    images = []
    for at in range(frames):
        image = _slope((width, height), (230, 240, 250), (150, 190, 150))
        share = (at + 0.5) / frames
        _disc(
            ImageDraw.Draw(image),
            width * share,
            height * (0.75 - 0.5 * abs(math.sin(share * 2 * math.pi))),
            26,
            (214, 70, 60),
        )
        images.append(image.quantize(64, dither=Image.Dither.NONE))
    return encoded(images[0], "GIF", save_all=True, append_images=images[1:], duration=120, loop=0)


def _slope(size: tuple[int, int], top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)


def _disc(draw: ImageDraw.ImageDraw, across: float, down: float, radius: float, color: tuple[int, int, int]) -> None:
    draw.ellipse((across - radius, down - radius, across + radius, down + radius), fill=color)
