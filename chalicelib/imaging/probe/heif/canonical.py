"""Writes a HEIF file anew, with what draws its main picture and nothing else.

A decoder meets only boxes that are written here, whatever is in the file: no sequence, thumbnail, overlay, metadata or
box that is unknown. Turns, mirrors and the aperture are left out, too, since later steps apply them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from chalicelib.imaging.probe.header import Dimensions
from chalicelib.imaging.probe.heif.pictures import GRID, Picture

_BRANDS = {b"hvc1": b"heic", b"av01": b"avif"}
_CONFIGS = {b"hvc1": b"hvcC", b"av01": b"av1C"}
_ALPHA = {b"hvc1": b"urn:mpeg:hevc:2015:auxid:1\0", b"av01": b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"}

_Each = TypeVar("_Each")

_ESSENTIAL = 0x80
_IN_FILE, _IN_META = 0, 1


@dataclass
class _Writer:
    """Collects items and their properties."""

    properties: list[bytes] = field(default_factory=list)
    kinds: list[bytes] = field(default_factory=list)
    """Of the items, whose ids are 1, 2, …"""

    associations: list[list[int]] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    references: list[tuple[bytes, int, list[int]]] = field(default_factory=list)

    def add(self, kind: bytes, data: bytes, properties: list[tuple[bytes, bool]]) -> int:
        """Adds an item; returns its id."""
        self.kinds.append(kind)
        self.data.append(data)
        self.associations.append([self._number(box) | _ESSENTIAL * essential for box, essential in properties])
        return len(self.kinds)

    def _number(self, box: bytes) -> int:
        if box not in self.properties:
            self.properties.append(box)
        return self.properties.index(box) + 1


def write(main: Picture, alpha: Picture | None, colors: bytes, *, is_premultiplied: bool) -> bytes:
    """The file of a picture and its transparency. `colors` are CICP code points, or empty."""
    writer = _Writer()
    color = [(_box(b"colr", b"nclx" + _color_body(colors)), False)] if colors else []
    first = _add_picture(writer, main, color)
    if alpha is not None:
        second = _add_picture(writer, alpha, [(_full_box(b"auxC", _ALPHA[alpha.codec]), False)])
        writer.references.append((b"auxl", second, [first]))
        if is_premultiplied:
            writer.references.append((b"prem", first, [second]))
    return _file(writer, _BRANDS[main.codec])


def _add_picture(writer: _Writer, picture: Picture, extra: list[tuple[bytes, bool]]) -> int:
    if not picture.is_grid:
        return writer.add(picture.codec, picture.tiles[0].payload, [*_coded_properties(picture), *extra])
    layout = bytes([0, 1, picture.rows - 1, picture.columns - 1]) + _uints(4, picture.width, picture.height)
    size = picture.width, picture.height
    grid = writer.add(GRID, layout, [(_size_box(size), False), (_depth_box(picture), False), *extra])
    color = [each for each in extra if each[0][4:8] == b"colr"]
    tiles = [writer.add(picture.codec, tile.payload, [*_coded_properties(picture), *color]) for tile in picture.tiles]
    writer.references.append((b"dimg", grid, tiles))
    return grid


def _coded_properties(picture: Picture) -> list[tuple[bytes, bool]]:
    said, config = picture.tile_properties, _box(_CONFIGS[picture.codec], picture.tiles[0].config)
    chosen = [(_box(b"a1op", said.point), True)] if said.point else []
    chosen += [(_box(b"lsel", said.layer), True)] if said.layer else []
    return [(_size_box(picture.tile_size), False), (_depth_box(picture), False), (config, True), *chosen]


def _size_box(size: Dimensions) -> bytes:
    return _full_box(b"ispe", _uints(4, *size))


def _depth_box(picture: Picture) -> bytes:
    channels = 1 if picture.tiles[0].is_gray else 3
    return _full_box(b"pixi", bytes([channels, *[picture.tiles[0].depth] * channels]))


def _color_body(colors: bytes) -> bytes:
    primaries, transfer, matrix, full = colors
    return _uints(2, primaries, transfer, matrix) + bytes([full << 7])


def _file(writer: _Writer, brand: bytes) -> bytes:
    start = _box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    # The places of the data depend on how long their own list is, which does not change with them.
    length = len(start) + len(_meta(writer, 0)) + len(_box(b"mdat", b""))
    in_file = (data for kind, data in zip(writer.kinds, writer.data, strict=True) if kind != GRID)
    return start + _meta(writer, length) + _box(b"mdat", b"".join(in_file))


def _meta(writer: _Writer, offset: int) -> bytes:
    layouts = b"".join(data for kind, data in zip(writer.kinds, writer.data, strict=True) if kind == GRID)
    entries = b"".join(
        _box(b"infe", bytes([2, 0, 0, 0]) + _uints(2, item, 0) + kind + b"\0") for item, kind in _numbered(writer.kinds)
    )
    parts = [
        _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
        _full_box(b"pitm", _uints(2, 1)),
        _places(writer, offset),
        _full_box(b"iinf", _uints(2, len(writer.kinds)) + entries),
        _box(b"iprp", _box(b"ipco", b"".join(writer.properties)) + _associations(writer)),
        _references(writer),
        _box(b"idat", layouts) if layouts else b"",
    ]
    return _full_box(b"meta", b"".join(parts))


def _places(writer: _Writer, offset: int) -> bytes:
    """The box `iloc`: version 1, and offsets and lengths of four bytes."""
    entries, in_file, in_meta = [], offset, 0
    for (item, kind), data in zip(_numbered(writer.kinds), writer.data, strict=True):
        is_grid = kind == GRID
        method, start = (_IN_META, in_meta) if is_grid else (_IN_FILE, in_file)
        in_meta += len(data) * is_grid
        in_file += len(data) * (not is_grid)
        entries.append(_uints(2, item, method, 0, 1) + _uints(4, start, len(data)))
    return _box(b"iloc", bytes([1, 0, 0, 0, 0x44, 0]) + _uints(2, len(entries)) + b"".join(entries))


def _associations(writer: _Writer) -> bytes:
    entries = (_uints(2, item) + bytes([len(numbers), *numbers]) for item, numbers in _numbered(writer.associations))
    return _full_box(b"ipma", _uints(4, len(writer.associations)) + b"".join(entries))


def _references(writer: _Writer) -> bytes:
    if not writer.references:
        return b""
    boxes = (_box(kind, _uints(2, source, len(to), *to)) for kind, source, to in writer.references)
    return _full_box(b"iref", b"".join(boxes))


def _numbered(things: Iterable[_Each]) -> Iterable[tuple[int, _Each]]:
    return enumerate(things, 1)


def _box(kind: bytes, body: bytes) -> bytes:
    return _uints(4, 8 + len(body)) + kind + body


def _full_box(kind: bytes, body: bytes) -> bytes:
    return _box(kind, bytes(4) + body)


def _uints(size: int, *numbers: int) -> bytes:
    return b"".join(number.to_bytes(size, "big") for number in numbers)
