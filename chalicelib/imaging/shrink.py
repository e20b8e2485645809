"""The step that resizes: blocks are averaged as far as that is not seen, LANCZOS does the rest."""

from PIL import Image

from chalicelib.imaging import planes
from chalicelib.imaging.probe.header import Dimensions
from chalicelib.imaging.work import Plane, Work

# Side of a block → how many pixels of a side must become one, at least, before blocks of that
# side may be averaged (or decoded as one pixel) ahead of LANCZOS. Averaging is fast, but it
# blurs, and turns detail into patterns that are not there. From these ratios on it costs less
# than 0.003 of SSIM on photos, and on a screenshot of text as long as its lines can be told
# apart: `python -m bench resampling`.
_BLOCKS = ((8, 64.0), (4, 24.0), (2, 5.55))

# A size is made from a larger one instead of the original where that is larger by this much.
# Twice LANCZOS at a lower ratio blurs: up to 0.007 of SSIM at 1.2 on text, 0.001 at 1.5.
_SHRINK_AGAIN_RATIO = 1.5

# How many pixels of a side averaging leaves for each pixel of a thumbnail: at this size no loss is seen.
_THUMBNAIL_GAP = 2.0


def shrink(work: Work) -> None:
    """Resizes each plane to `work.size` (smaller or larger), and merges Y, Cb and Cr."""
    luma, *chroma = work.planes
    image = _resize(luma, work.size)
    if chroma:
        smaller = [_resize(planes.widen(each, work.size), planes.half(work.size)) for each in chroma]
        image = planes.merge(image, smaller, is_halved_again=work.keeps_ycc)
    work.image = image


def shrink_to_thumbnail(image: Image.Image, side: int) -> None:
    """Shrinks in place, to no more than `side` pixels a side; never enlarges."""
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=_THUMBNAIL_GAP)


def can_shrink_again(image: Image.Image, size: Dimensions) -> bool:
    """Whether a size made from this resized image is as good as one made from the original."""
    return all(a >= b * _SHRINK_AGAIN_RATIO for a, b in zip(image.size, size, strict=True))


def block_side(ratio: float) -> int:
    """The side of the blocks that may be averaged where `ratio` pixels of a side become one."""
    return next((side for side, least in _BLOCKS if ratio >= least), 1)


def _resize(plane: Plane, size: Dimensions) -> Image.Image:
    image, box = plane.image, plane.box
    if image.size == size and box == (0, 0, *image.size):
        return image
    across = _remaining_block((box[2] - box[0]) / size[0], plane.scale)
    down = _remaining_block((box[3] - box[1]) / size[1], plane.scale)
    if (across, down) != (1, 1):
        image = image.reduce((across, down))
        box = box[0] / across, box[1] / down, box[2] / across, box[3] / down
    # Pillow premultiplies LA and RGBA for this, so that the color of transparent pixels does not bleed.
    return image.resize(size, Image.Resampling.LANCZOS, box)


def _remaining_block(ratio: float, scale: int) -> int:
    """The side of the block to average here, where the decoder has averaged blocks of `scale` already."""
    return max(1, block_side(ratio * scale) // scale)
