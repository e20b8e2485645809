"""From the chromaticities of a color space to the colorants that a profile stores."""

from typing import NamedTuple

from chalicelib.imaging.profiles.icc import D50, XYZ, Colorants

XY = tuple[float, float]
"""A chromaticity of CIE 1931."""

_Matrix = tuple[XYZ, XYZ, XYZ]

# From XYZ to cone responses, for adapting the white (Bradford; ICC.1:2010, annex E).
_BRADFORD: _Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


class Primaries(NamedTuple):
    """Chromaticities of the white and of the three primary colors."""

    white: XY
    red: XY
    green: XY
    blue: XY


D65: XY = (0.3127, 0.3290)
BT709 = Primaries(D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
"""Also those of sRGB."""


def colorants(primaries: Primaries) -> Colorants:
    """Red, green and blue as a profile stores them: adapted to D50. Raises ValueError where they cannot mix white."""
    try:
        return _adapt(primaries)
    except ZeroDivisionError:
        raise ValueError("these primaries cannot mix white") from None


def _adapt(primaries: Primaries) -> Colorants:
    white = _xyz(primaries.white)
    mixed = _columns(*(_xyz(color) for color in primaries[1:]))
    strengths = _times(_inverse(mixed), white)
    if min(strengths) <= 0:
        raise ValueError("these primaries cannot mix white")
    gains = [there / here for there, here in zip(_times(_BRADFORD, D50), _times(_BRADFORD, white), strict=True)]
    back = _inverse(_BRADFORD)

    def adapted(color: XY, strength: float) -> XYZ:
        x, y, z = _xyz(color)
        cones = _times(_BRADFORD, (x * strength, y * strength, z * strength))
        return _times(back, (cones[0] * gains[0], cones[1] * gains[1], cones[2] * gains[2]))

    red, green, blue = (adapted(color, strength) for color, strength in zip(primaries[1:], strengths, strict=True))
    return red, green, blue


def _xyz(color: XY) -> XYZ:
    x, y = color
    return x / y, 1.0, (1 - x - y) / y


def _columns(first: XYZ, second: XYZ, third: XYZ) -> _Matrix:
    return (first[0], second[0], third[0]), (first[1], second[1], third[1]), (first[2], second[2], third[2])


def _times(matrix: _Matrix, value: XYZ) -> XYZ:
    x, y, z = (sum(a * b for a, b in zip(row, value, strict=True)) for row in matrix)
    return x, y, z


def _inverse(matrix: _Matrix) -> _Matrix:
    """By the adjugate, whose columns are the cross products of the rows."""
    one, two, three = matrix
    adjugate = _columns(_cross(two, three), _cross(three, one), _cross(one, two))
    determinant = sum(a * b for a, b in zip(one, _cross(two, three), strict=True))
    x, y, z = ((row[0] / determinant, row[1] / determinant, row[2] / determinant) for row in adjugate)
    return x, y, z


def _cross(a: XYZ, b: XYZ) -> XYZ:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
