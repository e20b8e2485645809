"""Entries of the audit trail, and its head. Owns AUDIT_INBOX_TABLE and AUDIT_TABLE."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from chalicelib.core.aws.records import SHOWN, Record, Shown, Stored
from chalicelib.core.aws.tables import Table
from chalicelib.core.settings import Settings

INBOX = Table(Settings.AUDIT_INBOX_TABLE, "id", verbatim=True)
TRAIL = Table(Settings.AUDIT_TABLE, "day", "sequence", verbatim=True)
HEAD = TRAIL.key("head", "head")

# The outcome of an entry whose request has not ended, or was cut off.
BEGUN = "begun"
SEQUENCE_DIGITS = 16
# The `previous` of the first entry.
ZERO_HASH = "0" * 64

_TARGET = {"type": "object", "additionalProperties": {"type": ["string", "boolean"]}}
_HASH = Shown(schema={"type": "string", "pattern": "^[0-9a-f]{64}$"})


@dataclass(frozen=True, kw_only=True)
class Entry(Record):
    """What a caller did, or was refused. `sequence`, `previous` and `hash` are set when it is appended to the chain.

    `outcome` is "ok", the code of the error that the caller read, or BEGUN.
    """

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


# Attributes of an item of the inbox that are not the entry's own: a request over a limit, whose entry is dropped, and
# how often and when last an entry that waited was sent to the stream again.
OVER_LIMIT, TIMES_SENT, SENT_AGAIN = "overLimit", "timesSent", "sentAgain"
OF_INBOX = frozenset({OVER_LIMIT, TIMES_SENT, SENT_AGAIN})


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
