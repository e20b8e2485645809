"""Code points of color spaces (CICP: ITU-T H.273, tables 2 and 3) as ICC profiles.

Light brighter than the white of a page (PQ, HLG) is tone-mapped as in Chromium: white of 203 cd/m²
(ITU-R BT.2408), a picture of up to 1,000 cd/m², and the curve of E. Reinhard (Photographic Tone
Reproduction, 2002, equation 4). But each color is mapped separately: a profile only has curves.
"""

import math
from collections.abc import Callable
from functools import partial

from chalicelib.imaging.profiles import icc
from chalicelib.imaging.profiles.primaries import BT709, D65, Primaries, colorants

_C = (0.310, 0.316)
_SMPTE = Primaries(D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))

_PRIMARIES = {
    1: ("BT.709", BT709),
    4: ("BT.470 M", Primaries(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08))),
    5: ("BT.470 BG", Primaries(D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06))),
    6: ("BT.601", _SMPTE),
    7: ("SMPTE 240M", _SMPTE),
    8: ("Film", Primaries(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049))),
    9: ("BT.2020", Primaries(D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))),
    11: ("DCI-P3", Primaries((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
    12: ("Display P3", Primaries(D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
    22: ("EBU 3213", Primaries(D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077))),
}

_MATRIX_OF_RGB, _FULL_RANGE = 0, 1

_PAGE_WHITE = 203.0
_BRIGHTEST = 1000 / _PAGE_WHITE
_SAMPLES = 1024


def srgb_curve() -> bytes:
    """The tag of the curve of sRGB (IEC 61966-2-1)."""
    return icc.toe_curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(codes: bytes, space: str) -> bytes | None:
    """The profile of four code points (primaries, transfer, matrix, range) for RGB or Gray samples.

    None where they are of no use: unspecified, reserved, or not RGB in full range.
    """
    if len(codes) != 4 or codes[2] != _MATRIX_OF_RGB or codes[3] != _FULL_RANGE:
        return None
    if codes[0] not in _PRIMARIES or codes[1] not in _TRANSFERS:
        return None
    name, primaries = _PRIMARIES[codes[0]]
    kind, curve = _TRANSFERS[codes[1]]
    name = f"{name} {kind}".strip()
    if space == "Gray":
        return icc.gray_profile(name, curve())
    return icc.matrix_profile(name, curve(), colorants(primaries))


def _video_curve() -> bytes:
    # The two constants of BT.2020, table 4, with enough digits for the two parts to meet.
    scale, start = 1.09929682680944, 0.018053968510807
    return icc.toe_curve(1 / 0.45, 1 / scale, (scale - 1) / scale, 1 / 4.5, 4.5 * start)


def _smpte_240m_curve() -> bytes:
    return icc.toe_curve(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 4 * 0.0228)


def _pq_curve() -> bytes:
    return _tone_mapped_curve(lambda x: _pq(x) / _PAGE_WHITE)


def _hlg_curve() -> bytes:
    # A screen of 1,000 cd/m² has a gamma of 1.2 (BT.2100, table 5).
    return _tone_mapped_curve(lambda x: _hlg(x) ** 1.2 * _BRIGHTEST)


def _pq(x: float) -> float:
    """The light of a sample in cd/m² (SMPTE ST 2084; BT.2100, table 4)."""
    power = x ** (32 / 2523)
    return 10_000 * float((max(0.0, power - 107 / 128) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305))


def _hlg(x: float) -> float:
    """The scene light of a sample, 0 to 1 (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return x * x / 3 if x <= 0.5 else (math.exp((x - c) / a) + b) / 12


def _tone_mapped_curve(light: Callable[[float], float]) -> bytes:
    """`light` gives the light of a sample relative to the white of a page; the curve keeps it below that."""
    lights = (light(step / (_SAMPLES - 1)) for step in range(_SAMPLES))
    return icc.sampled_curve([value * (1 + value / _BRIGHTEST**2) / (1 + value) for value in lights])


_TRANSFERS: dict[int, tuple[str, Callable[[], bytes]]] = {
    **dict.fromkeys((1, 6, 14, 15), ("", _video_curve)),
    4: ("", partial(icc.gamma_curve, 2.2)),
    5: ("", partial(icc.gamma_curve, 2.8)),
    7: ("", _smpte_240m_curve),
    8: ("linear", partial(icc.gamma_curve, 1.0)),
    13: ("", srgb_curve),
    16: ("PQ", _pq_curve),
    18: ("HLG", _hlg_curve),
}
