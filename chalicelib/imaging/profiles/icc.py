"""Reads and writes ICC profiles (ICC.1:2010, profile version 4.3).

Reading is plain Python and takes time linear in the profile, since it runs outside of the guarded
child. Only matrix profiles (curves and a matrix) are read here; the child reads those with tables.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Curve = Callable[[float], float]
"""From a stored sample to linear light, both from 0 to 1."""

XYZ = tuple[float, float, float]

Colorants = tuple[XYZ, XYZ, XYZ]
"""Red, green and blue at full strength, relative to D50, as profiles store them."""

D50: XYZ = (0.9642, 1.0, 0.8249)

_HEADER_BYTES = 128
# Input, display, output and color space: the classes that a picture can embed.
_CLASSES = frozenset({b"scnr", b"mntr", b"prtr", b"spac"})
_CONNECTION_SPACES = frozenset({b"XYZ ", b"Lab "})
_MAX_TAGS = 100
_MAX_NAME = 256
# Samples of a curve: Little CMS has the same limit.
_MAX_SAMPLES = 0x7FFF
# In versions 2 and 4, these take precedence over curves and matrix.
_TABLES = (b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2")


@dataclass(frozen=True)
class MatrixShaper:
    """The curves and the matrix of a profile."""

    curves: tuple[Curve, ...]
    """Each different one once: in RGB mostly one for all three colors."""

    colorants: Colorants | None = None
    """None for gray."""


class Profile:
    """The tags of an ICC profile. Raises ValueError where `data` is none."""

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER_BYTES + 4 or data[36:40] != b"acsp":
            raise ValueError("this is no ICC profile")
        if data[12:16] not in _CLASSES or data[20:24] not in _CONNECTION_SPACES:
            raise ValueError("this is no profile for a picture")
        self._data = data
        self.samples = data[16:20]
        """The color space of the samples: `RGB `, `GRAY`, `CMYK`, …"""

        self._connection = data[20:24]
        self._places = self._tags()

    @property
    def is_matrix_shaper(self) -> bool:
        """Whether curves and a matrix to XYZ apply, and no tables take precedence."""
        return self._connection == b"XYZ " and not any(tag in self._places for tag in _TABLES)

    def description(self) -> str:
        """The name of the profile; empty where it has no readable one."""
        try:
            return _text(self._tag(b"desc"))
        except (ValueError, struct.error):
            return ""

    def matrix_shaper(self) -> MatrixShaper:
        """Raises ValueError where a curve or a colorant is missing or damaged."""
        try:
            if self.samples == b"GRAY":
                return MatrixShaper((_curve(self._tag(b"kTRC")),))
            curves = tuple(map(_curve, {self._tag(tag) for tag in (b"rTRC", b"gTRC", b"bTRC")}))
            red, green, blue = (_xyz(self._tag(tag)) for tag in (b"rXYZ", b"gXYZ", b"bXYZ"))
        except struct.error:
            raise ValueError("a tag ends early") from None
        return MatrixShaper(curves, (red, green, blue))

    def _tags(self) -> dict[bytes, tuple[int, int]]:
        (count,) = struct.unpack_from(">I", self._data, _HEADER_BYTES)
        places: dict[bytes, tuple[int, int]] = {}
        for index in range(min(count, _MAX_TAGS)):
            at = _HEADER_BYTES + 4 + 12 * index
            if at + 12 > len(self._data):
                break
            tag, start, size = struct.unpack_from(">4sII", self._data, at)
            if start + size <= len(self._data):
                places.setdefault(tag, (start, size))
        return places

    def _tag(self, tag: bytes) -> bytes:
        if tag not in self._places:
            raise ValueError(f"there is no {tag.decode()}")
        start, size = self._places[tag]
        return self._data[start : start + size]


def matrix_profile(name: str, curve: bytes, colorants: Colorants) -> bytes:
    """An RGB profile; `curve`, a tag of `gamma_curve` or the like, is that of all three colors."""
    tags = {b"desc": _name(name), b"wtpt": _xyz_tag(D50)}
    for letter, colorant in zip((b"r", b"g", b"b"), colorants, strict=True):
        tags[letter + b"XYZ"] = _xyz_tag(colorant)
        tags[letter + b"TRC"] = curve
    return _assemble(b"RGB ", tags)


def gray_profile(name: str, curve: bytes) -> bytes:
    """A gray profile; its white is D50."""
    return _assemble(b"GRAY", {b"desc": _name(name), b"wtpt": _xyz_tag(D50), b"kTRC": curve})


def gamma_curve(exponent: float) -> bytes:
    """The tag of a power function. Raises ValueError for an exponent that does not fit it."""
    return _parameters(0, exponent)


def toe_curve(exponent: float, scale: float, offset: float, slope: float, end: float) -> bytes:
    """The tag of (scale · x + offset) ^ exponent, and slope · x below `end`."""
    return _parameters(3, exponent, scale, offset, slope, end)


def sampled_curve(values: Sequence[float]) -> bytes:
    """The tag of a curve through `values`, each from 0 to 1, at equal distances."""
    words = (round(min(1.0, max(0.0, value)) * 65535) for value in values)
    return struct.pack(f">4sII{len(values)}H", b"curv", 0, len(values), *words)


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv":
        return _sampled(tag)
    if tag[:4] == b"para":
        return _parametric(tag)
    raise ValueError("a curve of an unknown kind")


def _sampled(tag: bytes) -> Curve:
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return lambda x: x
    if count > _MAX_SAMPLES or 12 + 2 * count > len(tag):
        raise ValueError("a curve that is too long, or ends early")
    values = struct.unpack_from(f">{count}H", tag, 12)
    if count == 1:
        return lambda x: float(x ** (values[0] / 256))

    def between(x: float) -> float:
        place = x * (count - 1)
        left = min(int(place), count - 2)
        return float(values[left] + (values[left + 1] - values[left]) * (place - left)) / 65535

    return between


def _parametric(tag: bytes) -> Curve:
    """The five functions of table 65; parameters that a function lacks have no effect."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ValueError("a curve of an unknown function")
    parameters = [value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)]
    if kind == 0:
        exponent, scale, offset, slope, end, above, below = parameters[0], 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    elif kind < 3:
        exponent, scale, offset = parameters[:3]
        slope, above = 0.0, parameters[3] if kind == 2 else 0.0
        end, below = -offset / scale if scale else 0.0, above
    else:
        exponent, scale, offset, slope, end = parameters[:5]
        above, below = (parameters[5], parameters[6]) if kind == 4 else (0.0, 0.0)

    def value(x: float) -> float:
        if x < end:
            return slope * x + below
        return float(max(0.0, scale * x + offset) ** exponent + above)

    return value


def _xyz(tag: bytes) -> XYZ:
    if tag[:4] != b"XYZ ":
        raise ValueError("a colorant of an unknown kind")
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _text(tag: bytes) -> str:
    """A text as in ICC.1:2001 (`desc`) or ICC.1:2010 (`mluc`)."""
    if tag[:4] == b"desc":
        (length,) = struct.unpack_from(">I", tag, 8)
        return tag[12 : 12 + min(length, _MAX_NAME)].partition(b"\0")[0].decode("latin-1")
    if tag[:4] == b"mluc":
        length, offset = struct.unpack_from(">II", tag, 20)
        return tag[offset : offset + min(length, _MAX_NAME)].decode("utf-16-be")
    return ""


def _assemble(samples: bytes, tags: dict[bytes, bytes]) -> bytes:
    start = _HEADER_BYTES + 4 + 12 * len(tags)
    index, body, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    for tag, content in tags.items():
        if content not in places:
            places[content] = start + len(body)
            body += content + b"\0" * (-len(content) % 4)
        index += struct.pack(">4sII", tag, places[content], len(content))
    # Size, version, class, color space, connection space; the signature; the white of the connection space, D50.
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x3i", start + len(body), 0x04300000, b"mntr", samples, b"XYZ ", b"acsp", *_fixed(D50)
    )
    return header.ljust(_HEADER_BYTES, b"\0") + index + body


def _name(name: str) -> bytes:
    words = name.encode("utf-16-be")
    return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(words), 28) + words


def _xyz_tag(value: XYZ) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *_fixed(value))


def _parameters(kind: int, *values: float) -> bytes:
    return struct.pack(f">4sIHH{len(values)}i", b"para", 0, kind, 0, *_fixed(values))


def _fixed(values: Sequence[float]) -> list[int]:
    """Numbers as s15Fixed16Number: 16 bits, and 16 of fraction."""
    fixed = [round(value * 65536) for value in values]
    if any(not -(2**31) <= value < 2**31 for value in fixed):
        raise ValueError("a number that does not fit a profile")
    return fixed
