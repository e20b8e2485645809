"""What an embedded ICC profile means: for which samples it is, whether it is sRGB, its name.

A profile is recognized by its curves and its colorants, never by its name: a profile of linear
light may be named sRGB, and one that is sRGB may have any name. Conversions are relative to white,
so the white that a profile was measured with does not matter: colorants are stored relative to D50.
"""

from itertools import chain

from chalicelib.imaging.profiles.icc import Colorants, Curve, MatrixShaper, Profile

_SPACES = {b"RGB ": "RGB", b"GRAY": "Gray", b"CMYK": "CMYK"}

_SRGB: Colorants = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_ADOBE_RGB: Colorants = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_ADOBE_EXPONENT = 563 / 256

# Measured: colorants of real sRGB profiles differ by up to 0.0003, and curves by half a level of 255.
# The nearest other profiles: BT.601 by 0.019, a gamma of 2.2 by 8 levels.
_SAME_COLORANT = 0.001
_SAME_LEVEL = 1 / 255
_LEVELS = [level / 255 for level in range(0, 256, 5)]

# A profile may not call itself one of these.
_RESERVED_NAMES = frozenset({"sRGB", "AdobeRGB", "Gray", "CMYK"})
_MAX_NAME = 64


def space(profile: bytes) -> str:
    """The samples that an ICC profile is for: RGB, Gray, CMYK, or an empty text for others."""
    return _SPACES.get(profile[16:20], "")


def describes(profile: bytes, samples: str) -> bool:
    """Whether this is a readable profile for these samples: RGB, Gray or CMYK.

    The tables of a profile are not checked: only the guarded child reads them.
    """
    try:
        parsed = Profile(profile)
        if parsed.is_matrix_shaper:
            parsed.matrix_shaper()
    except ValueError:
        return False
    return space(profile) == samples


def is_srgb(profile: bytes) -> bool:
    """Whether the profile changes nothing: sRGB, or its grays."""
    return _is_like(profile, from_srgb, _SRGB)


def name(profile: bytes) -> str:
    """`sRGB` or `AdobeRGB` for these two, whatever their own name; otherwise the profile's name, or `ICC`."""
    if is_srgb(profile):
        return "sRGB"
    if _is_like(profile, lambda light: light ** (1 / _ADOBE_EXPONENT), _ADOBE_RGB):
        return "AdobeRGB"
    description = "".join(letter for letter in Profile(profile).description() if letter.isprintable())[:_MAX_NAME]
    return "ICC" if description in _RESERVED_NAMES else description or "ICC"


def from_srgb(light: float) -> float:
    """The sRGB sample of linear light (IEC 61966-2-1), both from 0 to 1."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def _is_like(profile: bytes, to_sample: Curve, colorants: Colorants) -> bool:
    """Whether the profile has these colorants, or is gray, and its curves are the inverse of `to_sample`."""
    try:
        parsed = Profile(profile)
        return parsed.is_matrix_shaper and _is_same(parsed.matrix_shaper(), to_sample, colorants)
    except (ArithmeticError, ValueError):
        return False


def _is_same(shaper: MatrixShaper, to_sample: Curve, colorants: Colorants) -> bool:
    pairs = zip(chain(*(shaper.colorants or colorants)), chain(*colorants), strict=True)
    return all(abs(a - b) <= _SAME_COLORANT for a, b in pairs) and all(
        abs(to_sample(min(1.0, max(0.0, curve(level)))) - level) <= _SAME_LEVEL
        for curve in shaper.curves
        for level in _LEVELS
    )
