"""One record of the source: parsed, or rejected with a reason."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.http import json_schema
from chalicelib.core.schemas import Schema

# A transaction of DynamoDB takes 100 of them: at most 4 MB in all.
MAX_RECORD_BYTES = 16 * 1024
_KEPT_OF_REJECTED = 1000

# Earlier times are errors: 1601, for one, is the zero of another clock.
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
# The source's clock may be ahead of ours by this much.
_AHEAD = timedelta(days=1)

SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 128},
        "name": {"type": "string", "maxLength": 256},
        "email": {"type": "string", "maxLength": 320, "pattern": r"^[^@\s]+@[^@\s]+$"},
        "updatedAt": {"type": "string", "maxLength": 40},
    },
    "required": ["id", "updatedAt"],
}


@dataclass(frozen=True)
class Customer:
    """`data` is the whole record in compact JSON with sorted names; `updated_at` is ISO 8601 UTC."""

    id: str
    updated_at: str
    data: str


@dataclass(frozen=True)
class Rejected:
    """A rejected record. `id` is its own if that is usable (`is_named`), else a hash of its content."""

    id: str
    is_named: bool
    reason: str
    data: str


def parse_record(raw: Any, now: datetime) -> Customer | Rejected:
    """The parsed or rejected record. `updatedAt` may be at most a day after `now`."""
    try:
        data = json.dumps(raw, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except RecursionError:
        return _rejected(raw, "", "is nested too deep")
    try:
        size = len(data.encode())
    except UnicodeEncodeError:
        return _rejected(raw, data, "holds text that is not Unicode")
    if size > MAX_RECORD_BYTES:
        return _rejected(raw, data, f"has more than {MAX_RECORD_BYTES} bytes")
    if faults := json_schema.faults(SCHEMA, raw):
        return _rejected(raw, data, f"{faults[0]['field']} {faults[0]['message']}")
    if not _is_usable(raw["id"]):
        return _rejected(raw, data, "id holds what cannot be printed, or begins or ends with a space")
    moment = _moment(raw["updatedAt"])
    if moment is None:
        return _rejected(raw, data, "updatedAt is no moment")
    if not _EARLIEST <= moment <= now + _AHEAD:
        return _rejected(raw, data, "updatedAt is too long ago or in the future")
    return Customer(raw["id"], ids.timestamp(moment), data)


def reject_duplicate(customer: Customer) -> Rejected:
    """The rejection of a customer that is in one page twice."""
    return Rejected(customer.id, True, "id stands in this page twice; the newest was taken", customer.data)


def _rejected(raw: Any, data: str, reason: str) -> Rejected:
    legible = data.encode(errors="replace")
    given = raw.get("id") if isinstance(raw, dict) else None
    is_named = isinstance(given, str) and len(given) <= 128 and _is_usable(given)
    record_id = str(given) if is_named else f"unnamed#{hashlib.sha256(legible).hexdigest()[:32]}"
    return Rejected(record_id, is_named, reason, legible.decode()[:_KEPT_OF_REJECTED])


def _is_usable(record_id: str) -> bool:
    return record_id.isprintable() and record_id == record_id.strip() != ""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
