"""HEIC files, built box by box around the pictures of `tests/heif/streams.py`: good, odd and hostile ones."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests import pictures
from tests.heif import streams

SIDE = 64
ALPHA = b"urn:mpeg:hevc:2015:auxid:1\0"
Stream = tuple[str, str]


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def long_box(kind: bytes, *parts: bytes) -> bytes:
    """With its size in 64 bits."""
    body = b"".join(parts)
    return b"\0\0\0\1" + kind + (16 + len(body)).to_bytes(8, "big") + body


def endless_box(kind: bytes, *parts: bytes) -> bytes:
    """With the size 0: up to the end of the file."""
    return bytes(4) + kind + b"".join(parts)


def full_box(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]), *parts)


def uints(size: int, *numbers: int) -> bytes:
    return b"".join((number % (1 << 8 * size)).to_bytes(size, "big") for number in numbers)


# --- properties ----------------------------------------------------------------------------


def ispe(width: int, height: int) -> bytes:
    return full_box(b"ispe", uints(4, width, height))


def nclx(primaries: int, transfer: int, matrix: int, full: int = 1) -> bytes:
    return box(b"colr", b"nclx", uints(2, primaries, transfer, matrix), bytes([full << 7]))


def icc(profile: bytes) -> bytes:
    return box(b"colr", b"prof", profile)


def irot(quarters: int) -> bytes:
    return box(b"irot", bytes([quarters]))


def imir(axis: int) -> bytes:
    return box(b"imir", bytes([axis]))


def clap(width: int, height: int, right: tuple[int, int] = (0, 1), down: tuple[int, int] = (0, 1)) -> bytes:
    return box(b"clap", uints(4, width, 1, height, 1, *right, *down))


def auxc(kind: bytes = ALPHA) -> bytes:
    return full_box(b"auxC", kind)


# --- files ---------------------------------------------------------------------------------


@dataclass
class Item:
    kind: bytes
    data: bytes
    properties: list[bytes] = field(default_factory=list)
    essential: frozenset[bytes] = frozenset({b"hvcC", b"irot", b"imir", b"clap"})
    """Kinds of properties that this item cannot be shown without."""

    method: int = 0
    place: bytes | None = None
    """In place of its entry of `iloc`."""


@dataclass
class File:
    """The parts of a file; each may be replaced by one that is wrong. Items have the ids 1, 2, …"""

    items: list[Item]
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    brand: bytes = b"heic"
    others: tuple[bytes, ...] = (b"mif1", b"heic")
    primary: int = 1
    count: int | None = None
    """In place of the number of items that `iloc` announces."""

    more: bytes = b""
    """Further boxes in `meta`."""

    unused: tuple[bytes, ...] = ()
    """Properties that no item has."""

    before: bytes = b""
    after: bytes = b""
    meta: Callable[..., bytes] = box
    mdat: Callable[..., bytes] = box

    def build(self) -> bytes:
        start = box(b"ftyp", self.brand, bytes(4), *self.others) + self.before
        head = len(self.mdat(b"mdat"))
        length = len(start) + len(self._meta(0)) + head
        data = self.mdat(b"mdat", *(item.data for item in self.items if item.method == 0))
        return start + self._meta(length) + data + self.after

    def _meta(self, offset: int) -> bytes:
        inner = b"".join(item.data for item in self.items if item.method == 1)
        infos = [
            full_box(b"infe", uints(2, number, 0), item.kind, b"\0", version=2)
            for number, item in enumerate(self.items, 1)
        ]
        parts = [
            full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", uints(2, self.primary)),
            self._places(offset),
            full_box(b"iinf", uints(2, len(infos)), *infos),
            self._properties(),
            self._references(),
            box(b"idat", inner) if inner else b"",
            self.more,
        ]
        return self.meta(b"meta", bytes(4), *parts)

    def _places(self, offset: int) -> bytes:
        entries, positions = list[bytes](), {0: offset, 1: 0}
        for number, item in enumerate(self.items, 1):
            position = positions.get(item.method, 0)
            entry = uints(2, number, item.method, 0, 1) + uints(4, position, len(item.data))
            entries.append(entry if item.place is None else item.place)
            positions[item.method] = position + len(item.data)
        count = len(entries) if self.count is None else self.count
        return full_box(b"iloc", b"\x44\0", uints(2, count), *entries, version=1)

    def _properties(self) -> bytes:
        known = list(self.unused)
        entries = []
        for number, item in enumerate(self.items, 1):
            numbers = b""
            for each in item.properties:
                known += [] if each in known else [each]
                numbers += uints(2, known.index(each) + 1 | (each[4:8] in item.essential) << 15)
            entries.append(uints(2, number) + bytes([len(item.properties)]) + numbers)
        # Flag 1: numbers of two bytes.
        ipma = box(b"ipma", b"\0\0\0\1", uints(4, len(entries)), *entries)
        return box(b"iprp", box(b"ipco", *known), ipma)

    def _references(self) -> bytes:
        boxes = (box(kind, uints(2, source, len(to), *to)) for kind, source, to in self.references)
        return full_box(b"iref", *boxes) if self.references else b""


def coded(stream: Stream = streams.PHOTO, *properties: bytes) -> Item:
    config, data = map(base64.b64decode, stream)
    return Item(b"hvc1", data, [ispe(SIDE, SIDE), box(b"hvcC", config), *properties])


def grid(columns: int, rows: int, width: int, height: int, *properties: bytes) -> Item:
    layout = bytes([0, 1, rows - 1, columns - 1]) + uints(4, width, height)
    return Item(b"grid", layout, [ispe(width, height), *properties], method=1)


def still(*properties: bytes, stream: Stream = streams.PHOTO) -> File:
    """One coded picture."""
    return File([coded(stream, *properties)])


def corners(*properties: bytes, width: int = 2 * SIDE, height: int = 2 * SIDE) -> File:
    """A grid of four tiles, in the colors of `pictures.CORNERS`."""
    tiles = [coded(each) for each in (streams.RED, streams.GREEN, streams.BLUE, streams.YELLOW)]
    return File([grid(2, 2, width, height, *properties), *tiles], [(b"dimg", 1, (2, 3, 4, 5))])


def transparent() -> File:
    """A picture whose transparency is a ramp: the upper rows are clear."""
    return File([coded(streams.RED), coded(streams.RAMP, auxc())], [(b"auxl", 2, (1,))])


def with_exif(file: File, orientation: int) -> File:
    """With an EXIF block that turns the picture once more, as phones write it."""
    block = pictures.oriented_jpeg(orientation)
    start = block.index(b"Exif\0\0")
    tiff = block[start + 6 : start + 6 + 26]
    file.items.append(Item(b"Exif", uints(4, 6) + b"Exif\0\0" + tiff))
    file.references.append((b"cdsc", len(file.items), (file.primary,)))
    return file


def sequence(frames: int) -> bytes:
    """The tracks of a sequence: one of sound, and one of pictures."""

    def track(handler: bytes, samples: int) -> bytes:
        table = box(b"stbl", full_box(b"stsz", uints(4, 0, samples)))
        return box(
            b"trak", box(b"mdia", full_box(b"hdlr", bytes(4), handler, bytes(13)), box(b"minf", table))
        )  # fmt: skip

    return box(b"moov", track(b"soun", 900), track(b"pict", frames))


def samples() -> Iterable[bytes]:
    """Small good files, for damaging them."""
    yield still(irot(1), clap(60, 50)).build()
    yield corners(imir(0), nclx(12, 13, 6)).build()
    yield with_exif(transparent(), 6).build()
