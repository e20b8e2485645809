"""The chain of the audit trail: the inbox's stream appends entries, and each holds the hash of the one before."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.audit.models import HEAD, INBOX, SEQUENCE_DIGITS, TRAIL, ZERO_HASH, Head
from chalicelib.core import log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError, read_image, transact

_TRIES = 10


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
        for item in [read_image(record["dynamodb"]["NewImage"])]
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
