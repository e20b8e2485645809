"""What an embedded ICC profile means: for which samples it is, whether it is sRGB, its name.

A profile is judged by its curves and its colorants. Its name is only told: a profile of linear
light may be called sRGB, and a profile that is sRGB may be called anything. All conversion is
relative to white, so the white that a profile was measured at does not matter here: colorants
are stored as they are under D50, whatever it was.
"""

from __future__ import annotations

from chalicelib.imaging.profiles.icc import Colorants, Curve, Profile, Shape

_SPACES = {b"RGB ": "RGB", b"GRAY": "Gray", b"CMYK": "CMYK"}

_SRGB: Colorants = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
_ADOBE_RGB: Colorants = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_ADOBE_EXPONENT = 563 / 256

# Measured: of what is called sRGB and was made to be, colorants differ by 0.0003, and curves by half
# a level of 255 in the coarsest. The nearest other ones: BT.601 by 0.019, a gamma of 2.2 by 8 levels.
_SAME_COLORANT = 0.001
_SAME_LEVEL = 1 / 255
_LEVELS = [level / 255 for level in range(0, 256, 5)]

# These say what the samples are. A profile that is something else must not be called so.
_TAKEN = frozenset({"sRGB", "AdobeRGB", "Gray", "CMYK"})
_MOST_NAME = 64


def space(profile: bytes) -> str:
    """The samples that an ICC profile is for: RGB, Gray, CMYK, or nothing that we know."""
    return _SPACES.get(profile[16:20], "")


def describes(profile: bytes, wanted: str) -> bool:
    """Whether this is a profile for `wanted` samples (RGB, Gray or CMYK) that can be read.

    A profile of tables is taken as it is: only the guarded child looks into it.
    """
    try:
        found = Profile(profile)
        if found.is_shape:
            found.shape()
    except ValueError:
        return False
    return space(profile) == wanted


def is_srgb(profile: bytes) -> bool:
    """Whether the samples mean what they would mean without the profile: sRGB, or its grays."""
    return _is_like(profile, from_srgb, _SRGB)


def name(profile: bytes) -> str:
    """`sRGB` or `AdobeRGB` for what is that, whatever it is called; otherwise the profile's own name."""
    if is_srgb(profile):
        return "sRGB"
    if _is_like(profile, lambda light: light ** (1 / _ADOBE_EXPONENT), _ADOBE_RGB):
        return "AdobeRGB"
    described = "".join(letter for letter in Profile(profile).description() if letter.isprintable())[:_MOST_NAME]
    return "ICC" if described in _TAKEN else described or "ICC"


def from_srgb(light: float) -> float:
    """Linear light as it is stored in sRGB (IEC 61966-2-1), both from 0 to 1."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def _is_like(profile: bytes, stored: Curve, colorants: Colorants) -> bool:
    """Whether the profile is one of these colorants, or gray, and of the inverse of `stored`."""
    try:
        found = Profile(profile)
        return found.is_shape and _is_same(found.shape(), stored, colorants)
    except (ArithmeticError, ValueError):
        return False


def _is_same(shape: Shape, stored: Curve, colorants: Colorants) -> bool:
    for found, wanted in zip(shape.colorants or colorants, colorants, strict=True):
        if any(abs(a - b) > _SAME_COLORANT for a, b in zip(found, wanted, strict=True)):
            return False
    return all(
        abs(stored(min(1.0, max(0.0, curve(level)))) - level) <= _SAME_LEVEL
        for curve in shape.curves
        for level in _LEVELS
    )
