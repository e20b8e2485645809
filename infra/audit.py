"""Checks the whole audit trail and reports every place where an entry was altered, inserted or removed.

The chain alone does not show that somebody with write access to the table rebuilt it from some entry on. So the end of
each batch is also in the log (AUDIT_APPENDED): pass such an entry, or one that an earlier run printed, as `known`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from chalicelib.audit import HEAD, SEQUENCE_DIGITS, TRAIL, ZERO_HASH, Head, hash_of
from chalicelib.core import clients

_PAGE_SIZE = 500


@dataclass
class Verification:
    """One pass over the trail, a page in memory at a time. The counts are complete after `errors()`."""

    known: Mapping[int, str] = field(default_factory=dict)
    entries: int = 0
    days: int = 0
    # The last entry that was read.
    number: int = 0
    hash: str = ZERO_HASH

    def errors(self) -> Iterator[str]:
        """The errors as sentences, from the first entry to the last."""
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
            has_entries = False
            for entry in _entries_of(day):
                has_entries = True
                yield from self._follow(entry)
                yield from self._compare_head(before, "the head")
                for number, digest in self.known.items():
                    yield from self._compare_head(Head(number, digest, "", ""), "what was known")
            self.days += has_entries
        # Entries that were appended meanwhile are no error.
        after = Head.read() or before
        if self.number < before.number:
            yield f"{_numbered(self.number + 1, before.number)} missing from the end: the head is at {before.number}"
        elif self.number > after.number:
            yield f"{_numbered(after.number + 1, self.number)} there beyond the head, which is at {after.number}"
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
            yield f"{_numbered(self.number + 1, number - 1)} missing"
        elif entry.get("previous") != self.hash:
            yield f"{place} does not follow the entry before it"
        self.number, self.hash = number, hash_of(entry)
        if entry.get("hash") != self.hash:
            yield f"{place} was altered: its hash is of something else"
            # The next entry was chained to the original hash.
            self.hash = str(entry.get("hash"))

    def _compare_head(self, head: Head, whose: str) -> Iterator[str]:
        if self.number == head.number and self.hash != head.hash:
            yield f"entry {head.number} is not the one of {whose}: its hash differs"


def _days(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=place)).isoformat() for place in range((end - start).days + 1)]


def _entries_of(day: str) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        page = TRAIL.page(day, limit=_PAGE_SIZE, after=after, newest_first=False)
        yield from page.items
        after = page.next_after
        if after is None:
            return


def _numbered(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def _strays(head: Head | None) -> Iterator[str]:
    """Entries that belong to no day of the chain."""
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
    """Prints the errors and returns 1, or prints the counts and returns 0."""
    verification = Verification(known)
    errors = 0
    for error in verification.errors():
        errors += 1
        print(error)
    counts = f"entries: {verification.entries}, days: {verification.days}"
    if errors:
        print(f"The audit trail is broken in {errors} places; {counts}.")
        return 1
    print(f"The audit trail is whole: {counts}; it ends with {verification.number}:{verification.hash}.")
    return 0
