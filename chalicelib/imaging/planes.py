"""Y, Cb and Cr apart, between the decode and the merge after `shrink`.

JPEG, WebP and AVIF store chroma at half the resolution. So where all files are of these formats, chroma is shrunk to
half the size, which is a quarter of the work. Each of its samples then stands for two by two pixels until the encoder
averages these again, and finds the same sample.
"""

from collections.abc import Sequence

from PIL import Image

from chalicelib.imaging.encode import halves_chroma
from chalicelib.imaging.probe.header import Dimensions
from chalicelib.imaging.work import Plane, Work

# From this ratio on a block of two by two samples of chroma is one, ahead of LANCZOS to half the size.
_LEAST_RATIO_OF_BLOCKS = 2.6


def comes_apart(work: Work) -> bool:
    """Whether files need no more chroma than half the size has. (Enlarging would show it.)"""
    return all(map(halves_chroma, work.formats)) and _ratio(work) >= 1


def chroma_scale(work: Work) -> int:
    """How many pixels of a side of the original may be one sample of chroma."""
    return 4 if _ratio(work) >= _LEAST_RATIO_OF_BLOCKS else 2


def part(work: Work) -> None:
    """The step: makes Y, Cb and Cr of one opaque plane, where they are shrunk apart and written as a JPEG."""
    if len(work.planes) > 1 or not work.keeps_ycc or not comes_apart(work):
        return
    [plane] = work.planes
    block = chroma_scale(work) // plane.scale
    if block < 2:
        return
    if plane.image.mode == "YCbCr":
        luma, *chroma = plane.image.split()
        chroma = [each.reduce(block) for each in chroma]
    elif plane.image.mode == "RGB":
        # Pillow's L is the Y of JPEG.
        luma = plane.image.convert("L")
        _luma, *chroma = plane.image.reduce(block).convert("YCbCr").split()
    else:
        return
    left, top, right, bottom = plane.box
    box = left / block, top / block, right / block, bottom / block
    work.planes = (plane._replace(image=luma), *(Plane(each, box, plane.scale * block) for each in chroma))


def half(size: Dimensions) -> Dimensions:
    """The dimensions of chroma, as encoders have them: an odd side is rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def widen(plane: Plane, size: Dimensions) -> Plane:
    """A plane of chroma with the box that its `half` of an odd `size` covers: up to one pixel of the result more."""
    left, top, right, bottom = plane.box
    across, down = (2 * less / whole for less, whole in zip(half(size), size, strict=True))
    right, bottom = left + (right - left) * across, top + (bottom - top) * down
    missing = max(0, _above(right) - plane.image.width), max(0, _above(bottom) - plane.image.height)
    image = _repeat_edge(plane.image, *missing) if any(missing) else plane.image
    return Plane(image, (left, top, right, bottom), plane.scale)


def merge(luma: Image.Image, chroma: Sequence[Image.Image], *, is_halved_again: bool) -> Image.Image:
    """One image of Y, Cb and Cr, the last two of them of `half` the size."""
    filter_ = Image.Resampling.NEAREST if is_halved_again else Image.Resampling.BILINEAR
    box = 0, 0, luma.width / 2, luma.height / 2
    return Image.merge("YCbCr", [luma, *(each.resize(luma.size, filter_, box) for each in chroma)])


def _ratio(work: Work) -> float:
    return min(work.header.width / work.size[0], work.header.height / work.size[1])


def _above(edge: float) -> int:
    # Less than a thousandth of a sample is rounding.
    return -int(-(edge - 1e-3) // 1)


def _repeat_edge(image: Image.Image, across: int, down: int) -> Image.Image:
    """The image with so many columns and rows more, which look like its last ones."""
    larger = Image.new(image.mode, (image.width + across, image.height + down))
    larger.paste(image, (across, down))
    larger.paste(image, (0, down))
    larger.paste(image, (across, 0))
    larger.paste(image, (0, 0))
    return larger
