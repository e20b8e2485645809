"""Values of records as plain JSON: DynamoDB's Decimals, sets and bytes included, exact for any text."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

# What ends a line for some readers of JSON lines, and what turns the text around it in an editor.
_ESCAPED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def to_json(value: Any) -> str:
    """Compact JSON without line breaks; NaN and infinity become null."""
    try:
        text = _encode(value)
    except ValueError:
        text = _encode(_finite(value))
    return text if text.isascii() else _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def number(value: float | Decimal) -> int | float | None:
    """The number that JSON and CSV hold: whole where it is whole, None where it is none."""
    if isinstance(value, int):
        return value
    if (isinstance(value, Decimal) and value.is_nan()) or not math.isfinite(value):
        return None
    if isinstance(value, float):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, set | frozenset):
        return _sorted(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    # bytes, and boto3's own wrapper of them.
    if hasattr(value, "__bytes__") or isinstance(value, bytearray):
        return base64.b64encode(bytes(value)).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _sorted(values: Iterable[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
_encode = _ENCODER.encode


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_finite(inner) for inner in value]
    return value
