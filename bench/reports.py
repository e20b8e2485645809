"""Counting the users of a report, compared with a dict of all users and with only reading the rows.

    python -m bench.reports [ROWS …]

Each runs in a process of its own, over 31 days in which a user has about four rows. CPU seconds depend on the
machine: compare the ratios. Memory is the peak of the whole process, boto3 included.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from bench._measure import in_new_process, integer_arguments, measure
from chalicelib.actions.reporting import people
from chalicelib.actions.reporting.people import Row
from chalicelib.actions.reporting.sums import Runs

DAYS = 31
# A user is active every so many days.
ACTIVE_EVERY = 8
PAGE = 3_000


@dataclass(frozen=True)
class Rows:
    """Rows of users by day. They are made when a page is read, and none is kept."""

    count: int
    days_count: int = DAYS

    @cached_property
    def days(self) -> list[str]:
        return [f"day-{number:03}" for number in range(self.days_count)]

    @property
    def per_day(self) -> int:
        return self.count // self.days_count

    def page(self, day: str, limit: int, after: str | None) -> tuple[Sequence[Row], str | None]:
        """See people.ReadPage; the cursor is the number of rows left."""
        left = self.per_day if after is None else int(after)
        size = min(limit, left)
        shift = int(day[4:]) % ACTIVE_EVERY
        rows = [self._row(day, ACTIVE_EVERY * index + shift) for index in range(left - 1, left - size - 1, -1)]
        return rows, str(left - size) if left > size else None

    def _row(self, day: str, number: int) -> Row:
        user_id = f"{number:08x}-6f1e-4b7a-9c3d-5a2b8e7f9012"
        dollars = Decimal(number % 9_973).scaleb(-7)
        numbers = {"requests": Decimal(3), "failures": Decimal(1), "dollars": dollars, "milliseconds": Decimal("41.5")}
        return user_id, day, Runs.of(numbers)


def counted(rows: Rows) -> object:
    return people.counted(rows.days, rows.page)


def in_a_dict(rows: Rows) -> object:
    """The obvious implementation: the sums of every user in memory."""
    users: dict[str, Runs] = {}
    for day in rows.days:
        for user_id, _, runs in _all(rows, day):
            users[user_id] = runs.plus(users.get(user_id, Runs()))
    return heapq.nlargest(people.MOST_LISTED, users.items(), key=lambda each: each[1].dollars)


def read_only(rows: Rows) -> object:
    return sum(1 for day in rows.days for _ in _all(rows, day))


def _all(rows: Rows, day: str) -> Iterator[Row]:
    after: str | None = None
    while True:
        page, after = rows.page(day, PAGE, after)
        yield from page
        if after is None:
            return


CONTENDERS: dict[str, Callable[[Rows], object]] = {
    "days side by side": counted,
    "  a dict of every user": in_a_dict,
    "  reading alone": read_only,
}


def main() -> None:
    print(f"{'':<26}{'rows':>10}{'CPU':>10}{'a row':>12}{'process':>10}")
    for count in integer_arguments([10_000, 100_000, 1_000_000]):
        for name in CONTENDERS:
            seconds, peak = in_new_process(measure_contender, name, count)
            print(f"{name:<26}{count:>10,}{seconds:>8.2f} s{seconds / count * 1e6:>9.1f} µs{peak / 1e6:>7.0f} MB")


def measure_contender(name: str, count: int) -> tuple[float, int]:
    _, seconds, peak = measure(lambda: CONTENDERS[name](Rows(count)))
    return seconds, peak


if __name__ == "__main__":
    main()
