"""The lowest quality of an encoder at which a picture still looks like itself, found by measurement.

The part with the most detail is encoded and compared, at four qualities: that takes less time than encoding the
whole of a picture of 1,200 pixels.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NamedTuple, Self, cast

from PIL import Image, ImageFilter, ImageMath

from chalicelib.imaging.probe.header import Box

Encode = Callable[[Image.Image, int, BinaryIO], object]
"""Writes an image at a quality."""

# Below, colors and smooth areas become blocks, which luma hardly tells; above, bytes grow fast for what nobody sees.
# In steps of three: two qualities that are nearer look the same.
CANDIDATES = {"jpeg": range(60, 91, 3), "webp": range(54, 91, 3), "avif": range(42, 91, 3)}

# Side of the part that is encoded, and of the cells among which it is chosen; pixels of the picture. Its edges are
# looked for at half of its size.
_PROBE, _CELL, _REDUCED = 256, 64, 2

# Side of the windows that are compared, in pixels.
_WINDOW = 8
# The constants of Wang et al. 2004, "Image Quality Assessment", for values of 0 to 255.
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def choose_quality(image: Image.Image, candidates: Sequence[int], similarity: float, encode: Encode) -> int:
    """The lowest of the candidates whose structural similarity is at least `similarity`, else the highest."""
    probe = image.crop(_most_detailed_part(image))
    wanted = _Windows.of(_luma(probe))
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        file = io.BytesIO()
        encode(probe, candidates[middle], file)
        if _structural_similarity(_Windows.of(_luma(Image.open(file))), wanted) >= similarity:
            high = middle
        else:
            low = middle + 1
    return candidates[low]


class _Windows(NamedTuple):
    """An image in mode F, and the means of its windows, and of the squares in them."""

    image: Image.Image
    means: Image.Image
    squares: Image.Image

    @classmethod
    def of(cls, luma: Image.Image) -> Self:
        width, height = (max(1, side // _WINDOW) * _WINDOW for side in luma.size)
        image = luma.crop((0, 0, width, height)).convert("F")
        return cls(image, image.reduce(_WINDOW), _product(image, image).reduce(_WINDOW))


def _structural_similarity(one: _Windows, other: _Windows) -> float:
    """The mean of all windows, which do not overlap; 1 where they are equal (Wang et al. 2004)."""
    products = _product(one.image, other.image).reduce(_WINDOW)
    similarity = ImageMath.lambda_eval(
        _similarity, x=one.means, y=other.means, xx=one.squares, yy=other.squares, xy=products
    )
    # ImageStat is wrong on images of floating-point numbers.
    return cast(float, similarity.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))


def _similarity(of: dict[str, Any]) -> Any:
    x, y = of["x"], of["y"]
    luminance = (2 * x * y + _C1) / (x * x + y * y + _C1)
    contrast = (2 * (of["xy"] - x * y) + _C2) / (of["xx"] - x * x + of["yy"] - y * y + _C2)
    return luminance * contrast


def _product(one: Image.Image, other: Image.Image) -> Image.Image:
    return cast(Image.Image, ImageMath.lambda_eval(lambda of: of["a"] * of["b"], a=one, b=other))


def _luma(image: Image.Image) -> Image.Image:
    if image.mode == "YCbCr":
        return image.getchannel("Y")
    return image.convert("RGB").convert("L")


def _most_detailed_part(image: Image.Image) -> Box:
    """The part of at most _PROBE pixels a side, in steps of _CELL, in which edges are strongest."""
    luma = _luma(image).reduce(_REDUCED)
    cell = _CELL // _REDUCED
    columns, rows = (max(1, side // cell) for side in luma.size)
    edges = luma.crop((0, 0, columns * cell, rows * cell)).filter(ImageFilter.FIND_EDGES)
    cells = edges.resize((columns, rows), Image.Resampling.BOX)
    across, down = (min(_PROBE // _CELL, count) for count in (columns, rows))
    best = max(
        ((left, top) for top in range(rows - down + 1) for left in range(columns - across + 1)),
        key=lambda place: _sum(cells, place, across, down),
    )
    left, top = best[0] * _CELL, best[1] * _CELL
    return left, top, min(left + _PROBE, image.width), min(top + _PROBE, image.height)


def _sum(cells: Image.Image, place: tuple[int, int], across: int, down: int) -> int:
    box = place[0], place[1], place[0] + across, place[1] + down
    return sum(cells.crop(box).tobytes())
