"""Schedule expressions mean what AWS says they mean."""

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.core.schedules import SCHEDULES
from chalicelib.jobs.recurrence import Cron, ExpressionError, Rate, parse

# A Saturday.
START = datetime(2022, 1, 1, tzinfo=UTC)


def times(expression: str, number: int, after: datetime = START) -> list[str]:
    """The next times to the minute, with the day of the week."""
    recurrence = parse(expression)
    firings: list[str] = []
    moment: datetime | None = after
    for _ in range(number):
        moment = None if moment is None else recurrence.next_after(moment, START)
        if moment is not None:
            firings.append(moment.strftime("%a %Y-%m-%d %H:%M"))
    return firings


# Source of the examples: EventBridge User Guide, "Cron expressions reference"; EventBridge Scheduler User Guide,
# "Schedule types".
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 10 * * ? *)", ["Sat 2022-01-01 10:00", "Sun 2022-01-02 10:00", "Mon 2022-01-03 10:00"]),
        ("cron(15 12 * * ? *)", ["Sat 2022-01-01 12:15", "Sun 2022-01-02 12:15", "Mon 2022-01-03 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["Mon 2022-01-03 18:00", "Tue 2022-01-04 18:00", "Wed 2022-01-05 18:00"]),
        ("cron(0 8 1 * ? *)", ["Sat 2022-01-01 08:00", "Tue 2022-02-01 08:00", "Tue 2022-03-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["Sat 2022-01-01 00:15", "Sat 2022-01-01 00:30", "Sat 2022-01-01 00:45"]),
        ("cron(0/10 * ? * MON-FRI *)", ["Mon 2022-01-03 00:00", "Mon 2022-01-03 00:10", "Mon 2022-01-03 00:20"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["Mon 2022-01-03 08:00", "Mon 2022-01-03 08:05", "Mon 2022-01-03 08:10"]),
        # "Run from 12:00 am to 2:00 am on Monday morning": the days are those of the hours themselves.
        ("cron(0/30 20-2 ? * MON-FRI *)", ["Mon 2022-01-03 00:00", "Mon 2022-01-03 00:30", "Mon 2022-01-03 01:00"]),
        ("cron(15 10 ? * 6L 2022-2023)", ["Fri 2022-01-28 10:15", "Fri 2022-02-25 10:15", "Fri 2022-03-25 10:15"]),
        ("rate(1 minute)", ["Sat 2022-01-01 00:01", "Sat 2022-01-01 00:02", "Sat 2022-01-01 00:03"]),
        ("rate(5 minutes)", ["Sat 2022-01-01 00:05", "Sat 2022-01-01 00:10", "Sat 2022-01-01 00:15"]),
        ("rate(1 hour)", ["Sat 2022-01-01 01:00", "Sat 2022-01-01 02:00", "Sat 2022-01-01 03:00"]),
        ("rate(1 day)", ["Sun 2022-01-02 00:00", "Mon 2022-01-03 00:00", "Tue 2022-01-04 00:00"]),
    ],
)
def test_expressions_fire_as_in_the_examples_of_the_aws_guides(expression: str, expected: list[str]) -> None:
    assert times(expression, 3) == expected


def test_the_last_firing_of_a_working_day_is_five_minutes_before_six() -> None:
    evening = datetime(2022, 1, 3, 17, 50, tzinfo=UTC)
    assert times("cron(0/5 8-17 ? * MON-FRI *)", 2, evening) == ["Mon 2022-01-03 17:55", "Tue 2022-01-04 08:00"]


def test_a_range_of_hours_may_pass_midnight() -> None:
    monday = datetime(2022, 1, 3, 2, 0, tzinfo=UTC)
    assert times("cron(0/30 20-2 ? * MON-FRI *)", 3, monday) == [
        "Mon 2022-01-03 02:30",
        "Mon 2022-01-03 20:00",
        "Mon 2022-01-03 20:30",
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # The guide's definition of each wildcard.
        ("cron(1/10 0 1 1 ? 2022)", ["Sat 2022-01-01 00:01", "Sat 2022-01-01 00:11", "Sat 2022-01-01 00:21"]),
        ("cron(0 0 ? * 3#2 *)", ["Tue 2022-01-11 00:00", "Tue 2022-02-08 00:00", "Tue 2022-03-08 00:00"]),
        ("cron(0 0 3W * ? *)", ["Mon 2022-01-03 00:00", "Thu 2022-02-03 00:00", "Thu 2022-03-03 00:00"]),
        ("cron(0 12 L * ? *)", ["Mon 2022-01-31 12:00", "Mon 2022-02-28 12:00", "Thu 2022-03-31 12:00"]),
        ("cron(0 12 ? * L *)", ["Sat 2022-01-01 12:00", "Sat 2022-01-08 12:00", "Sat 2022-01-15 12:00"]),
        ("cron(0 0 1 JAN,FEB,MAR ? *)", ["Tue 2022-02-01 00:00", "Tue 2022-03-01 00:00", "Sun 2023-01-01 00:00"]),
        # The nearest weekday stays within its month: here the 1st is a Saturday, later the 31st is a Sunday.
        ("cron(0 1 1W * ? *)", ["Mon 2022-01-03 01:00", "Tue 2022-02-01 01:00", "Tue 2022-03-01 01:00"]),
        ("cron(0 1 31W 7 ? *)", ["Fri 2022-07-29 01:00", "Mon 2023-07-31 01:00", "Wed 2024-07-31 01:00"]),
        ("cron(0 1 15W * ? *)", ["Fri 2022-01-14 01:00", "Tue 2022-02-15 01:00", "Tue 2022-03-15 01:00"]),
        # Days that some months or years lack.
        ("cron(0 0 29 2 ? *)", ["Thu 2024-02-29 00:00", "Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]),
        ("cron(0 0 31 * ? *)", ["Mon 2022-01-31 00:00", "Thu 2022-03-31 00:00", "Tue 2022-05-31 00:00"]),
        ("cron(0 0 ? * MON#5 *)", ["Mon 2022-01-31 00:00", "Mon 2022-05-30 00:00", "Mon 2022-08-29 00:00"]),
        ("cron(0 0 ? * sat-mon *)", ["Sun 2022-01-02 00:00", "Mon 2022-01-03 00:00", "Sat 2022-01-08 00:00"]),
        ("cron(0 0 30 2 ? *)", []),
        ("cron(0 0 1 1 ? 2000-2022)", []),
    ],
)
def test_every_form_of_wildcard_fires_as_documented(expression: str, expected: list[str]) -> None:
    assert times(expression, 3) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "0 10 * * ? *",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(1 hours)",
        "rate(5 hour)",
        "rate(5 seconds)",
        "rate(-5 minutes)",
        "rate(1.5 hours)",
        "cron(0 10 * * ?)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 0 * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 32W * ? *)",
        "cron(0 10 * 13 ? *)",
        "cron(0 10 ? * 0 *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 ? * 3#6 *)",
        "cron(0 10 ? * 3#1,6#3 *)",
        "cron(0 10 ? * MAY *)",
        "cron(0 10 * * ? 1969)",
        "cron(0 10 * * ? 2200)",
        "cron(0 10 * * ? 2023-2022)",
        "cron(0/0 10 * * ? *)",
        "cron(0/99 10 * * ? *)",
        "cron(1,,2 10 * * ? *)",
        "cron(*-5 10 * * ? *)",
        "cron(L 10 * * ? *)",
        "cron(0 10 1,15W * ? *)",
        "cron(٣ 10 * * ? *)",
    ],
)
def test_an_expression_that_aws_refuses_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        parse(expression)


def test_every_schedule_of_every_stage_fires_again() -> None:
    for schedule in SCHEDULES.values():
        for expression in (schedule.expression, *schedule.by_stage.values()):
            assert parse(expression).next_after(START, START) is not None


# ------------------------------------------------------------- compared with checking every minute

_NUMBERS = st.integers


@st.composite
def field(draw: st.DrawFn, low: int, high: int) -> tuple[str, set[int]]:
    """A field's text, and the numbers that it matches, found by counting."""
    texts: list[str] = []
    numbers: set[int] = set()
    for _ in range(draw(_NUMBERS(1, 3))):
        first, last, step = draw(_NUMBERS(low, high)), draw(_NUMBERS(low, high)), draw(_NUMBERS(1, max(high // 2, 1)))
        kind = draw(st.sampled_from(["number", "range", "all", "stepped", "stepped range"]))
        if kind == "number":
            texts.append(str(first))
            numbers.add(first)
        elif kind == "all":
            texts.append(f"*/{step}")
            numbers.update(range(low, high + 1, step))
        elif kind == "stepped":
            texts.append(f"{first}/{step}")
            numbers.update(range(first, high + 1, step))
        else:
            every = step if kind == "stepped range" else 1
            texts.append(f"{first}-{last}" + (f"/{every}" if kind == "stepped range" else ""))
            path, at = [first], first
            while at != last:
                at = low if at == high else at + 1
                path.append(at)
            numbers.update(path[::every])
    return ",".join(texts), numbers


@st.composite
def days(draw: st.DrawFn) -> tuple[str, str, str]:
    """Day-of-month and day-of-week, and their meaning as a word with arguments."""
    kind = draw(st.sampled_from(["month", "week", "L", "W", "#", "last"]))
    if kind == "month":
        text, numbers = draw(field(1, 31))
        return text, "?", f"month {' '.join(map(str, numbers))}"
    if kind == "week":
        text, numbers = draw(field(1, 7))
        return "?", text, f"week {' '.join(map(str, numbers))}"
    if kind == "L":
        return "L", "?", "L"
    number, weekday = draw(_NUMBERS(1, 31)), draw(_NUMBERS(1, 7))
    if kind == "W":
        return f"{number}W", "?", f"W {number}"
    week = draw(_NUMBERS(1, 5))
    return ("?", f"{weekday}#{week}", f"# {weekday} {week}") if kind == "#" else ("?", f"{weekday}L", f"last {weekday}")


def is_meant(day: date, meaning: str) -> bool:
    """Whether a day has the meaning, checked for the day alone."""
    kind, *rest = meaning.split()
    numbers = [int(each) for each in rest]
    weekday = day.isoweekday() % 7 + 1
    last = calendar.monthrange(day.year, day.month)[1]
    if kind == "month":
        return day.day in numbers
    if kind == "week":
        return weekday in numbers
    if kind == "L":
        return day.day == last
    if kind == "#":
        return weekday == numbers[0] and (day.day - 1) // 7 + 1 == numbers[1]
    if kind == "last":
        return weekday == numbers[0] and day.day + 7 > last
    if numbers[0] > last or weekday in (1, 7):
        return False
    # The weekday of this month that is nearest to the named day.
    weekdays = [each for each in range(1, last + 1) if day.replace(day=each).isoweekday() < 6]
    return day.day == min(weekdays, key=lambda each: abs(each - numbers[0]))


@given(
    minutes=field(0, 59),
    hours=field(0, 23),
    months=field(1, 12),
    meant=days(),
    after=st.datetimes(datetime(1999, 12, 1), datetime(2031, 1, 1)),
)
def test_a_cron_fires_exactly_in_the_minutes_that_match_all_fields(
    minutes: tuple[str, set[int]],
    hours: tuple[str, set[int]],
    months: tuple[str, set[int]],
    meant: tuple[str, str, str],
    after: datetime,
) -> None:
    of_month, of_week, meaning = meant
    after = after.replace(tzinfo=UTC)
    found = parse(f"cron({minutes[0]} {hours[0]} {of_month} {months[0]} {of_week} *)").next_after(after, after)
    moment, end = after.replace(second=0, microsecond=0), after + timedelta(days=70)
    expected = None
    while expected is None and moment < end:
        moment += timedelta(minutes=1)
        if moment.month not in months[1] or not is_meant(moment.date(), meaning):
            moment = moment.replace(hour=23, minute=59)
        elif moment.hour in hours[1] and moment.minute in minutes[1]:
            expected = moment
    if expected is None:
        assert found is None or found >= end
    else:
        assert found == expected


@given(st.integers(1, 100_000), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.integers(0, 10**8))
def test_a_rate_fires_at_multiples_from_its_start(seconds: int, start: datetime, later: int) -> None:
    start = start.replace(tzinfo=UTC)
    moment = start + timedelta(seconds=later)
    found = Rate(seconds).next_after(moment, start)
    assert found is not None
    assert moment < found <= moment + timedelta(seconds=seconds)
    assert (found - start) % timedelta(seconds=seconds) == timedelta()


@given(meant=days(), months=field(1, 12))
def test_the_next_time_is_always_later(meant: tuple[str, str, str], months: tuple[str, set[int]]) -> None:
    recurrence = parse(f"cron(0 0 {meant[0]} {months[0]} {meant[1]} *)")
    assert isinstance(recurrence, Cron)
    found = [START]
    for _ in range(5):
        following = recurrence.next_after(found[-1], START)
        assume(following is not None)
        assert following is not None
        found.append(following)
    assert all(one < other for one, other in pairwise(found))
