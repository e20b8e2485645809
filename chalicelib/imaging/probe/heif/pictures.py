"""The pictures of a HEIF file: coded ones, and grids of them."""

from dataclasses import dataclass

from chalicelib.imaging.probe.header import DECODED, TILES, Budget, Dimensions, corrupt
from chalicelib.imaging.probe.heif import av1, hevc
from chalicelib.imaging.probe.heif.boxes import Fields
from chalicelib.imaging.probe.heif.codec import Coded
from chalicelib.imaging.probe.heif.items import Items, find_references
from chalicelib.imaging.probe.heif.properties import Properties, read_properties
from chalicelib.imaging.rejection import ImageRejectedError

GRID = b"grid"
_CODECS = {b"hvc1": hevc.read, b"av01": av1.read}

_ALPHA = frozenset(
    {b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:avc:2015:auxid:1"}
)


@dataclass(frozen=True)
class Picture:
    """One picture: a coded one, or a grid of coded ones that are all alike."""

    width: int
    height: int
    properties: Properties
    codec: bytes
    tiles: tuple[Coded, ...]
    tile_size: Dimensions
    tile_properties: Properties
    columns: int = 1
    rows: int = 1
    is_grid: bool = False


def read_picture(items: Items, item: int, budget: Budget) -> Picture:
    """The picture of an item, bounded: its own dimensions, and those of all that is decoded for it."""
    kind = items.kinds.get(item, b"")
    if kind not in (GRID, *_CODECS):
        raise ImageRejectedError(
            "type_not_allowed", f"The picture in the file is of a kind that is not read ({_name(kind)})."
        )
    properties = read_properties(items, item, budget)
    if kind == GRID:
        return _read_grid(items, item, properties, budget)
    codec, coded, size = _read_coded(items, item, properties, budget)
    _count_decoded(budget, [coded])
    return Picture(*size, properties, codec, (coded,), size, properties)


def find_alpha(items: Items, item: int, budget: Budget) -> int | None:
    """The item with the transparency of another one."""
    for each in find_references(items, b"auxl", item):
        if read_properties(items, each, budget).auxiliary in _ALPHA:
            return each
    return None


def _read_grid(items: Items, item: int, properties: Properties, budget: Budget) -> Picture:
    rows, columns, width, height = _read_layout(items.read(item))
    budget.check_pixels(width, height, is_dense=True)
    numbers = items.references.get((b"dimg", item), ())
    budget.count(TILES, rows * columns)
    if len(numbers) != rows * columns:
        raise corrupt("its grid does not have the tiles that it announces")
    if properties.dimensions not in (None, (width, height)):
        raise corrupt("its dimensions are not those of its grid")
    codec, size, tiles, tile_properties = _read_tiles(items, numbers, budget)
    if not ((columns - 1) * size[0] < width <= columns * size[0] and (rows - 1) * size[1] < height <= rows * size[1]):
        raise corrupt("the tiles of its grid do not cover it")
    _count_decoded(budget, tiles)
    return Picture(width, height, properties, codec, tuple(tiles), size, tile_properties, columns, rows, is_grid=True)


def _read_tiles(
    items: Items, numbers: tuple[int, ...], budget: Budget
) -> tuple[bytes, Dimensions, list[Coded], Properties]:
    """Codec and dimensions of all tiles, the tiles, and the properties of the last."""
    # Tiles share their properties, mostly.
    known: dict[tuple[tuple[int, bool], ...], Properties] = {}
    tiles, alike = list[Coded](), set[tuple[bytes, Dimensions, bytes, bool, int]]()
    for number in numbers:
        key = tuple(items.associations.get(number, ()))
        if key not in known:
            known[key] = read_properties(items, number, budget)
        codec, coded, size = _read_coded(items, number, known[key], budget)
        tiles.append(coded)
        alike.add((codec, size, coded.config, coded.is_gray, coded.depth))
    if len(alike) != 1:
        raise corrupt("the tiles of its grid are not alike")
    return codec, size, tiles, known[key]


def _read_layout(body: bytes) -> tuple[int, int, int, int]:
    """Rows, columns, width and height of a grid (6.6.2.3.2)."""
    fields = Fields(body, 0, len(body))
    head = fields.uint(2)
    size = 4 if head & 1 else 2
    return fields.uint(1) + 1, fields.uint(1) + 1, fields.uint(size), fields.uint(size)


def _read_coded(items: Items, item: int, properties: Properties, budget: Budget) -> tuple[bytes, Coded, Dimensions]:
    kind = items.kinds.get(item, b"")
    if kind not in _CODECS:
        raise corrupt(f"a tile of its grid is of a kind ({_name(kind)}) that is not read")
    if properties.dimensions is None:
        raise corrupt("it gives no dimensions")
    # Before its data is read: a bomb is short.
    budget.check_pixels(*properties.dimensions, is_dense=True)
    return kind, _CODECS[kind](properties.config, items.read(item), budget), properties.dimensions


def _name(kind: bytes) -> str:
    return kind.decode() if kind.isalnum() else "unknown"


def _count_decoded(budget: Budget, tiles: list[Coded]) -> None:
    """Bounds what is decoded: the data of an item may give other dimensions than its boxes."""
    for tile in tiles:
        budget.count(DECODED, tile.width * tile.height * tile.pictures)
