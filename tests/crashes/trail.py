"""The audit trail: its chain must be whole, and every deed must stand in it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.audit.following import Follower
from chalicelib.audit.models import HEAD, Head

Tables = Mapping[str, list[dict[str, Any]]]
# What an entry says beside who did what to what, and how it ended.
_OF_RUN = ("day", "id", "sequence", "timestamp", "source", "request_id", "requestId", "previous", "hash")


def entries(tables: Tables) -> list[dict[str, Any]]:
    """Who did what to what, and how it ended."""
    return [{name: value for name, value in row.items() if name not in _OF_RUN} for row in _rows(tables)]


def is_same_deed(ours: str, theirs: str) -> bool:
    """Whether two facts (tests/crashes/outcome.py) are of the same deed, however it ended.

    A try that was cut off, failed or came too late says what was asked for, and not what came of it.
    """
    clean, found = json.loads(ours), json.loads(theirs)
    # Whoever is not signed in is named by the hash of their address until they are known.
    target = {name: value for name, value in found["target"].items() if name != "addressHash"}
    known = {name: value for name, value in found.items() if name not in ("target", "outcome")}
    return bool(known.items() <= clean.items() and target.items() <= clean["target"].items())


def faults(tables: Tables) -> Iterator[str]:
    """What is wrong with the chain."""
    if tables["audit-inbox"]:
        yield f"{len(tables['audit-inbox'])} entries are still in the inbox of the audit trail"
    follower = Follower()
    for row in _rows(tables):
        yield from map(str, follower.follow(row))
    head = [row for row in tables["audit"] if row["day"] == HEAD["day"]]
    if follower.number and (not head or Head.from_item(head[0]).number != follower.number):
        yield "the head of the audit trail is not at its last entry"


def _rows(tables: Tables) -> list[dict[str, Any]]:
    rows = [row for row in tables["audit"] if row["day"] != HEAD["day"]]
    return sorted(rows, key=lambda row: str(row["sequence"]))
