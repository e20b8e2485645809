"""Forms that all of our data shares: sortable identifiers, UTC times, JSON, and the cursors of lists."""

import base64
import binascii
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any

from chalicelib.core.errors import InvalidRequestError

# Crockford's base 32 in lower case: sorts as its numbers do, and has no letters that look alike.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_DIGITS = 10
_RANDOM_DIGITS = 16


def new_id(prefix: str) -> str:
    """`img_01j9…`: 48 bits of milliseconds, then 80 random bits, so that ids sort by the time they were made."""
    milliseconds = time.time_ns() // 1_000_000
    return f"{prefix}_{_base32(milliseconds, _TIME_DIGITS)}{_base32(secrets.randbits(80), _RANDOM_DIGITS)}"


def first_id(prefix: str, moment: datetime | None) -> str:
    """The lowest id that `new_id` can make from that moment on; without one, the lowest of all."""
    milliseconds = 0 if moment is None else max(0, int(moment.timestamp() * 1000))
    return f"{prefix}_{_base32(milliseconds, _TIME_DIGITS)}{_base32(0, _RANDOM_DIGITS)}"


def _base32(number: int, digits: int) -> str:
    return "".join(_ALPHABET[(number >> 5 * place) & 31] for place in reversed(range(digits)))


def now() -> str:
    """The current time: ISO 8601, UTC, milliseconds."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_json(value: Any) -> str:
    """Compact JSON; DynamoDB's Decimals become numbers."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def count_fitting(items: Sequence[Any], size: int) -> int:
    """How many items, from the first on, together have at most `size` characters as JSON: at least one."""
    sizes = accumulate(len(to_json(item)) for item in items)
    return min(len(items), max(1, sum(total <= size for total in sizes)))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def to_cursor(key: str) -> str:
    """An opaque cursor for the place where the next page begins."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


class CursorError(InvalidRequestError):
    """The cursor is not one of this list."""

    next_step = "Give the nextCursor of the page before, or leave cursor out for the first page."

    def __init__(self) -> None:
        super().__init__(details=[{"field": "cursor", "message": "is not a cursor of this list"}])


def from_cursor(cursor: str) -> str:
    """The key in a cursor of ours, which is never empty. Raises CursorError for any other text."""
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise CursorError from None
    if not key:
        raise CursorError
    return key


def start_of_page(data: Mapping[str, Any], form: str = r"[!-~]{1,300}") -> str | None:
    """The sort key after which the requested page of a list begins; None for the first page.

    Raises:
        CursorError: the payload's `cursor` does not hold a key of that form (a regular expression).
    """
    if "cursor" not in data:
        return None
    key = from_cursor(data["cursor"])
    if not re.fullmatch(form, key):
        raise CursorError
    return key


def day_of(data: Mapping[str, Any], name: str) -> date | None:
    """The day (YYYY-MM-DD) that a payload has under `name`; None if it has none.

    Raises:
        InvalidRequestError: the calendar has no such day.
    """
    if name not in data:
        return None
    try:
        return date.fromisoformat(data[name])
    except ValueError:
        raise InvalidRequestError(details=[{"field": name, "message": "is no day of the calendar"}]) from None
