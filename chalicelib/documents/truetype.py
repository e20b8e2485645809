"""TrueType fonts: their characters, the widths of their glyphs, and subsets of them to embed in a PDF.

The tables are described in the OpenType specification, "Font tables".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from chalicelib.documents import cmap

_FILE = Path(__file__).parents[1] / "imaging" / "fonts" / "DarkroomSans-Regular.ttf"

# Copied as they are. The tables of glyphs and widths are made anew; the others are not needed in a PDF.
_COPIED_TABLES = (b"cvt ", b"fpgm", b"prep")
# The first bytes of a file with TrueType outlines; "OTTO" has outlines of another kind, "ttcf" is a collection.
_SIGNATURES = (b"\x00\x01\x00\x00", b"true")

# Flags of the parts of a composite glyph.
_ARGUMENTS_ARE_WORDS = 0x0001
_HAS_SCALE = 0x0008
_MORE_PARTS = 0x0020
_HAS_TWO_SCALES = 0x0040
_HAS_MATRIX = 0x0080


class InvalidFontError(ValueError):
    """The file is no TrueType font, or a broken one."""


class Font:
    """A TrueType font. Immutable once read; a font that was read can be embedded.

    `glyphs` has the glyph number of each character; `box`, `ascent`, `descent` and widths are in thousandths of the
    font size.

    Raises:
        InvalidFontError
    """

    def __init__(self, data: bytes) -> None:
        if data[:4] not in _SIGNATURES:
            raise InvalidFontError("it has no TrueType outlines")
        try:
            self._read(data)
        except (struct.error, LookupError, ZeroDivisionError) as error:
            raise InvalidFontError(f"it is broken: {error!r}") from None

    def _read(self, data: bytes) -> None:
        self._tables = _read_tables(data)
        head, hhea = self._tables[b"head"], self._tables[b"hhea"]
        per_em = struct.unpack_from(">H", head, 18)[0]
        self._offsets = self._read_offsets()
        self._metrics = self._read_metrics()
        self._scale = 1000 / per_em
        self.box = [round(edge * self._scale) for edge in struct.unpack_from(">4h", head, 36)]
        self.ascent, self.descent = (round(edge * self._scale) for edge in struct.unpack_from(">2h", hhea, 4))
        count = len(self._metrics)
        self.glyphs = {
            character: glyph
            for character, glyph in cmap.read(self._tables[b"cmap"])
            if 0 < glyph < count and character.isprintable()
        }
        if max((part for glyph in range(count) for _, part in _parts(self._outline(glyph))), default=0) >= count:
            raise InvalidFontError("a glyph has a part that does not exist")

    def width(self, character: str) -> float:
        """The width of a character that the font has."""
        return float(self._metrics[self.glyphs[character]][0] * self._scale)

    def subset(self, glyphs: Sequence[int]) -> bytes:
        """A font file with an empty glyph 0, then these glyphs in their order, then the parts that they are made of."""
        order, numbers = self._with_parts(glyphs)
        outlines, offsets = bytearray(), [0, 0]
        for glyph in order:
            outlines += _renumbered(self._outline(glyph), numbers)
            outlines += bytes(-len(outlines) % 4)
            offsets.append(len(outlines))
        head, hhea, maxp = (bytearray(self._tables[tag]) for tag in (b"head", b"hhea", b"maxp"))
        struct.pack_into(">h", head, 50, 1)
        struct.pack_into(">H", hhea, 34, len(order) + 1)
        struct.pack_into(">H", maxp, 4, len(order) + 1)
        metrics = b"".join(struct.pack(">Hh", *self._metrics[glyph]) for glyph in (0, *order))
        made = {
            b"glyf": bytes(outlines),
            b"head": bytes(head),
            b"hhea": bytes(hhea),
            b"hmtx": metrics,
            b"loca": struct.pack(f">{len(offsets)}I", *offsets),
            b"maxp": bytes(maxp),
        }
        copied = {tag: self._tables[tag] for tag in _COPIED_TABLES if tag in self._tables}
        return _font_file(dict(sorted((made | copied).items())))

    def _read_offsets(self) -> Sequence[int]:
        loca, count = self._tables[b"loca"], struct.unpack_from(">H", self._tables[b"maxp"], 4)[0] + 1
        is_long = struct.unpack_from(">h", self._tables[b"head"], 50)[0] == 1
        offsets: Sequence[int] = struct.unpack_from(f">{count}{'I' if is_long else 'H'}", loca)
        offsets = offsets if is_long else [2 * offset for offset in offsets]
        if offsets[-1] > len(self._tables[b"glyf"]) or any(end < start for start, end in pairwise(offsets)):
            raise InvalidFontError("its glyphs lie outside of the file")
        return offsets

    def _read_metrics(self) -> list[tuple[int, int]]:
        """The width of each glyph and the left edge of its outline, in the font's own unit."""
        hmtx, count = self._tables[b"hmtx"], len(self._offsets) - 1
        full = min(struct.unpack_from(">H", self._tables[b"hhea"], 34)[0], count)
        metrics: list[tuple[int, int]] = list(struct.iter_unpack(">Hh", hmtx[: 4 * full]))
        edges = struct.unpack_from(f">{count - full}h", hmtx, 4 * full)
        return metrics + [(metrics[-1][0], edge) for edge in edges]

    def _outline(self, glyph: int) -> bytes:
        return self._tables[b"glyf"][self._offsets[glyph] : self._offsets[glyph + 1]]

    def _with_parts(self, glyphs: Sequence[int]) -> tuple[list[int], dict[int, int]]:
        """`glyphs` and then all glyphs that they are made of; the new number of each part."""
        order, numbers = list(glyphs), {}
        for glyph in order:  # grows meanwhile
            for _, part in _parts(self._outline(glyph)):
                if part not in numbers:
                    order.append(part)
                    numbers[part] = len(order)
        return order, numbers


@cache
def bundled_font() -> Font:
    """Darkroom Sans: Latin, Greek, Cyrillic and Hebrew, with the widths of Arial."""
    return Font(_FILE.read_bytes())


def _read_tables(data: bytes) -> dict[bytes, bytes]:
    count = struct.unpack_from(">H", data, 4)[0]
    records = (struct.unpack_from(">4s3I", data, 12 + 16 * index) for index in range(count))
    return {tag: data[offset : offset + length] for tag, _, offset, length in records}


def _parts(outline: bytes) -> Iterator[tuple[int, int]]:
    """The glyphs that a composite glyph is made of, each with the position of its number; none for a simple one."""
    if not outline or struct.unpack_from(">h", outline)[0] >= 0:
        return
    at, flags = 10, _MORE_PARTS
    while flags & _MORE_PARTS:
        flags, glyph = struct.unpack_from(">HH", outline, at)
        yield at + 2, glyph
        at += 8 if flags & _ARGUMENTS_ARE_WORDS else 6
        at += 2 if flags & _HAS_SCALE else 4 if flags & _HAS_TWO_SCALES else 8 if flags & _HAS_MATRIX else 0


def _renumbered(outline: bytes, numbers: dict[int, int]) -> bytes:
    changed = bytearray(outline)
    for at, part in _parts(outline):
        struct.pack_into(">H", changed, at, numbers[part])
    return bytes(changed)


def _font_file(tables: dict[bytes, bytes]) -> bytes:
    power = len(tables).bit_length() - 1
    search_range = 16 << power
    shift = 16 * len(tables) - search_range
    header = struct.pack(">I4H", 0x00010000, len(tables), search_range, power, shift)
    offset = len(header) + 16 * len(tables)
    records, body = b"", b""
    for tag, data in tables.items():
        padded = data + bytes(-len(data) % 4)
        records += struct.pack(">4s3I", tag, _checksum(padded), offset + len(body), len(data))
        body += padded
    return header + records + body


def _checksum(padded: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF
