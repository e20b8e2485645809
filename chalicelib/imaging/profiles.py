"""What an ICC profile says of itself: the samples that it is for, and its name."""

from __future__ import annotations

import struct

_SPACES = {b"RGB ": "RGB", b"GRAY": "Gray", b"CMYK": "CMYK"}


def space(profile: bytes) -> str:
    """What samples an ICC profile describes: RGB, Gray, CMYK, or nothing that we know."""
    return _SPACES.get(profile[16:20], "")


def name(profile: bytes) -> str:
    """The name in an ICC profile, shortened to the usual one for the two best known ones."""
    try:
        described = _description(profile)
    except (struct.error, UnicodeDecodeError):
        described = ""
    if "sRGB" in described:
        return "sRGB"
    if "Adobe RGB" in described or "AdobeRGB" in described:
        return "AdobeRGB"
    return "".join(letter for letter in described if letter.isprintable())[:64] or "ICC"


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
