"""The audit trail: who did what to what, from where, with what outcome. Owns AUDIT_INBOX_TABLE and AUDIT_TABLE.

A request puts its entry into the inbox, in one write. The inbox's stream appends it to the chain. Entries are numbered
without gaps, and each has the hash of the one before: if an entry is changed, removed or inserted, all later entries
and the head no longer fit.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from chalicelib.core import clients, ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.records import SHOWN, Record, Shown, Stored
from chalicelib.core.aws.tables import ConditionFailedError, Page, Table, transact
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.observing import alerts
from chalicelib.core.observing.tracking import Execution
from chalicelib.core.schemas import DATE, list_of, page_of

INBOX = Table("AUDIT_INBOX_TABLE", "id")
TRAIL = Table("AUDIT_TABLE", "day", "sequence")
HEAD = TRAIL.key("head", "head")

# The hash before the first entry.
NOTHING = "0" * 64
DIGITS = 16

MAX_PAGE = 200
DEFAULT_PAGE = 50
# One user's entries are searched in those of the day. A request reads this many at most; the cursor continues there.
_READ_AT_ONCE = 500
_READS = 4
_TRIES = 10

_NAME = {"type": "string", "minLength": 1, "maxLength": 100}
LIST = list_of(MAX_PAGE, day=DATE, userId=_NAME)
_TARGET = {"type": "object", "additionalProperties": {"type": ["string", "boolean"]}}
_HASH = Shown(schema={"type": "string", "pattern": "^[0-9a-f]{64}$"})


@dataclass(frozen=True, kw_only=True)
class Entry(Record):
    """What a caller did, or was refused. `sequence`, `previous` and `hash` are set when it is appended to the chain."""

    id: str
    sequence: Annotated[int | None, Shown(schema={"type": "integer"})] = None
    user_id: Annotated[str | None, SHOWN] = None
    key_id: Annotated[str | None, SHOWN] = None
    timestamp: Annotated[str, SHOWN]
    operation: Annotated[str, SHOWN]
    target: Annotated[Mapping[str, Any], Shown(schema=_TARGET)]
    outcome: Annotated[str, SHOWN] = "ok"
    source: Annotated[str, SHOWN]
    request_id: Annotated[str, SHOWN] = ""
    previous: Annotated[str | None, _HASH] = None
    hash: Annotated[str | None, _HASH] = None


PAGE = page_of(Entry.schema())

# The fields of payloads and responses that say what was done, and to what.
_IDS = (
    "imageId",
    "keyId",
    "userId",
    "actionId",
    "fileId",
    "jobId",
    "reportId",
    "exportId",
    "reportType",
    "actionType",
    "processingType",
    "format",
    "challenge",
    "role",
)
_FLAGS = ("isActive", "canExportData")
# The form of our identifiers. No address and no secret has it.
_ID_FORM = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


# ------------------------------------------------------------------- one write for each request


@required_env_vars({"AUDIT_INBOX_TABLE": [DynamoDBOperation.PUT_ITEM]})
def note(execution: Execution, source: str, request_id: str) -> None:
    """Puts the entry of a request into the inbox. Never raises: an error is logged and reported to the operators."""
    entry: dict[str, Any] = {}
    try:
        entry = _entry(execution, source, request_id).to_item()
        INBOX.put(entry)
    except Exception as error:
        # The entry is not lost: it is in the log.
        log.error("AUDIT_NOT_WRITTEN", error, operation=execution.operation, entry=entry)
        alerts.report(error, "audit")


def operators_entry_write(operation: str, target: Mapping[str, Any], source: str, moment: str) -> dict[str, Any]:
    """The write, for a transaction, that puts into the inbox what an operator did with AWS credentials.

    `source` is the ARN of the operator's identity, `moment` ISO 8601 in UTC.
    """
    entry = Entry(id=ids.new_id("aud"), timestamp=moment, operation=operation, target=dict(target), source=source)
    return INBOX.to_create(entry.to_item())


def _entry(execution: Execution, source: str, request_id: str) -> Entry:
    return Entry(
        id=ids.new_id("aud"),
        timestamp=ids.timestamp(execution.started_at),
        user_id=execution.actor,
        key_id=execution.api_key_id,
        operation=execution.operation,
        target=_target(execution),
        outcome=execution.outcome,
        source=source,
        request_id=request_id,
    )


def _target(execution: Execution) -> dict[str, Any]:
    """What it was done to, by ids; for anonymous callers, the SHA-256 of the e-mail address (lower case) they gave."""
    said = {**execution.response, **execution.payload}
    target = {name: said[name] for name in _IDS if _is_id(said.get(name))}
    target |= {name: said[name] for name in _FLAGS if isinstance(said.get(name), bool)}
    target |= _granted(execution.payload)
    if execution.endpoint.startswith("PATCH "):
        target["changed"] = _changed(execution)
    address = execution.payload.get("email")
    if execution.actor is None and isinstance(address, str):
        target["addressHash"] = hashlib.sha256(address.lower().encode()).hexdigest()
    return target


def _changed(execution: Execution) -> str:
    """The names of the fields in the body of a change (`outer.inner` inside of objects), without their values."""
    in_path = re.findall(r"{(\w+)}", execution.endpoint)
    names: set[str] = set()
    for name, value in execution.payload.items():
        if name not in in_path:
            names |= {f"{name}.{inner}" for inner in value} if isinstance(value, Mapping) and value else {name}
    return " ".join(sorted(names))


def _granted(payload: Mapping[str, Any]) -> dict[str, str]:
    """The access types of a key, and the limits of a key or a user: each as one text."""
    kinds, numbers = payload.get("accessTypes"), payload.get("limits")
    granted: dict[str, str] = {}
    if isinstance(kinds, list):
        granted["accessTypes"] = " ".join(sorted(kind for kind in kinds if _is_id(kind)))
    if isinstance(numbers, Mapping):
        known = {name: number for name, number in numbers.items() if _is_id(name) and isinstance(number, int | float)}
        granted["limits"] = " ".join(f"{name}={known[name]}" for name in sorted(known))
    return granted


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID_FORM.fullmatch(value) is not None


# ------------------------------------------------------------------------------- the chain


@dataclass(frozen=True)
class Head(Record):
    """The end of the chain: number, hash and day of the last entry. `since` is the day of the first entry."""

    number: int
    hash: str
    day: Annotated[str, Stored("lastDay")]
    since: str

    @classmethod
    def read(cls) -> Self | None:
        """The head, or None before the first entry."""
        item = TRAIL.get(HEAD["day"], HEAD["sequence"])
        return None if item is None else cls.from_item(item)


def append(event: Mapping[str, Any]) -> None:
    """Appends the entries of a batch of the inbox's stream, in order, except those that are in the chain already.

    Raises:
        ConditionFailedError: the place of the next entry is taken, or other runs kept moving the head.
    """
    handed_in = {
        item["id"]: item
        for record in event["Records"]
        if record["eventName"] == "INSERT"
        for item in [clients.unmarshal(record["dynamodb"]["NewImage"])]
    }
    waiting = list(handed_in.values())
    for tries_left in reversed(range(_TRIES)):
        if not waiting:
            return
        try:
            _append(waiting)
            return
        except ConditionFailedError as refused:
            before = _appended_before(waiting, refused.writes)
            moved = 0 in refused.writes
            waiting = [item for item in waiting if item["id"] not in before]
            if (waiting and not tries_left) or not (before or moved):
                raise


def _append(items: Sequence[Mapping[str, Any]]) -> None:
    """Moves the head, puts the entries and deletes them from the inbox, in one transaction."""
    head = Head.read()
    entries = chained(head, items)
    last = entries[-1]
    moved = Head(
        number=int(last["sequence"]),
        hash=last["hash"],
        day=last["day"],
        since=entries[0]["day"] if head is None else head.since,
    )
    here = {"number": None, "hash": None} if head is None else {"number": head.number, "hash": head.hash}
    transact(
        TRAIL.to_update(HEAD, moved.to_item(), where=here),
        *(_taking(str(item["id"])) for item in items),
        *(TRAIL.to_create(entry) for entry in entries),
    )
    # Beside the table, so that a chain that was made anew from some entry on can be told from this one.
    log.info("AUDIT_APPENDED", entries=len(entries), number=moved.number, hash=moved.hash)


def _appended_before(items: Sequence[Mapping[str, Any]], failed: frozenset[int]) -> set[str]:
    """The ids of those that the inbox no longer held; the first write of the transaction is the head's."""
    return {str(item["id"]) for place, item in enumerate(items, start=1) if place in failed}


def _taking(entry_id: str) -> dict[str, Any]:
    """Takes an entry out of the inbox, where it must still be."""
    delete = INBOX.to_delete(INBOX.key(entry_id))["Delete"]
    return {"Delete": {**delete, "ConditionExpression": "attribute_exists(id)"}}


def chained(head: Head | None, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries that those of the inbox become when they follow `head`.

    An entry stands under its own day, but never under one before the last: the numbers rise with the days.
    """
    number, previous, day = (0, NOTHING, "") if head is None else (head.number, head.hash, head.day)
    entries: list[dict[str, Any]] = []
    for item in items:
        number, day = number + 1, max(day, item["timestamp"][:10])
        entry = {**item, "day": day, "sequence": f"{number:0{DIGITS}d}", "previous": previous}
        previous = entry["hash"] = hash_of(entry)
        entries.append(entry)
    return entries


def hash_of(entry: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of all that an entry holds but its own hash: as JSON in ASCII, names sorted, no spaces."""
    held = {name: value for name, value in entry.items() if name != "hash"}
    text = json.dumps(held, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


# --------------------------------------------------------------------------------- reading


def list_page(data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of one day's entries (today's where none is named), newest first, perhaps one user's alone.

    A page of one user's may hold fewer than asked for, or none: the cursor says whether there may be more.

    Raises:
        InvalidRequestError: no such day, or no cursor of ours.
    """
    day, limit, after = _day(data), data.get("limit", DEFAULT_PAGE), _after(data)
    if "userId" in data:
        page = _page_of_user(data["userId"], day, limit, after)
    else:
        page = TRAIL.page(day, limit=limit, after=after)
    return page.response(Entry.show_item)


def _page_of_user(user_id: str, day: str, limit: int, after: str | None) -> Page:
    found: list[dict[str, Any]] = []
    for _ in range(_READS):
        page = TRAIL.page(day, limit=_READ_AT_ONCE, after=after)
        for item in page.items:
            if item.get("userId") == user_id:
                found.append(item)
            if len(found) == limit:
                return Page(found, item["sequence"])
        after = page.next_after
        if after is None:
            break
    return Page(found, after)


def _day(data: Mapping[str, Any]) -> str:
    if "day" not in data:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(data["day"]).isoformat()
    except ValueError:
        raise InvalidRequestError(details=[{"field": "day", "message": "is no day of the calendar"}]) from None


def _after(data: Mapping[str, Any]) -> str | None:
    return ids.start_of_page(data, f"[0-9]{{{DIGITS}}}")
