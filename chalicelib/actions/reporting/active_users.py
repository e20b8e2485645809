"""How many users were active, and which cost most: a million rows of users' days in the memory of a few pages."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from chalicelib.actions.reporting.models import ReportTooLargeError
from chalicelib.actions.reporting.sums import Runs, total
from chalicelib.core.deadline import Deadline
from chalicelib.metering import daily_sums
from chalicelib.metering.models import EVERY_USER

MAX_LISTED = 20

# The rows in memory at once, shared by the days: about 50 MB. More rows need fewer queries.
_ROWS_IN_MEMORY = 100_000
# About one response of DynamoDB (1 MB). While it is converted, it takes most memory.
_ROWS_A_PAGE = 5_000

# User id, day, and the user's runs on that day.
Row = tuple[str, str, Runs]
# (day, limit, cursor or None) → the day's rows after the cursor by user id, in descending order, and the next cursor.
ReadPage = Callable[[str, int, str | None], tuple[Sequence[Row], str | None]]


class UserSums(NamedTuple):
    user_id: str
    active_days: int
    runs: Runs


@dataclass(frozen=True)
class ActiveUsers:
    """`count` is of distinct users; `most_expensive` are the MAX_LISTED users whose runs cost most, in that order."""

    count: int
    count_by_day: Mapping[str, int]
    most_expensive: tuple[UserSums, ...]


def read(days: Sequence[str], deadline: Deadline) -> ActiveUsers:
    """All users who were active on these days. Raises ReportTooLargeError when the deadline is over."""

    def read_page(day: str, limit: int, after: str | None) -> tuple[Sequence[Row], str | None]:
        deadline.check(ReportTooLargeError())
        page = daily_sums.read_page(EVERY_USER, day, day, limit, after)
        # Without the rest of the items: one page is in memory for each day.
        return [(item["day#what"].partition("#user:")[2], day, Runs.of(item)) for item in page.items], page.next_after

    return count(days, read_page)


def count(days: Sequence[str], read_page: ReadPage) -> ActiveUsers:
    """The users of these days, exactly.

    Each day's rows are ordered by user. The days are read side by side, so a user's rows come one after the other,
    and only the most expensive users stay in memory.
    """
    count_by_day: Counter[str] = Counter()
    number = 0

    def users() -> Iterator[UserSums]:
        nonlocal number
        for user_id, rows in itertools.groupby(_merged(days, read_page), key=itemgetter(0)):
            active_days, runs = zip(*((day, runs) for _, day, runs in rows), strict=True)
            number += 1
            count_by_day.update(active_days)
            yield UserSums(user_id, len(active_days), total(runs))

    most_expensive = heapq.nlargest(MAX_LISTED, users(), key=lambda user: (user.runs.dollars, user.user_id))
    return ActiveUsers(number, count_by_day, tuple(most_expensive))


def _merged(days: Sequence[str], read_page: ReadPage) -> Iterator[Row]:
    """The rows of all days by user id, in descending order."""
    limit = min(_ROWS_A_PAGE, max(1, _ROWS_IN_MEMORY // max(1, len(days))))
    return heapq.merge(*(_rows(day, read_page, limit) for day in days), key=itemgetter(0), reverse=True)


def _rows(day: str, read_page: ReadPage, limit: int) -> Iterator[Row]:
    after: str | None = None
    while True:
        rows, after = read_page(day, limit, after)
        yield from rows
        if after is None:
            return
