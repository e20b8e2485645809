"""Marks that are a picture of the operator's."""

from functools import lru_cache

from PIL import Image

from chalicelib.imaging import probe
from chalicelib.imaging.color import drop_metadata, to_srgb, unify_mode
from chalicelib.imaging.decode import decode, run_decoding
from chalicelib.imaging.jpeg_end import check_end
from chalicelib.imaging.mark_shapes import rotate, rotated_dimensions, scale_opacity
from chalicelib.imaging.orient import orient
from chalicelib.imaging.probe.header import Dimensions
from chalicelib.imaging.recipe import Mark
from chalicelib.imaging.rejection import ImageRejectedError
from chalicelib.imaging.values import Limits
from chalicelib.imaging.work import Step, Work

# The picture keeps its own size until it is scaled.
_STEPS: tuple[Step, ...] = (check_end, decode, unify_mode, orient, to_srgb, drop_metadata)

# The largest share of either side of the picture that a mark without a size may take.
_SHARE = 0.2


def fit_picture(mark: Mark, dimensions: Dimensions, room: Dimensions) -> Image.Image | None:
    """The tile for a picture of these dimensions; None where no pixel would be left."""
    image = _decode(mark.image or b"")
    if mark.size is None:
        box = round(dimensions[0] * _SHARE), round(dimensions[1] * _SHARE)
        scale = min(1.0, box[0] / image.width, box[1] / image.height)
    else:
        scale = mark.size * dimensions[0] / image.width
        turned = rotated_dimensions(image.width * scale, image.height * scale, mark.rotation)
        scale *= min(1.0, room[0] / turned[0], room[1] / turned[1])
    width, height = round(image.width * scale), round(image.height * scale)
    return _scale(mark, (width, height)) if width >= 1 and height >= 1 else None


@lru_cache(maxsize=16)
def _scale(mark: Mark, size: Dimensions) -> Image.Image:
    tile = _decode(mark.image or b"").resize(size, Image.Resampling.LANCZOS)
    tile.putalpha(scale_opacity(tile.getchannel("A"), mark.opacity))
    return rotate(tile, mark.rotation)


@lru_cache(maxsize=4)
def _decode(data: bytes) -> Image.Image:
    """Raises ValueError: the picture is the operator's, so no upload is rejected because of it."""
    try:
        header = probe.read_header(data, "", Limits())
        work = Work(header.strip(data), header, (header.width, header.height), Limits(), formats=("png",))
        run_decoding(_STEPS, work)
        return work.image.convert("RGBA")
    except ImageRejectedError as rejection:
        raise ValueError(f"the mark's image is of no use: {rejection}") from None
