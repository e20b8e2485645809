"""Checks the whole audit trail and reports every place where an entry was altered, inserted or removed.

The chain alone does not show that somebody with write access to the table rebuilt it from some entry on. So the end of
each batch is also in the log (AUDIT_APPENDED): pass such an entry, or one that an earlier run printed, as `known`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from chalicelib.audit import HEAD, TRAIL, Head, following
from chalicelib.audit.following import Follower, HeadAlteredError, entries_of
from chalicelib.core import clients


@dataclass
class Verification:
    """One pass over the trail. The counts are complete after `errors()`."""

    known: Mapping[int, str] = field(default_factory=dict)
    days: int = 0
    follower: Follower = field(default_factory=Follower)

    @property
    def entries(self) -> int:
        return self.follower.entries

    @property
    def number(self) -> int:
        """The number of the last entry that was read."""
        return self.follower.number

    @property
    def hash(self) -> str:
        return self.follower.hash

    def errors(self) -> Iterator[str]:
        """The errors as sentences, from the first entry to the last."""
        try:
            before = following.read_head()
        except HeadAlteredError as error:
            yield str(error)
            return
        if before is None:
            if any(_strays(None)):
                yield "there is no head, and there are entries"
            return
        for day in _days(before.since, before.day):
            yield from self._errors_of(day, before)
        yield from map(str, self.follower.check_end(before))
        for number in self.known:
            if number > self.number:
                yield f"entry {number} is known, and not there"
        yield from _strays(Head.read() or before)

    def _errors_of(self, day: str, head: Head) -> Iterator[str]:
        has_entries = False
        for entry in entries_of(day):
            has_entries = True
            yield from map(str, self.follower.follow(entry))
            yield from map(str, self.follower.compare(head, "the head"))
            for number, digest in self.known.items():
                yield from map(str, self.follower.compare(Head(number, digest, "", ""), "what was known"))
        self.days += has_entries


def _days(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=place)).isoformat() for place in range((end - start).days + 1)]


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
                yield str(following.stray(key))


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
