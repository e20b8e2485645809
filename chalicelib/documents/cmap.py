"""The table of a font that maps characters to glyphs (OpenType specification, "cmap")."""

from __future__ import annotations

import struct
from collections.abc import Iterator

# Unicode subtables by platform and encoding, the fullest first: those of format 12 go beyond U+FFFF.
_SUBTABLES = ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3))
_MAX_CHARACTER = 0x10FFFF


def read(table: bytes) -> Iterator[tuple[str, int]]:
    """Each character with the number of its glyph.

    Raises LookupError without a Unicode subtable of format 4 or 12, struct.error if the table is cut off.
    """
    count = struct.unpack_from(">H", table, 2)[0]
    records = [struct.unpack_from(">HHI", table, 4 + 8 * index) for index in range(count)]
    offsets = {(platform, encoding): offset for platform, encoding, offset in records}
    for subtable in _SUBTABLES:
        if subtable in offsets:
            offset = offsets[subtable]
            format_ = struct.unpack_from(">H", table, offset)[0]
            if format_ in _READERS:
                return _READERS[format_](table, offset)
    raise LookupError("no table of Unicode characters")


def _read_segments(table: bytes, offset: int) -> Iterator[tuple[str, int]]:
    """Format 4: Unicode's first 65,536 characters."""
    segments = struct.unpack_from(">H", table, offset + 6)[0] // 2
    ends, starts, deltas, ranges = (
        struct.unpack_from(f">{segments}H", table, offset + 14 + 2 * segments * column + (2 if column else 0))
        for column in range(4)
    )
    ranges_at = offset + 16 + 6 * segments
    for segment in range(segments):
        for code in range(starts[segment], min(ends[segment], 0xFFFE) + 1):
            glyph = code
            if ranges[segment]:
                at = ranges_at + 2 * segment + ranges[segment] + 2 * (code - starts[segment])
                glyph = struct.unpack_from(">H", table, at)[0]
            if glyph:
                yield chr(code), (glyph + deltas[segment]) & 0xFFFF


def _read_groups(table: bytes, offset: int) -> Iterator[tuple[str, int]]:
    """Format 12: all of Unicode, in ascending groups."""
    count, least = struct.unpack_from(">I", table, offset + 12)[0], 0
    for index in range(count):
        start, end, glyph = struct.unpack_from(">3I", table, offset + 16 + 12 * index)
        for code in range(max(start, least), min(end, _MAX_CHARACTER) + 1):
            yield chr(code), glyph + code - start
        least = max(least, end + 1)


_READERS = {4: _read_segments, 12: _read_groups}
