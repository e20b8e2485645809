"""What a PNG says of its color, as a profile (W3C PNG, third edition, 4.3 and 11.3.2).

Four kinds of chunks can say it; where there are several, the first of this order that can be
used counts: cICP, iCCP, sRGB, and then gAMA and cHRM together.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from itertools import chain

from chalicelib.imaging import profiles
from chalicelib.imaging.profiles import cicp, icc
from chalicelib.imaging.profiles.primaries import BT709, Primaries, colorants

CHUNKS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
"""The kinds of chunks that say something of color."""

_SCALE = 100_000
# Of 1 / gAMA. What is beyond makes a picture black or white, and is no statement.
_EXPONENTS = (0.01, 100)
# What writers are told to put beside an sRGB chunk, and put there alone: 45455, give or take one percent.
_SRGB_EXPONENT, _SRGB_TOLERANCE = 2.2, 0.01
# Of a chromaticity; libpng takes as much.
_SAME_POINT = 0.001


def profile(chunks: Mapping[bytes, bytes], space: str, most: int) -> bytes | None:
    """The profile that chunks of CHUNKS make together; None where it is sRGB, or nothing is said.

    `space` is that of the samples, RGB or Gray, and `most` what a profile may have of bytes.
    """
    found = cicp.profile(chunks.get(b"cICP", b""), space) or _embedded(chunks.get(b"iCCP", b""), space, most)
    if found or len(chunks.get(b"sRGB", b"")) == 1:
        return found
    return _measured(_exponent(chunks.get(b"gAMA", b"")), _primaries(chunks.get(b"cHRM", b"")), space)


def _embedded(body: bytes, space: str, most: int) -> bytes | None:
    """The profile in an iCCP chunk; None where it is damaged, too long or for other samples."""
    _name, _, packed = body.partition(b"\0")
    engine = zlib.decompressobj()
    try:
        found = engine.decompress(packed[1:], most)
    except zlib.error:
        return None
    return found if engine.eof and profiles.describes(found, space) else None


def _measured(exponent: float | None, primaries: Primaries | None, space: str) -> bytes | None:
    if space == "Gray":
        primaries = None
    if primaries is None and (exponent is None or _is_srgb_exponent(exponent)):
        return None
    curve = cicp.srgb_curve() if exponent is None else icc.gamma_curve(exponent)
    name = "RGB" if exponent is None else f"{space} gamma {exponent:.2f}"
    if space == "Gray":
        return icc.gray_profile(name, curve)
    return icc.matrix_profile(name, curve, colorants(primaries or BT709))


def _is_srgb_exponent(exponent: float) -> bool:
    return abs(exponent / _SRGB_EXPONENT - 1) <= _SRGB_TOLERANCE


def _exponent(body: bytes) -> float | None:
    if len(body) != 4:
        return None
    (stored,) = struct.unpack(">I", body)
    least, most = _EXPONENTS
    return _SCALE / stored if stored and least <= _SCALE / stored <= most else None


def _primaries(body: bytes) -> Primaries | None:
    """Those of a cHRM chunk; None where they are sRGB's, or none that colors can be mixed of."""
    if len(body) != 32:
        return None
    values = [value / _SCALE for value in struct.unpack(">8I", body)]
    white, red, green, blue = zip(values[::2], values[1::2], strict=True)
    found = Primaries(white, red, green, blue)
    return None if _is_bt709(found) or not _can_be_mixed(found) else found


def _is_bt709(found: Primaries) -> bool:
    pairs = zip(chain(*found), chain(*BT709), strict=True)
    return all(abs(one - other) <= _SAME_POINT for one, other in pairs)


def _can_be_mixed(found: Primaries) -> bool:
    try:
        icc.matrix_profile("", b"", colorants(found))
    except ValueError:
        return False
    return True
