"""Follows the chain of the audit trail from entry to entry, and says where it is broken."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from chalicelib.audit.chain import hash_of
from chalicelib.audit.models import SEQUENCE_DIGITS, TRAIL, ZERO_HASH, Head

_PAGE_SIZE = 500


@dataclass(frozen=True)
class Fault:
    """What is wrong, in a sentence. `sequence` is the number of the entry, or of the first one that is missing."""

    message: str
    sequence: int | None = None

    def __str__(self) -> str:
        return self.message


class HeadAlteredError(Exception):
    """The head of the chain is not what the chain writes."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"the head was altered: {error!r}")


def read_head() -> Head | None:
    """The head, or None before the first entry. Raises HeadAlteredError."""
    try:
        head = Head.read()
        if head is not None:
            date.fromisoformat(head.since), date.fromisoformat(head.day)
    except (KeyError, ValueError) as error:
        raise HeadAlteredError(error) from None
    return head


def entries_of(day: str, after: str | None = None) -> Iterator[dict[str, Any]]:
    """The items of a day that follow the sort key `after`, oldest first, a page in memory at a time."""
    while True:
        page = TRAIL.page(day, limit=_PAGE_SIZE, after=after, newest_first=False)
        yield from page.items
        after = page.next_after
        if after is None:
            return


def number_of(item: Mapping[str, Any]) -> int | None:
    """The number of an entry; None if its sort key is not that of an entry."""
    sequence = item["sequence"]
    return int(sequence) if len(sequence) == SEQUENCE_DIGITS and sequence.isdecimal() else None


@dataclass
class Follower:
    """Where the chain has been followed to: `number` and `hash` of the last entry, and how many `entries` were read."""

    number: int = 0
    hash: str = ZERO_HASH
    entries: int = 0

    def follow(self, item: Mapping[str, Any]) -> Iterator[Fault]:
        """Goes on to the next item of the trail; what is wrong with it."""
        self.entries += 1
        number = number_of(item)
        if number is None:
            yield Fault(f"{_place(item)} was inserted: that is no number of an entry")
            return
        if number <= self.number:
            yield Fault(f"{_place(item)} was inserted: the chain is past that number", number)
            return
        yield from self.check_link(number, item)
        self.number, self.hash = number, hash_of(item)
        if item.get("hash") != self.hash:
            yield Fault(f"{_place(item)} was altered: its hash is of something else", number)
            # The next entry was chained to the original hash.
            self.hash = str(item.get("hash"))

    def check_link(self, number: int, item: Mapping[str, Any]) -> Iterator[Fault]:
        """What is wrong with an entry as the next one."""
        if number > self.number + 1:
            yield Fault(f"{_numbered(self.number + 1, number - 1)} missing", self.number + 1)
        elif item.get("previous") != self.hash:
            yield Fault(f"{_place(item)} does not follow the entry before it", number)

    def compare(self, head: Head, whose: str) -> Iterator[Fault]:
        """What is wrong if the last entry should be the one of `head`."""
        if self.number == head.number and self.hash != head.hash:
            yield Fault(f"entry {head.number} is not the one of {whose}: its hash differs", head.number)

    def check_end(self, before: Head) -> Iterator[Fault]:
        """What is wrong at the end of the chain. `before` is the head as it was before the entries were read."""
        if self.number < before.number:
            missing = _numbered(self.number + 1, before.number)
            yield Fault(f"{missing} missing from the end: the head is at {before.number}", self.number + 1)
        elif self.number > before.number:
            # Entries that were appended meanwhile are no error.
            after = Head.read() or before
            if self.number > after.number:
                beyond = _numbered(after.number + 1, self.number)
                yield Fault(f"{beyond} there beyond the head, which is at {after.number}", after.number + 1)


def stray(item: Mapping[str, Any]) -> Fault:
    """The fault of an item that belongs to no day of the chain."""
    return Fault(f"{_place(item)} was inserted: the chain has no such day", number_of(item))


def _place(item: Mapping[str, Any]) -> str:
    return f"{item['day']} {item['sequence']}"


def _numbered(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
