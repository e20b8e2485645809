"""The chain of the audit trail: the inbox's stream appends entries, and each holds the hash of the one before.

An entry is appended once its request has ended. One that stays begun comes again when no request can last so long
(waiting.py), and is appended as that.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.audit.models import (
    BEGUN,
    HEAD,
    INBOX,
    OF_INBOX,
    OVER_LIMIT,
    SENT_AGAIN,
    SEQUENCE_DIGITS,
    TRAIL,
    ZERO_HASH,
    Head,
)
from chalicelib.core import log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError, read_image, transact
from chalicelib.core.observing import streams

_TRIES = 10


@required_env_vars(
    streams.handle,
    {
        "AUDIT_INBOX_TABLE": [DynamoDBOperation.DELETE_ITEM],
        "AUDIT_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM, DynamoDBOperation.UPDATE_ITEM],
    },
)
def append_entries(event: Mapping[str, Any]) -> None:
    """Appends the entries of a batch of the inbox's stream in order, except those that are in the chain already.

    Raises:
        ConditionFailedError: the next entry's place is taken, or other runs kept moving the head.
    """
    streams.handle("audit_entries", event, _append_all)


def _append_all(records: Sequence[streams.Record]) -> None:
    written = (record["dynamodb"]["NewImage"] for record in records if record["eventName"] != "REMOVE")
    # Of an item that was written twice, the later form counts.
    latest = {item["id"]: item for item in map(read_image, written)}
    _drop([item for item in latest.values() if OVER_LIMIT in item])
    items = [item for item in latest.values() if OVER_LIMIT not in item and _is_ready(item)]
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


def _is_ready(item: Mapping[str, Any]) -> bool:
    return item["outcome"] != BEGUN or SENT_AGAIN in item


def _drop(items: Sequence[Mapping[str, Any]]) -> None:
    """Takes entries out of the inbox that the trail does not want."""
    for item in items:
        INBOX.delete(item["id"])


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
        # One whose request has ended since waits for the change that says so.
        *(INBOX.to_delete(INBOX.key(item["id"]), where={"outcome": item["outcome"]}) for item in items),
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
        own = {name: value for name, value in item.items() if name not in OF_INBOX}
        entry = {**own, "day": day, "sequence": f"{number:0{SEQUENCE_DIGITS}d}", "previous": previous}
        previous = entry["hash"] = hash_of(entry)
        entries.append(entry)
    return entries


def hash_of(entry: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of an entry without its `hash`: as JSON in ASCII, names sorted, no spaces."""
    fields = {name: value for name, value in entry.items() if name != "hash"}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
