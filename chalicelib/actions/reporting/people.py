"""How many users were active, and whose runs cost most: a million rows of users' days in the memory of a few pages."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from chalicelib.actions.reporting.deadline import Deadline
from chalicelib.actions.reporting.sums import Runs, total
from chalicelib.metering import daily_sums
from chalicelib.metering.models import EVERY_USER

MOST_LISTED = 20

# How many rows are in memory at once, shared by the days: about 50 MB. More of them make for fewer queries.
_ROWS_HELD = 100_000
# About what DynamoDB answers at once (1 MB); its rows take most memory before they are ours.
_ROWS_A_PAGE = 5_000

# One user's day.
Row = tuple[str, str, Runs]
# A day, how many rows at most, and the cursor behind which they begin: the rows by user, last first, and the next one.
ReadPage = Callable[[str, int, str | None], tuple[Sequence[Row], str | None]]


class Person(NamedTuple):
    user_id: str
    active_days: int
    runs: Runs


@dataclass(frozen=True)
class People:
    """`active` counts users, each once; `dearest` are the MOST_LISTED whose runs cost most, the dearest first."""

    active: int
    active_by_day: Mapping[str, int]
    dearest: tuple[Person, ...]


def read(days: Sequence[str], deadline: Deadline) -> People:
    """All users of these days. Raises ReportTooLargeError where there is no time for all of them."""

    def page(day: str, limit: int, after: str | None) -> tuple[Sequence[Row], str | None]:
        deadline.check()
        return _page(day, limit, after)

    return counted(days, page)


def _page(day: str, limit: int, after: str | None) -> tuple[Sequence[Row], str | None]:
    read = daily_sums.read_page(EVERY_USER, day, day, limit, after)
    # Only what is needed of an item: a page of them is held for each day.
    return [(item["day#what"].partition("#user:")[2], day, Runs.of(item)) for item in read.items], read.next_after


def counted(days: Sequence[str], page: ReadPage) -> People:
    """The users of these days, exactly.

    Each day's rows come in the order of users, so that all days read side by side give a user's rows one after
    the other: nothing is kept of a user but the few that cost most.
    """
    active_by_day: Counter[str] = Counter()
    active = 0

    def people() -> Iterator[Person]:
        nonlocal active
        for user_id, rows in itertools.groupby(_merged(days, page), key=itemgetter(0)):
            its_days = []
            its_runs = []
            for _, day, runs in rows:
                its_days.append(day)
                its_runs.append(runs)
            active += 1
            active_by_day.update(its_days)
            yield Person(user_id, len(its_days), total(its_runs))

    dearest = heapq.nlargest(MOST_LISTED, people(), key=lambda person: (person.runs.dollars, person.user_id))
    return People(active, active_by_day, tuple(dearest))


def _merged(days: Sequence[str], page: ReadPage) -> Iterator[Row]:
    """The rows of all days by user, last first."""
    limit = min(_ROWS_A_PAGE, max(1, _ROWS_HELD // max(1, len(days))))
    return heapq.merge(*(_rows(day, page, limit) for day in days), key=itemgetter(0), reverse=True)


def _rows(day: str, page: ReadPage, limit: int) -> Iterator[Row]:
    after: str | None = None
    while True:
        rows, after = page(day, limit, after)
        yield from rows
        if after is None:
            return
