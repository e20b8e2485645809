"""The trail's two steps: a request writes its entry to the inbox, then the inbox's stream appends it to the chain."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.audit.models import HEAD, INBOX, SEQUENCE_DIGITS, TRAIL, ZERO_HASH, Entry, Head
from chalicelib.core import clients, ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError, transact
from chalicelib.core.observing import alerts
from chalicelib.core.observing.tracking import Execution

_TRIES = 10

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
def write_entry(execution: Execution, source: str, request_id: str) -> None:
    """Writes the entry of a request to the inbox. Never raises: an error is logged and reported to the operators."""
    entry: dict[str, Any] = {}
    try:
        entry = _entry(execution, source, request_id).to_item()
        INBOX.put(entry)
    except Exception as error:
        # The log keeps the entry.
        log.error("AUDIT_NOT_WRITTEN", error, operation=execution.operation, entry=entry)
        alerts.report(error, "audit")


def operators_entry_write(operation: str, target: Mapping[str, Any], source: str, moment: str) -> dict[str, Any]:
    """The write, for a transaction, of the entry of what an operator did with AWS credentials.

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
    """What the operation was about, by ids. Of an anonymous caller, the SHA-256 of the e-mail address in lower case."""
    fields = {**execution.response, **execution.payload}
    target = {name: fields[name] for name in _IDS if _is_id(fields.get(name))}
    target |= {name: fields[name] for name in _FLAGS if isinstance(fields.get(name), bool)}
    target |= _granted(execution.payload)
    if execution.endpoint.startswith("PATCH "):
        target["changed"] = _changed_fields(execution)
    address = execution.payload.get("email")
    if execution.actor is None and isinstance(address, str):
        target["addressHash"] = hashlib.sha256(address.lower().encode()).hexdigest()
    return target


def _changed_fields(execution: Execution) -> str:
    """The names of the fields in the body of a PATCH (`outer.inner` within objects), without their values."""
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
        valid = {name: number for name, number in numbers.items() if _is_id(name) and isinstance(number, int | float)}
        granted["limits"] = " ".join(f"{name}={valid[name]}" for name in sorted(valid))
    return granted


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID_FORM.fullmatch(value) is not None


# ------------------------------------------------------------------------------- the chain


@required_env_vars(
    {
        "AUDIT_INBOX_TABLE": [DynamoDBOperation.DELETE_ITEM],
        "AUDIT_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM, DynamoDBOperation.UPDATE_ITEM],
    }
)
def append_entries(event: Mapping[str, Any]) -> None:
    """Appends the entries of a batch of the inbox's stream in order, except those that are in the chain already.

    Raises:
        ConditionFailedError: the next entry's place is taken, or other runs kept moving the head.
    """
    inserted = {
        item["id"]: item
        for record in event["Records"]
        if record["eventName"] == "INSERT"
        for item in [clients.unmarshal(record["dynamodb"]["NewImage"])]
    }
    items = list(inserted.values())
    for tries_left in reversed(range(_TRIES)):
        if not items:
            return
        try:
            _append(items)
            return
        except ConditionFailedError as error:
            # The first write of the transaction is the head's, then one for each item that must be in the inbox.
            head_moved = 0 in error.writes
            left = [item for place, item in enumerate(items, start=1) if place not in error.writes]
            if (left and not tries_left) or not (head_moved or len(left) < len(items)):
                raise
            items = left


def _append(items: Sequence[Mapping[str, Any]]) -> None:
    """Moves the head, puts the entries and deletes them from the inbox, in one transaction."""
    head = Head.read()
    entries = chain_entries(head, items)
    last = entries[-1]
    moved = Head(
        number=int(last["sequence"]),
        hash=last["hash"],
        day=last["day"],
        since=entries[0]["day"] if head is None else head.since,
    )
    unchanged = {"number": None, "hash": None} if head is None else {"number": head.number, "hash": head.hash}
    transact(
        TRAIL.to_update(HEAD, moved.to_item(), where=unchanged),
        *(INBOX.to_delete(INBOX.key(item["id"]), where={"id": item["id"]}) for item in items),
        *(TRAIL.to_create(entry) for entry in entries),
    )
    # The log also has the hash: it shows if somebody rebuilds the chain in the table.
    log.info("AUDIT_APPENDED", entries=len(entries), number=moved.number, hash=moved.hash)


def chain_entries(head: Head | None, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The chain's entries for items of the inbox that follow `head`.

    The day of an entry is its own, or the day of the entry before if that is later: numbers rise with the days.
    """
    number, previous, day = (0, ZERO_HASH, "") if head is None else (head.number, head.hash, head.day)
    entries: list[dict[str, Any]] = []
    for item in items:
        number, day = number + 1, max(day, item["timestamp"][:10])
        entry = {**item, "day": day, "sequence": f"{number:0{SEQUENCE_DIGITS}d}", "previous": previous}
        previous = entry["hash"] = hash_of(entry)
        entries.append(entry)
    return entries


def hash_of(entry: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of an entry without its `hash`: as JSON in ASCII, names sorted, no spaces."""
    fields = {name: value for name, value in entry.items() if name != "hash"}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
