"""The audit trail: its chain must be whole, and every deed must stand in it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.audit.following import Follower
from chalicelib.audit.models import BEGUN, HEAD, Head
from chalicelib.core.errors import DarkroomError, UnavailableError

Tables = Mapping[str, list[dict[str, Any]]]
# What an entry says beside who did what to what, and how it ended.
_OF_RUN = ("day", "id", "sequence", "timestamp", "source", "request_id", "requestId", "previous", "hash")
# How a try ends that may have done what it was asked for.
_CUT_OFF = (BEGUN, DarkroomError.code, UnavailableError.code)


def entries(tables: Tables) -> list[dict[str, Any]]:
    """Who did what to what, and how it ended."""
    return [{name: value for name, value in row.items() if name not in _OF_RUN} for row in _rows(tables)]


def tells_of(theirs: str, ours: str) -> bool:
    """Whether an entry tells of the deed of another, a clean run's; both are facts (tests/crashes/outcome.py).

    A try that was cut off, or failed by our fault, says what was asked for, and not what came of it. One that was
    refused, because an earlier try had done it, tells nothing.
    """
    clean, found = json.loads(ours), json.loads(theirs)
    if found["outcome"] not in (clean["outcome"], *_CUT_OFF):
        return False
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
