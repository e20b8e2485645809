"""The bundled font: the widths of its characters, and a subset of it to embed in a PDF."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from chalicelib.documents.invisible_characters import code_point

_FILE = Path(__file__).parents[1] / "imaging" / "fonts" / "LiberationSans-Regular.ttf"

# Drawn for a character that the font lacks.
REPLACEMENT = "□"

# The tables that a font in a PDF needs. The others map characters to glyphs, which the PDF does itself.
_PDF_TABLES = (b"cvt ", b"fpgm", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"prep")

# Flags of the parts of a composite glyph.
_ARGUMENTS_ARE_WORDS = 0x0001
_HAS_SCALE = 0x0008
_MORE_PARTS = 0x0020
_HAS_TWO_SCALES = 0x0040
_HAS_MATRIX = 0x0080


class _Widths(dict[str, float]):
    """By character, in thousandths of the font size. A missing character has the width of its replacement."""

    def __missing__(self, character: str) -> float:
        return self[REPLACEMENT]


class Font:
    """A TrueType font. Immutable once read."""

    def __init__(self, data: bytes) -> None:
        self._tables = _read_tables(data)
        head, hhea = self._tables[b"head"], self._tables[b"hhea"]
        per_em = struct.unpack_from(">H", head, 18)[0]
        self._long_offsets = struct.unpack_from(">h", head, 50)[0] == 1
        self._offsets = self._read_offsets()
        self.scale = 1000 / per_em
        self.box = [round(edge * self.scale) for edge in struct.unpack_from(">4h", head, 36)]
        self.ascent, self.descent = (round(edge * self.scale) for edge in struct.unpack_from(">2h", hhea, 4))
        self.glyphs = _read_glyphs(self._tables[b"cmap"])
        self.widths = _Widths({character: self._glyph_width(glyph) for character, glyph in self.glyphs.items()})
        missing = f"[^{''.join(map(re.escape, sorted(self.glyphs)))}]"
        # An emoji of several characters, with joiners and skin tone, becomes one replacement.
        self._missing = re.compile(f"{missing}(?:[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]|\u200d{missing})*")

    def width(self, text: str, size: float) -> float:
        """The width of a line of text, in the unit of `size`."""
        return sum(map(self.widths.__getitem__, text)) * size / 1000

    def has_all(self, text: str) -> bool:
        """Whether the font has every character of `text`."""
        return self.glyphs.keys() >= set(text)

    def replace_missing(self, text: str) -> str:
        """`text` with `REPLACEMENT` for each character that the font lacks."""
        return text if text.isascii() else self._missing.sub(_replace, text)

    def truncate(self, text: str, size: float, width: float) -> str:
        """`text` if it fits into `width`; else as much as fits, and an ellipsis."""
        if len(text) <= width and self.width(text, size) <= width:
            return text
        # A character is wider than one unit, so text beyond `width` characters is not measured.
        low, high = 0, min(len(text), int(width))
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width(text[:middle] + "…", size) <= width else (low, middle - 1)
        return text[:low].rstrip() + "…"

    def subset(self, characters: Iterable[str]) -> bytes:
        """A font file in which all other glyphs are empty. Glyph numbers stay the same."""
        used = self._with_parts({0, *(self.glyphs[character] for character in characters)})
        outlines, offsets = bytearray(), [0]
        for glyph in range(len(self._offsets) - 1):
            if glyph in used:
                outlines += self._outline(glyph)
                outlines += bytes(-len(outlines) % 4)
            offsets.append(len(outlines))
        head = bytearray(self._tables[b"head"])
        struct.pack_into(">h", head, 50, 1)
        loca = struct.pack(f">{len(offsets)}I", *offsets)
        changed = {b"glyf": bytes(outlines), b"loca": loca, b"head": bytes(head)}
        return _font_file({tag: changed.get(tag) or self._tables[tag] for tag in _PDF_TABLES if tag in self._tables})

    def _read_offsets(self) -> tuple[int, ...]:
        loca = self._tables[b"loca"]
        if self._long_offsets:
            return struct.unpack(f">{len(loca) // 4}I", loca)
        return tuple(2 * offset for offset in struct.unpack(f">{len(loca) // 2}H", loca))

    def _glyph_width(self, glyph: int) -> float:
        (count,) = struct.unpack_from(">H", self._tables[b"hhea"], 34)
        (width,) = struct.unpack_from(">H", self._tables[b"hmtx"], 4 * min(glyph, count - 1))
        return float(width * self.scale)

    def _outline(self, glyph: int) -> bytes:
        return self._tables[b"glyf"][self._offsets[glyph] : self._offsets[glyph + 1]]

    def _with_parts(self, glyphs: set[int]) -> set[int]:
        """`glyphs` and all glyphs that they are made of."""
        result, pending = set(glyphs), list(glyphs)
        while pending:
            new = set(_parts(self._outline(pending.pop()))) - result
            result |= new
            pending += new
        return result


@cache
def bundled_font() -> Font:
    """Liberation Sans: Latin, Greek, Cyrillic and Hebrew, with the widths of Arial."""
    return Font(_FILE.read_bytes())


def _replace(match: re.Match[str]) -> str:
    return REPLACEMENT if match[0][0].isprintable() else "".join(map(code_point, match[0]))


def _read_tables(data: bytes) -> dict[bytes, bytes]:
    count = struct.unpack_from(">H", data, 4)[0]
    records = (struct.unpack_from(">4s3I", data, 12 + 16 * index) for index in range(count))
    return {tag: data[offset : offset + length] for tag, _, offset, length in records}


def _read_glyphs(cmap: bytes) -> dict[str, int]:
    """The glyph number of each character, from the cmap table of format 4 (Unicode's first 65,536 characters)."""
    count = struct.unpack_from(">H", cmap, 2)[0]
    records = (struct.unpack_from(">HHI", cmap, 4 + 8 * index) for index in range(count))
    offset = next(offset for platform, encoding, offset in records if (platform, encoding) == (3, 1))
    segments = struct.unpack_from(">H", cmap, offset + 6)[0] // 2
    ends, starts, deltas, ranges = (
        struct.unpack_from(f">{segments}H", cmap, offset + 14 + 2 * segments * column + (2 if column else 0))
        for column in range(4)
    )
    ranges_at = offset + 16 + 6 * segments
    glyphs: dict[str, int] = {}
    for segment in range(segments):
        for code in range(starts[segment], min(ends[segment], 0xFFFE) + 1):
            glyph = code
            if ranges[segment]:
                at = ranges_at + 2 * segment + ranges[segment] + 2 * (code - starts[segment])
                glyph = struct.unpack_from(">H", cmap, at)[0]
            if glyph:
                glyphs[chr(code)] = (glyph + deltas[segment]) & 0xFFFF
    return {character: glyph for character, glyph in glyphs.items() if glyph and character.isprintable()}


def _parts(outline: bytes) -> list[int]:
    """The glyphs that a composite glyph is made of; empty for a simple one."""
    parts: list[int] = []
    if not outline or struct.unpack_from(">h", outline)[0] >= 0:
        return parts
    at, flags = 10, _MORE_PARTS
    while flags & _MORE_PARTS:
        flags, glyph = struct.unpack_from(">HH", outline, at)
        parts.append(glyph)
        at += 8 if flags & _ARGUMENTS_ARE_WORDS else 6
        at += 2 if flags & _HAS_SCALE else 4 if flags & _HAS_TWO_SCALES else 8 if flags & _HAS_MATRIX else 0
    return parts


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
