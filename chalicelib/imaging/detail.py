"""Where a picture has the most detail: what a smart crop keeps.

The picture is shrunk to a small gray one. Its edges (a Laplacian of eight neighbors, cut off at a moderate strength so
that one hard edge does not outweigh a whole face) are blurred a little, and summed up by columns and by rows. A crop
that covers a box keeps one side whole, so it is a window over one of these two profiles: the one with the largest sum
is kept. Detail counts most in the middle of the window, so that what is found stands in the middle of the crop, and a
little more in the middle of the picture than at its edges, where there is often clutter. Of equal windows, as in a
plain picture, the one nearest to the middle is kept.
"""

import operator
from collections.abc import Sequence

from PIL import Image, ImageFilter

from chalicelib.core.image_values import Point
from chalicelib.imaging.work import Detail, Shares, Work

# Enough for where things are, and few enough to cost nothing beside the decode.
_MEASURED_SIDE = 128
# Averaging leaves so many pixels for each of them before the final filter.
_GAP = 2.0
# Of 255: noise and compression are below, and an edge of full contrast is not worth more than the upper one.
_NOISE, _STRONG = 12, 96
_BLUR = 2.0
# What detail counts at the edges of the window, and of the picture, where it counts 1 in the middle.
_WINDOW_EDGE, _PICTURE_EDGE = 0.5, 0.85


def measure_detail(work: Work) -> None:
    """The step: sets `work.detail`, of the decoded planes."""
    plane = work.planes[0]
    small = plane.image.resize(
        _small(plane.image.size), Image.Resampling.BOX, _inside(plane.box, plane.image.size), reducing_gap=_GAP
    )
    edges = _gray(small).filter(ImageFilter.FIND_EDGES)
    # The filter leaves the outermost pixels as they are.
    inner = edges.crop((1, 1, max(2, edges.width - 1), max(2, edges.height - 1)))
    strength = inner.point([min(max(0, value - _NOISE), _STRONG) for value in range(256)])
    strength = strength.filter(ImageFilter.GaussianBlur(_BLUR))
    work.detail = Detail(_profile(strength, strength.width, 1), _profile(strength, 1, strength.height))


def most_detailed(detail: Detail, shares: Shares) -> Point:
    """The middle of the part of these shares with the most detail."""
    return _best_middle(detail.across, shares[0]), _best_middle(detail.down, shares[1])


def _small(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, _MEASURED_SIDE / max(size))
    return max(3, round(size[0] * scale)), max(3, round(size[1] * scale))


def _inside(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    return box[0], box[1], min(box[2], size[0]), min(box[3], size[1])


def _gray(image: Image.Image) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        return image if image.mode == "L" else image.convert("RGB").convert("L")
    # On gray, so that the outline of what is visible counts, whether it is light or dark.
    ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("L")


def _profile(strength: Image.Image, width: int, height: int) -> Sequence[float]:
    """The mean of each column (height 1) or of each row (width 1)."""
    means = strength.convert("F").resize((width, height), Image.Resampling.BOX)
    return [float(value) for value in means.get_flattened_data()]  # type: ignore[arg-type]


def _best_middle(profile: Sequence[float], share: float) -> float:
    count = len(profile)
    width = max(1, round(share * count))
    if width >= count:
        return 0.5
    weighted = [value * _weight((at + 0.5) / count, _PICTURE_EDGE) for at, value in enumerate(profile)]
    window = [_weight((at + 0.5) / width, _WINDOW_EDGE) for at in range(width)]

    def merit(start: int) -> tuple[float, float]:
        detail = sum(map(operator.mul, weighted[start : start + width], window))
        return round(detail, 6), -abs(start + width / 2 - count / 2)

    return (max(range(count - width + 1), key=merit) + width / 2) / count


def _weight(place: float, at_edge: float) -> float:
    """From 1 in the middle to `at_edge` at 0 and at 1."""
    return 1 - (1 - at_edge) * abs(2 * place - 1)
