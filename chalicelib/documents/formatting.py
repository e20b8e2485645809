"""Values as text for people: numbers with units, and the round ticks of an axis."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from chalicelib.documents.json_values import to_json
from chalicelib.documents.models import Kind, Number, Unit

MISSING = "–"

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")

# Larger numbers are not drawn: the arithmetic of ticks would overflow.
_MAX_MAGNITUDE = 1e100

# About so many steps on an axis.
_STEPS = 4


class _Scale(NamedTuple):
    size: float
    suffix: str


_SCALES: dict[Unit, tuple[_Scale, ...]] = {
    "number": (_Scale(1e9, " bn"), _Scale(1e6, " M"), _Scale(1, "")),
    "bytes": (_Scale(1e12, " TB"), _Scale(1e9, " GB"), _Scale(1e6, " MB"), _Scale(1e3, " KB"), _Scale(1, " B")),
    "dollars": (_Scale(1e9, " bn"), _Scale(1e6, " M"), _Scale(1, "")),
    "milliseconds": (_Scale(3_600_000, " h"), _Scale(60_000, " min"), _Scale(1000, " s"), _Scale(1, " ms")),
    "percent": (_Scale(1, "%"),),
}


class Tick(NamedTuple):
    value: float
    text: str


def format_value(value: Any, kind: Kind) -> str:
    """A value of a row: `1.2 MB`, `$0.0012`, `2026-03-01 12:00:00`; lists and objects as JSON, a picture as no text."""
    if kind == "picture":
        return ""
    if isinstance(value, str):
        return _TIME.sub(r"\1 \2", value) if kind == "time" else value
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return format_quantity(value, "number" if kind == "text" or kind == "time" else kind)
    text = to_json(value)
    return text[1:-1] if text.startswith('"') else text


def format_quantity(value: Number | str | None, unit: Unit) -> str:
    """A number with its unit; text unchanged; a dash for None, NaN and infinity."""
    if isinstance(value, str):
        return value
    number = finite_float(value)
    if number is None or value is None:
        return MISSING
    if unit == "number":
        return f"{int(value):,}" if value == int(value) else _three_digits(number)
    if unit == "dollars":
        return ("-$" if number < 0 else "$") + _format_dollars(abs(number))
    scale = _scale_of(abs(number), unit)
    return _three_digits(number / scale.size) + scale.suffix


def finite_float(value: Number | None) -> float | None:
    """The number as a chart can draw it; None for a missing, not finite or extremely large one."""
    if value is None or (isinstance(value, Decimal) and value.is_nan()):
        return None
    if not -_MAX_MAGNITUDE < value < _MAX_MAGNITUDE:
        return None
    return float(value)


def axis_ticks(values: Iterable[float], unit: Unit) -> list[Tick]:
    """Ticks that cover `values` and zero, in steps of 1, 2 or 5 times a power of ten."""
    values = list(values)
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    # A smaller range is only a rounding error.
    if high - low < 1e-9:
        low, high = 0.0, 1.0
    scale = _scale_of(max(high, -low), unit)
    step = _round_step((high - low) / scale.size / _STEPS)
    if scale.size == 1 and unit in ("number", "bytes") and all(value == int(value) for value in values):
        step = max(step, 1.0)
    first, last = math.floor(low / scale.size / step), math.ceil(high / scale.size / step)
    return [Tick(n * step * scale.size, _tick_text(n * step, step, unit, scale)) for n in range(first, last + 1)]


def _tick_text(value: float, step: float, unit: Unit, scale: _Scale) -> str:
    if value == 0 and unit != "percent":
        return "$0" if unit == "dollars" else "0"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{abs(value):,.{decimals}f}" if abs(value) < 1e9 else f"{abs(value):.3g}"
    return ("-" if value < 0 else "") + ("$" if unit == "dollars" else "") + text + scale.suffix


def _round_step(minimum: float) -> float:
    power = 10.0 ** math.floor(math.log10(minimum))
    return next((power * factor for factor in (1, 2, 5) if power * factor >= minimum * (1 - 1e-9)), power * 10)


def _scale_of(value: float, unit: Unit) -> _Scale:
    scales = _SCALES[unit]
    return next((scale for scale in scales if value >= scale.size), scales[-1])


def _three_digits(value: float) -> str:
    """Three significant digits, and all digits before the point: 0.0123, 1.23, 12.3, 1,230."""
    if value == 0:
        return "0"
    if not 1e-6 <= abs(value) < 1e15:
        return f"{value:.3g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def _format_dollars(value: float) -> str:
    """Two decimals; below one cent, two significant digits."""
    if value == 0 or 0.01 <= value < 1e15:
        return f"{value:,.2f}"
    if value >= 1e15:
        return f"{value:.3g}"
    return f"{value:.{min(12, 1 - math.floor(math.log10(value)))}f}"
