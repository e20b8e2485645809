"""Reads EXIF: the orientation, how the picture was taken, and whose it is, which may be kept.

The layout is that of TIFF 6.0, the tags are those of EXIF 2.32. Pillow is not used, since its reader
decodes the pixels of a PNG first. Only three directories (IFDs) are read, so that offsets cannot
lead in a circle.
"""

import re
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.imaging.findings import Capture

_MAKE, _MODEL, _ORIENTATION, _SOFTWARE = 0x010F, 0x0110, 0x0112, 0x0131
# In the words of `image_values.KEPT`.
_CREDITS = {"artist": 0x013B, "copyright": 0x8298}
_TAKEN_AT, _TAKEN_OFFSET, _LENS = 0x9003, 0x9011, 0xA434
_EXIF_IFD, _GPS_IFD, _GPS_VERSION = 0x8769, 0x8825, 0

_SHORT, _LONG = 3, 4
# ASCII, and the UTF-8 that EXIF 3.0 added.
_TEXTS = (2, 129)

# Cameras write up to about a hundred.
_MAX_ENTRIES = 500
_MAX_TEXT, _MAX_CREDIT = 100, 500

_TIME = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
_OFFSET = re.compile(r"[+-]\d\d:\d\d", re.ASCII)


@dataclass(frozen=True)
class _Entry:
    tag: int
    kind: int
    count: int
    at: int
    """Offset of the entry; its last four bytes hold the value, or the value's offset."""


class _Tiff:
    """An EXIF block. Its first bytes name its byte order."""

    def __init__(self, exif: bytes) -> None:
        self._bytes = exif.removeprefix(b"Exif\0\0")
        self._order = {b"II*\0": "<", b"MM\0*": ">"}.get(self._bytes[:4], "")

    def first_directory(self) -> dict[int, _Entry]:
        """The entries by their tags; empty where this is no TIFF."""
        return self.directory(self._number("I", 4)) if self._order else {}

    def directory(self, start: int | None) -> dict[int, _Entry]:
        """The entries of the directory at `start`, as far as they are inside the block."""
        if start is None:
            return {}
        entries: dict[int, _Entry] = {}
        for entry in self._entries(start):
            # If a tag comes twice, the first counts, as in other readers.
            entries.setdefault(entry.tag, entry)
        return entries

    def short(self, entry: _Entry | None) -> int | None:
        return self._number("H", entry.at + 8) if entry and entry.kind == _SHORT else None

    def long(self, entry: _Entry | None) -> int | None:
        return self._number("I", entry.at + 8) if entry and entry.kind == _LONG else None

    def text(self, entry: _Entry | None, at_most: int = _MAX_TEXT) -> str | None:
        """At most so many characters, all printable; None if none is left."""
        if entry is None or entry.kind not in _TEXTS:
            return None
        start = entry.at + 8 if entry.count <= 4 else self._number("I", entry.at + 8)
        if start is None:
            return None
        # A character of UTF-8 has up to four bytes.
        stored = self._bytes[start : start + min(entry.count, 4 * at_most)]
        return _printable(stored.partition(b"\0")[0].decode("utf-8", "replace"), at_most)

    def _entries(self, start: int) -> Iterator[_Entry]:
        count = self._number("H", start) or 0
        for index in range(min(count, _MAX_ENTRIES)):
            at = start + 2 + 12 * index
            if at + 12 > len(self._bytes):
                return
            tag, kind, length = struct.unpack_from(self._order + "HHI", self._bytes, at)
            yield _Entry(tag, kind, length, at)

    def _number(self, layout: str, at: int) -> int | None:
        try:
            return int(struct.unpack_from(self._order + layout, self._bytes, at)[0])
        except struct.error:
            return None


def orientation(exif: bytes) -> int:
    """The orientation (1 to 8) in an EXIF block; 1 where it has none or cannot be read."""
    tiff = _Tiff(exif)
    value = tiff.short(tiff.first_directory().get(_ORIENTATION))
    return value if value is not None and 1 <= value <= 8 else 1


def capture(exif: bytes) -> Capture:
    """How the picture was taken, as far as an EXIF block says it. Raises nothing."""
    tiff = _Tiff(exif)
    main = tiff.first_directory()
    camera = tiff.directory(tiff.long(main.get(_EXIF_IFD)))
    gps = tiff.directory(tiff.long(main.get(_GPS_IFD)))
    return Capture(
        camera_make=tiff.text(main.get(_MAKE)),
        camera_model=tiff.text(main.get(_MODEL)),
        lens=tiff.text(camera.get(_LENS)),
        taken_at=_iso_time(tiff.text(camera.get(_TAKEN_AT)), tiff.text(camera.get(_TAKEN_OFFSET))),
        software=tiff.text(main.get(_SOFTWARE)),
        has_location=bool(gps.keys() - {_GPS_VERSION}),
    )


def credits_block(exif: bytes, keep: Collection[str]) -> bytes:
    """A new EXIF block with no more than what `keep` names (of KEPT) of another one; empty if that has none of it.

    Its texts are UTF-8, as most writers store them, and EXIF 3.0 allows.
    """
    tiff = _Tiff(exif)
    main = tiff.first_directory()
    texts = {
        tag: text.encode() + b"\0"
        for name, tag in _CREDITS.items()
        if name in keep and (text := tiff.text(main.get(tag), _MAX_CREDIT)) is not None
    }
    if not texts:
        return b""
    entries, values = b"", b""
    values_at = 8 + 2 + 12 * len(texts) + 4
    for tag, value in sorted(texts.items()):
        # Four bytes or fewer stand in the entry itself.
        place = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", values_at + len(values))
        entries += struct.pack("<HHI", tag, _TEXTS[0], len(value)) + place
        values += b"" if len(value) <= 4 else value
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(texts)) + entries + bytes(4) + values


def _printable(text: str, at_most: int) -> str | None:
    """Without control characters, and those that change the direction of writing."""
    cleaned = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(cleaned.split())[:at_most].strip() or None


def _iso_time(taken: str | None, offset: str | None) -> str | None:
    """ISO 8601, with the offset from UTC where the camera wrote one."""
    match = _TIME.fullmatch(taken or "")
    if not match:
        return None
    year, month, day, time = match.groups()
    zone = offset if offset and _OFFSET.fullmatch(offset) else ""
    try:
        return datetime.fromisoformat(f"{year}-{month}-{day}T{time}{zone}").isoformat()
    except ValueError:
        return None
