"""Reads the whole audit trail and names every place where it is not what was appended.

What the chain cannot tell is whether somebody who may write the whole table made it anew from some entry on. So each
batch's end stands in the log too (AUDIT_APPENDED): give one of those, or what an earlier run printed, as `known`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from chalicelib.audit import HEAD, SEQUENCE_DIGITS, TRAIL, ZERO_HASH, Head, hash_of
from chalicelib.core import clients

_AT_ONCE = 500


@dataclass
class Verification:
    """One reading of the trail, in the memory of one page: `breaks()` first, then what was counted."""

    known: Mapping[int, str] = field(default_factory=dict)
    entries: int = 0
    days: int = 0
    # The last entry that was read.
    number: int = 0
    hash: str = ZERO_HASH

    def breaks(self) -> Iterator[str]:
        """What is wrong, in words, from the first entry to the last."""
        try:
            before = Head.read()
            days = [] if before is None else _days(before.since, before.day)
        except (KeyError, ValueError) as error:
            yield f"the head was altered: {error!r}"
            return
        if before is None:
            if any(_strays(None)):
                yield "there is no head, and there are entries"
            return
        for day in days:
            found = False
            for entry in _of_day(day):
                found = True
                yield from self._follow(entry)
                yield from self._compare_head(before, "the head")
                for number, digest in self.known.items():
                    yield from self._compare_head(Head(number, digest, "", ""), "what was known")
            self.days += found
        # Whatever was appended meanwhile is no fault.
        after = Head.read() or before
        if self.number < before.number:
            yield f"{_these(self.number + 1, before.number)} missing from the end: the head is at {before.number}"
        elif self.number > after.number:
            yield f"{_these(after.number + 1, self.number)} there beyond the head, which is at {after.number}"
        for number in self.known:
            if number > self.number:
                yield f"entry {number} is known, and not there"
        yield from _strays(after)

    def _follow(self, entry: Mapping[str, Any]) -> Iterator[str]:
        place = f"{entry['day']} {entry['sequence']}"
        self.entries += 1
        if not (len(entry["sequence"]) == SEQUENCE_DIGITS and entry["sequence"].isdecimal()):
            yield f"{place} was inserted: that is no number of an entry"
            return
        number = int(entry["sequence"])
        if number <= self.number:
            yield f"{place} was inserted: the chain is past that number"
            return
        if number > self.number + 1:
            yield f"{_these(self.number + 1, number - 1)} missing"
        elif entry.get("previous") != self.hash:
            yield f"{place} does not follow the entry before it"
        self.number, self.hash = number, hash_of(entry)
        if entry.get("hash") != self.hash:
            yield f"{place} was altered: its hash is of something else"
            # What follows was chained to the hash that it had.
            self.hash = str(entry.get("hash"))

    def _compare_head(self, head: Head, whose: str) -> Iterator[str]:
        if self.number == head.number and self.hash != head.hash:
            yield f"entry {head.number} is not the one of {whose}: its hash differs"


def _days(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=place)).isoformat() for place in range((end - start).days + 1)]


def _of_day(day: str) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        page = TRAIL.page(day, limit=_AT_ONCE, after=after, newest_first=False)
        yield from page.items
        after = page.next_after
        if after is None:
            return


def _these(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def _strays(head: Head | None) -> Iterator[str]:
    """What stands in the table and in no day of the chain."""
    pages = (
        clients.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=TRAIL.name,
            ProjectionExpression="#day, #sequence",
            ExpressionAttributeNames={"#day": "day", "#sequence": "sequence"},
            ConsistentRead=True,
        )
    )
    for page in pages:
        for key in page["Items"]:
            within = head is not None and head.since <= key["day"] <= head.day and _is_day(key["day"])
            if key != HEAD and not within:
                yield f"{key['day']} {key['sequence']} was inserted: the chain has no such day"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def verify(known: Mapping[int, str]) -> int:
    """Prints what is wrong, and 1 is the exit code; or what was read, and 0."""
    verification = Verification(known)
    broken = 0
    for fault in verification.breaks():
        broken += 1
        print(fault)
    read = f"entries: {verification.entries}, days: {verification.days}"
    if broken:
        print(f"The audit trail is broken in {broken} places; {read}.")
        return 1
    print(f"The audit trail is whole: {read}; it ends with {verification.number}:{verification.hash}.")
    return 0
