"""The verification of one day of the audit trail, for administrators. `python -m infra audit verify` reads all days."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.audit import following
from chalicelib.audit.following import Fault, Follower, HeadAlteredError, entries_of, number_of, read_head
from chalicelib.audit.models import SEQUENCE_DIGITS, TRAIL, Head
from chalicelib.core import ids
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import UnavailableError, raises

# What one request reads, lists and takes at the most.
_MOST_ENTRIES = 5000
_MOST_ERRORS = 100
_SECONDS, _RESERVED_SECONDS = 15.0, 3.0
# The day's neighbours are found by their first items; what was inserted there by hand may come before them.
_NEIGHBOURS_READ = 10
_SEPARATOR = "-"
_CURSOR = rf"[0-9]{{{SEQUENCE_DIGITS}}}{_SEPARATOR}[0-9a-f]{{64}}"


class NotVerifiedInTimeError(UnavailableError):
    code = "NOT_VERIFIED_IN_TIME"
    message = "There was no time to find the entries before and after this day: `python -m infra audit verify` does."


@required_env_vars({"AUDIT_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.QUERY]})
@raises(NotVerifiedInTimeError)
def verify_day(data: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Checks the entries of a day (today by default), and their links to the entries before and after that day.

    A request reads a bounded number of entries; the cursor goes on after them.

    Raises:
        InvalidRequestError: no such day, or no cursor of ours.
        NotVerifiedInTimeError: the next entries before or after the day are years away.
    """
    day = ids.day_of(data, "day") or datetime.now(UTC).date()
    start = ids.start_of_page(data, _CURSOR)
    try:
        head = read_head()
    except HeadAlteredError as error:
        return _Check(Follower(), faults=[Fault(str(error))]).answer(day)
    check = _Check(Follower())
    if head is None or not head.since <= day.isoformat() <= head.day:
        check.check_strays(day)
        return check.answer(day)
    deadline = Deadline.within(_SECONDS, context, _RESERVED_SECONDS)
    if start is None:
        check.follower, after = _last_before(day, head, deadline), None
    else:
        after, _, digest = start.partition(_SEPARATOR)
        check.follower = Follower(int(after), digest)
    check.check_day(day, after, head, deadline)
    return check.answer(day)


@dataclass
class _Check:
    """One request's part of a day."""

    follower: Follower
    faults: list[Fault] = field(default_factory=list)
    first: int | None = None
    last: int | None = None
    is_complete: bool = True

    def check_day(self, day: date, after: str | None, head: Head, deadline: Deadline) -> None:
        """Follows the items after the sort key `after`, and at the end of the day the link to what comes next."""
        for item in entries_of(day.isoformat(), after):
            self._follow(item, head)
            is_enough = self.follower.entries >= _MOST_ENTRIES or len(self.faults) >= _MOST_ERRORS
            if is_enough or deadline.is_over:
                self.is_complete = False
                return
        self.faults += _check_next(self.follower, day, head, deadline)

    def check_strays(self, day: date) -> None:
        """The chain has no such day, so it should have no items."""
        page = TRAIL.page(day.isoformat(), limit=_MOST_ERRORS, newest_first=False)
        self.faults = [following.stray(item) for item in page.items]
        self.follower.entries, self.is_complete = len(page.items), page.next_after is None

    def _follow(self, item: Mapping[str, Any], head: Head) -> None:
        before = self.follower.number
        self.faults += self.follower.follow(item)
        if self.follower.number != before:
            self.faults += self.follower.compare(head, "the head")
            self.first = self.follower.number if self.first is None else self.first
            self.last = self.follower.number

    def answer(self, day: date) -> dict[str, Any]:
        # Without an entry that follows, the next request would read the same items again.
        goes_on = not self.is_complete and self.last is not None
        return {
            "day": day.isoformat(),
            "intact": not self.faults,
            "isComplete": self.is_complete,
            "entries": self.follower.entries,
            "firstSequence": self.first,
            "lastSequence": self.last,
            "hash": None if self.last is None else self.follower.hash,
            "errors": [{"sequence": each.sequence, "message": each.message} for each in self.faults],
            "nextCursor": _to_cursor(self.follower) if goes_on else None,
        }


def _to_cursor(follower: Follower) -> str:
    return ids.to_cursor(f"{follower.number:0{SEQUENCE_DIGITS}d}{_SEPARATOR}{follower.hash}")


def _last_before(day: date, head: Head, deadline: Deadline) -> Follower:
    """The chain, followed to the last entry before the day."""
    for days in range(1, (day - date.fromisoformat(head.since)).days + 1):
        earlier = day - timedelta(days=days)
        if (item := _first_entry(earlier, deadline, newest_first=True)) is not None:
            return Follower(int(item["sequence"]), str(item.get("hash")))
    return Follower()


def _check_next(follower: Follower, day: date, head: Head, deadline: Deadline) -> Iterator[Fault]:
    """Whether the next entry after the day follows, or the chain ends there as its head says."""
    for days in range(1, (date.fromisoformat(head.day) - day).days + 1):
        later = day + timedelta(days=days)
        if (item := _first_entry(later, deadline, newest_first=False)) is not None:
            yield from follower.check_link(int(item["sequence"]), item)
            return
    yield from follower.check_end(head)


def _first_entry(day: date, deadline: Deadline, *, newest_first: bool) -> Mapping[str, Any] | None:
    if deadline.is_over:
        raise NotVerifiedInTimeError
    page = TRAIL.page(day.isoformat(), limit=_NEIGHBOURS_READ, newest_first=newest_first)
    return next((item for item in page.items if number_of(item) is not None), None)
