"""Values as JSON, including DynamoDB's Decimals, sets and bytes. Text is exact."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

# Some readers of JSON lines end a line at these, or editors reorder the text around them.
_ESCAPED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def to_json(value: Any) -> str:
    """Compact JSON on one line; NaN and infinity become null."""
    try:
        text = _encode(value)
    except ValueError:
        text = _encode(_without_nan(value))
    return text if text.isascii() else _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def json_number(value: float | Decimal) -> int | float | None:
    """The number for JSON and CSV: an int if it is whole; None for NaN and infinity."""
    if isinstance(value, int):
        return value
    if (isinstance(value, Decimal) and value.is_nan()) or not math.isfinite(value):
        return None
    if isinstance(value, float):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _encodable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return json_number(value)
    if isinstance(value, set | frozenset):
        return _sorted(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    # bytes, and boto3's wrapper of them.
    if hasattr(value, "__bytes__") or isinstance(value, bytearray):
        return base64.b64encode(bytes(value)).decode()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _sorted(values: Iterable[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_encodable)
_encode = _ENCODER.encode


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, Mapping):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_nan(inner) for inner in value]
    return value
