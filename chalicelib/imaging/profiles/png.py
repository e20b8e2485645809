"""The color chunks of a PNG as an ICC profile (W3C PNG, third edition, 4.3 and 11.3.2).

The first usable one in this order counts: cICP, iCCP, sRGB, and then gAMA and cHRM together.
"""

import struct
import zlib
from collections.abc import Mapping
from itertools import chain

from chalicelib.imaging import profiles
from chalicelib.imaging.profiles import cicp, icc
from chalicelib.imaging.profiles.primaries import BT709, Primaries, colorants

CHUNKS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"})
"""The color chunks."""

_SCALE = 100_000
# Range of 1 / gAMA. Exponents beyond would make every picture black or white, and are ignored.
_EXPONENTS = (0.01, 100)
# Writers should write gAMA 45455 beside an sRGB chunk, and often write only that; with one percent tolerance.
_SRGB_EXPONENT, _SRGB_TOLERANCE = 2.2, 0.01
# Tolerance of a chromaticity, as in libpng.
_SAME_POINT = 0.001


def profile(chunks: Mapping[bytes, bytes], space: str, max_bytes: int) -> bytes | None:
    """The profile that these chunks describe; None for sRGB, or where they describe none.

    `space` is that of the samples, RGB or Gray; a profile has at most `max_bytes`.
    """
    described = cicp.profile(chunks.get(b"cICP", b""), space) or _embedded(chunks.get(b"iCCP", b""), space, max_bytes)
    if described or len(chunks.get(b"sRGB", b"")) == 1:
        return described
    return _from_gamma(_exponent(chunks.get(b"gAMA", b"")), _primaries(chunks.get(b"cHRM", b"")), space)


def _embedded(body: bytes, space: str, max_bytes: int) -> bytes | None:
    """The profile in an iCCP chunk; None where it is damaged, too long or for other samples."""
    _name, _, compressed = body.partition(b"\0")
    engine = zlib.decompressobj()
    try:
        unpacked = engine.decompress(compressed[1:], max_bytes)
    except zlib.error:
        return None
    return unpacked if engine.eof and profiles.describes(unpacked, space) else None


def _from_gamma(exponent: float | None, primaries: Primaries | None, space: str) -> bytes | None:
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
    low, high = _EXPONENTS
    return _SCALE / stored if stored and low <= _SCALE / stored <= high else None


def _primaries(body: bytes) -> Primaries | None:
    """Those of a cHRM chunk; None where they are those of sRGB, or cannot mix white."""
    if len(body) != 32:
        return None
    values = [value / _SCALE for value in struct.unpack(">8I", body)]
    white, red, green, blue = zip(values[::2], values[1::2], strict=True)
    primaries = Primaries(white, red, green, blue)
    return None if _is_bt709(primaries) or not _can_mix_white(primaries) else primaries


def _is_bt709(primaries: Primaries) -> bool:
    pairs = zip(chain(*primaries), chain(*BT709), strict=True)
    return all(abs(one - other) <= _SAME_POINT for one, other in pairs)


def _can_mix_white(primaries: Primaries) -> bool:
    try:
        icc.matrix_profile("", b"", colorants(primaries))
    except ValueError:
        return False
    return True
