"""The users of a report counted, in one run: beside a dict of all of them, and beside reading their rows alone.

    python -m bench.reports [ROWS …]

Each runs in a process of its own, over 31 days on which a user has about four rows. CPU seconds are this machine's;
trust the ratios, and the memory, which is the most that the whole process held, boto3 included.
"""

from __future__ import annotations

import heapq
import multiprocessing
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from multiprocessing.connection import Connection

from chalicelib.actions.reporting import active_users
from chalicelib.actions.reporting.active_users import Row
from chalicelib.actions.reporting.sums import Runs

DAYS = 31
# A user is active on one day of so many.
EVERY = 8
PAGE = 3_000


@dataclass(frozen=True)
class Rows:
    """As many rows of users' days as wanted, made when a page of them is read: none is kept."""

    count: int
    days_count: int = DAYS

    @cached_property
    def days(self) -> list[str]:
        return [f"day-{place:03}" for place in range(self.days_count)]

    @property
    def per_day(self) -> int:
        return self.count // self.days_count

    def page(self, day: str, limit: int, after: str | None) -> tuple[Sequence[Row], str | None]:
        """As active_users.ReadPage; the cursor is the number of rows that are left."""
        left = self.per_day if after is None else int(after)
        taken = min(limit, left)
        shift = int(day[4:]) % EVERY
        rows = [self._row(day, EVERY * place + shift) for place in range(left - 1, left - taken - 1, -1)]
        return rows, str(left - taken) if left > taken else None

    def _row(self, day: str, number: int) -> Row:
        user_id = f"{number:08x}-6f1e-4b7a-9c3d-5a2b8e7f9012"
        dollars = Decimal(number % 9_973).scaleb(-7)
        numbers = {"requests": Decimal(3), "failures": Decimal(1), "dollars": dollars, "milliseconds": Decimal("41.5")}
        return user_id, day, Runs.of(numbers)


def counted(rows: Rows) -> object:
    return active_users.count(rows.days, rows.page)


def in_a_dict(rows: Rows) -> object:
    """What one writes first: each user's sums, whoever they are."""
    users: dict[str, Runs] = {}
    for day in rows.days:
        for user_id, _, runs in _all(rows, day):
            users[user_id] = runs.plus(users.get(user_id, Runs()))
    return heapq.nlargest(active_users.MAX_LISTED, users.items(), key=lambda each: each[1].dollars)


def reading(rows: Rows) -> object:
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
    "  reading alone": reading,
}


def main() -> None:
    counts = [int(given) for given in sys.argv[1:] if given.isdigit()] or [10_000, 100_000, 1_000_000]
    print(f"{'':<26}{'rows':>10}{'CPU':>10}{'a row':>12}{'process':>10}")
    for count in counts:
        for name in CONTENDERS:
            seconds, peak = in_its_own_process(name, count)
            print(f"{name:<26}{count:>10,}{seconds:>8.2f} s{seconds / count * 1e6:>9.1f} µs{peak / 1e6:>7.0f} MB")


def in_its_own_process(name: str, count: int) -> tuple[float, int]:
    """CPU seconds, and bytes of memory at their peak."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(name, count, there))
    process.start()
    there.close()
    measured: tuple[float, int] = here.recv()
    process.join()
    return measured


def measure(name: str, count: int, answer: Connection) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    CONTENDERS[name](Rows(count))
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer.send((seconds, after.ru_maxrss * 1024))


if __name__ == "__main__":
    main()
