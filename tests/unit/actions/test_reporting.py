"""Reports count the same as with all rows in memory, in the memory of a few pages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.actions.reporting import Period, ReportTooLargeError, active_users, figures
from chalicelib.actions.reporting.active_users import Row
from chalicelib.actions.reporting.figures import KeyFigure
from chalicelib.actions.reporting.sums import Runs, total
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import InvalidRequestError

ROOT = Path(__file__).parents[3]

# The allowed peak memory of the process in bytes, interpreter and boto3 included.
LIMIT = 256_000_000

# The peak of this program alone: rusage of a child starts with its parent's peak.
SCRIPT = """
import re, sys
from pathlib import Path
from bench.reports import Rows, counted
rows = Rows(1_000_000, days_count=366)
kept = [row for day in rows.days for row in rows.page(day, rows.per_day, None)[0]] if sys.argv[1] == "kept" else []
print(counted(rows).count)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
"""

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")

some_runs = st.builds(
    Runs,
    st.integers(1, 9),
    st.integers(0, 9),
    st.decimals(0, 10, places=9).map(abs),
    st.decimals(0, 9_999, places=3).map(abs),
)
users_days = st.dictionaries(st.tuples(st.sampled_from(DAYS), st.text("abc-é😀", min_size=1, max_size=3)), some_runs)


class Pages:
    """Users' days as DynamoDB returns them: by user, latest first, and sometimes in shorter pages."""

    def __init__(self, known: dict[tuple[str, str], Runs], at_once: int) -> None:
        self.known, self.at_once = known, at_once

    def __call__(self, day: str, limit: int, after: str | None) -> tuple[Sequence[Row], str | None]:
        rows = [(user, day, runs) for (its_day, user), runs in self.known.items() if its_day == day]
        left = sorted((row for row in rows if after is None or row[0] < after), reverse=True)
        taken = left[: min(limit, self.at_once)]
        return taken, taken[-1][0] if len(taken) < len(left) else None


@given(users_days, st.integers(1, 5))
def test_users_are_counted_as_if_all_rows_were_at_hand(known: dict[tuple[str, str], Runs], at_once: int) -> None:
    found = active_users.count(DAYS, Pages(known, at_once))
    users = {user for _, user in known}
    assert found.count == len(users)
    assert found.count_by_day == {day: count for day in DAYS if (count := sum(its_day == day for its_day, _ in known))}
    spent = {user: total(runs for (_, whose), runs in known.items() if whose == user) for user in users}
    assert [each.runs.dollars for each in found.most_expensive] == sorted(
        (runs.dollars for runs in spent.values()), reverse=True
    )[: active_users.MAX_LISTED]
    for each in found.most_expensive:
        assert each.runs == spent[each.user_id]
        assert each.active_days == sum(user == each.user_id for _, user in known)


def test_only_the_most_expensive_users_are_listed() -> None:
    known = {(DAYS[0], f"u{place:02}"): Runs(1, 0, Decimal(place)) for place in range(50)}
    found = active_users.count(DAYS, Pages(known, 7))
    assert found.count == 50
    assert [each.user_id for each in found.most_expensive] == [f"u{place}" for place in range(49, 29, -1)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a program's own peak")
def test_a_report_on_a_million_rows_takes_the_memory_of_a_few_pages() -> None:
    active, peak = peak_of("counted")
    assert active > 0
    assert peak < LIMIT


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a program's own peak")
def test_the_memory_limit_detects_rows_that_are_kept() -> None:
    assert peak_of("kept")[1] > LIMIT


def peak_of(how: str) -> tuple[int, int]:
    """How many users were counted, and the peak memory in bytes."""
    run = subprocess.run([sys.executable, "-c", SCRIPT, how], cwd=ROOT, capture_output=True, text=True, check=True)
    active, peak = map(int, run.stdout.split())
    return active, peak


def test_nothing_is_read_after_the_deadline() -> None:
    with pytest.raises(ReportTooLargeError):
        active_users.read(DAYS, Deadline.within(-1))


starts = st.dates(date(2000, 1, 1), date(2026, 1, 1))


@given(starts, st.integers(1, 366))
def test_the_previous_period_has_the_same_length_and_ends_the_day_before(start: date, length: int) -> None:
    period = Period.of({"start": start.isoformat(), "end": (start + timedelta(days=length - 1)).isoformat()})
    before = period.before()
    assert len(before) == len(period) == length == len(set(period.days))
    assert before.end + timedelta(days=1) == start
    assert (period.days[0], period.days[-1]) == (period.start.isoformat(), period.end.isoformat())


@given(st.text(max_size=12) | st.dates().map(date.isoformat), st.text(max_size=12) | st.dates().map(date.isoformat))
def test_any_two_texts_are_a_period_or_are_refused(start: str, end: str) -> None:
    refused = []
    try:
        assert 1 <= len(Period.of({"start": start, "end": end})) <= 366
    except InvalidRequestError as error:
        refused = [detail["field"] for detail in error.details]
    assert set(refused) <= {"dateRange.start", "dateRange.end"}


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [
        (30, 20, 50),
        (10, 20, -50),
        (0, 20, -100),
        (20, 20, 0),
        (Decimal("0.03"), Decimal("0.01"), 200),
        (5, 0, None),
        (None, 20, None),
        (5, None, None),
        (0, 0, None),
    ],
)
def test_change_is_in_percent_of_what_was(now: Decimal | None, before: Decimal | None, change: int | None) -> None:
    (row,) = figures.compare([KeyFigure("f", "F", now)], [KeyFigure("f", "F", before)])
    assert (row["value"], row["before"], row["change"]) == (now, before, change)
