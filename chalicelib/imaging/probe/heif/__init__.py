"""The header of a HEIC or AVIF: its boxes (ISO/IEC 14496-12, ISO/IEC 23008-12, AV1 Image File Format).

The main picture is read: one coded picture, or a grid of them, with its transparency. The decoder gets a file that is
written anew (`canonical`), with the parameters of the pixel data bounded and all else left out.
"""

from chalicelib.imaging.probe.header import METADATA, Budget, Header, corrupt
from chalicelib.imaging.probe.heif import canonical
from chalicelib.imaging.probe.heif.boxes import Fields, IsoBox
from chalicelib.imaging.probe.heif.items import Items, find_references, read_items, top_boxes
from chalicelib.imaging.probe.heif.pictures import Picture, find_alpha, read_picture
from chalicelib.imaging.probe.heif.sequences import count_frames
from chalicelib.imaging.profiles import cicp
from chalicelib.imaging.rejection import ImageRejectedError

_FORMATS = {b"hvc1": "HEIC", b"av01": "AVIF"}

# Code points of CICP. What is unspecified is that of sRGB (MIAF, ISO/IEC 23000-22, 7.3.6.4).
_UNSPECIFIED, _SRGB_PRIMARIES, _SRGB_TRANSFER = 2, 1, 13
# The matrix and the range of samples that the decoder has turned into RGB.
_DECODED = bytes([0, 1])


def read(data: bytes, budget: Budget, max_bytes: int) -> Header:
    """The header of `data`, which begins as such a file does. `max_bytes` is what its pictures' data may add up to."""
    boxes = top_boxes(data, budget)
    meta, movie = boxes.get(b"meta"), boxes.get(b"moov")
    if meta is None:
        raise _without_picture(movie)
    items = read_items(data, meta, budget, max_bytes)
    if items.primary not in items.kinds:
        raise _without_picture(movie)
    main = read_picture(items, items.primary, budget)
    return _header(items, main, budget, count_frames(data, movie, budget) if movie else 1)


def _without_picture(movie: IsoBox | None) -> ImageRejectedError:
    if movie is None:
        return corrupt("it has no main picture")
    return ImageRejectedError("type_not_allowed", "The file is a sequence of pictures without a main one.")


def _header(items: Items, main: Picture, budget: Budget, frames: int) -> Header:
    said, tile = main.properties, main.tile_properties
    alpha = _read_alpha(items, main, budget)
    colors = said.colors or tile.colors or main.tiles[0].colors
    aperture = said.aperture_box(main.width, main.height)
    left, top, right, bottom = aperture or (0, 0, main.width, main.height)
    space = "Gray" if main.tiles[0].is_gray else "RGB"
    return Header(
        format=_FORMATS[main.codec],
        width=right - left,
        height=bottom - top,
        space=space,
        spans=(),
        rewritten=canonical.write(main, alpha, colors, is_premultiplied=(b"prem", items.primary) in items.references),
        has_alpha=alpha is not None,
        frames=max(1, frames),
        # HEIF, 6.5.10: only these turn the picture. Its EXIF may say the same again.
        orientation=said.orientation,
        exif=_read_exif(items, budget),
        profile=said.profile or tile.profile or _described(colors, space),
        aperture=aperture,
    )


def _read_alpha(items: Items, main: Picture, budget: Budget) -> Picture | None:
    item = find_alpha(items, items.primary, budget)
    if item is None:
        return None
    alpha = read_picture(items, item, budget)
    if (alpha.codec, alpha.width, alpha.height) != (main.codec, main.width, main.height):
        raise corrupt("its transparency is of another size or kind")
    return alpha


def _read_exif(items: Items, budget: Budget) -> bytes:
    """The EXIF block of the main picture."""
    for item in find_references(items, b"cdsc", items.primary):
        if items.kinds.get(item) == b"Exif":
            body = items.read(item)
            budget.count(METADATA, len(body))
            # The first number says how far behind it the block begins.
            return body[4 + int.from_bytes(body[:4], "big") :]
    return b""


def _described(colors: bytes, space: str) -> bytes | None:
    """The profile that code points stand for; None for sRGB, and where they are unknown."""
    if not colors:
        return None
    primaries = _SRGB_PRIMARIES if colors[0] == _UNSPECIFIED else colors[0]
    transfer = _SRGB_TRANSFER if colors[1] == _UNSPECIFIED else colors[1]
    if (primaries, transfer) == (_SRGB_PRIMARIES, _SRGB_TRANSFER):
        return None
    return cicp.profile(bytes([primaries, transfer]) + _DECODED, space)
