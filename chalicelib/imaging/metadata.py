"""The two things that are worth reading in metadata: the orientation, and the profile's name."""

from __future__ import annotations

import struct

_ORIENTATION = 0x0112
_SHORT = 3

_SPACES = {b"RGB ": "RGB", b"GRAY": "Gray", b"CMYK": "CMYK"}


def orientation(exif: bytes) -> int:
    """The orientation (1 to 8) in an EXIF block; 1 where it has none or cannot be read.

    The layout is TIFF 6.0's: a header of 8 bytes, then a directory of entries of 12.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        return _first_directory(exif, order)
    except struct.error:
        return 1


def _first_directory(exif: bytes, order: str) -> int:
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (entries,) = struct.unpack_from(order + "H", exif, start)
    for entry in range(entries):
        at = start + 2 + 12 * entry
        tag, kind, _count, value = struct.unpack_from(order + "HHIH", exif, at)
        if tag == _ORIENTATION and kind == _SHORT:
            return value if 1 <= value <= 8 else 1
    return 1


def profile_space(profile: bytes) -> str:
    """What samples an ICC profile describes: RGB, Gray, CMYK, or nothing that we know."""
    return _SPACES.get(profile[16:20], "")


def profile_name(profile: bytes) -> str:
    """The name in an ICC profile, shortened to the usual one for the two best known ones."""
    try:
        name = _description(profile)
    except (struct.error, UnicodeDecodeError):
        name = ""
    if "sRGB" in name:
        return "sRGB"
    if "Adobe RGB" in name or "AdobeRGB" in name:
        return "AdobeRGB"
    return "".join(letter for letter in name if letter.isprintable())[:64] or "ICC"


def _description(profile: bytes) -> str:
    """The `desc` tag, in the wording of ICC.1:2001 (`desc`) or of ICC.1:2010 (`mluc`)."""
    (count,) = struct.unpack_from(">I", profile, 128)
    for tag in range(min(count, 100)):
        signature, start, _size = struct.unpack_from(">4sII", profile, 132 + 12 * tag)
        if signature == b"desc":
            return _text(profile, start)
    return ""


def _text(profile: bytes, start: int) -> str:
    if profile[start : start + 4] == b"desc":
        (length,) = struct.unpack_from(">I", profile, start + 8)
        return profile[start + 12 : start + 12 + min(length, 256)].rstrip(b"\0").decode("latin-1")
    if profile[start : start + 4] == b"mluc":
        length, offset = struct.unpack_from(">II", profile, start + 20)
        first = start + offset
        return profile[first : first + min(length, 256)].decode("utf-16-be")
    return ""
