"""AWS's rate() and cron() expressions: parsed strictly, and when they fire next. All times are UTC.

What they mean stands in the Amazon EventBridge User Guide, "Cron expressions reference" and "Rate expressions
reference". Where the guide is silent the meaning is Quartz's, whose notation this is, and what neither says is refused.
"""

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Protocol

# The guide's range of the year field.
FIRST_YEAR, LAST_YEAR = 1970, 2199

# fmt: off
_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
    "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
}
# fmt: on
_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_SATURDAY = 7
_MOST_WEEKS = 5

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"rate\((\d{1,9}) +([a-z]+)\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_NEAREST_WEEKDAY = re.compile(r"(\d{1,2})W")
_LAST_OF_WEEKDAY = re.compile(r"(\w+)L")
_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d{1,4}))?")


class ExpressionError(ValueError):
    """The expression is none that EventBridge takes."""


class Recurrence(Protocol):
    """When something happens again and again."""

    def next_after(self, moment: datetime, start: datetime) -> datetime | None:
        """The first time later than `moment`, or None where there is none; `start` is when the schedule was made."""


@dataclass(frozen=True)
class Rate:
    """Each time that this many seconds have passed since the start."""

    seconds: int

    def next_after(self, moment: datetime, start: datetime) -> datetime | None:
        periods = max(0, (moment - start) // timedelta(seconds=self.seconds))
        return (start + timedelta(seconds=self.seconds * (periods + 1))).astimezone(UTC)


class Days(Protocol):
    """Which days of a month a cron expression means."""

    def of(self, year: int, month: int) -> frozenset[int]: ...


@dataclass(frozen=True)
class Cron:
    """At second 0 of each minute that all six fields name; it does not matter since when."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: frozenset[int]
    years: frozenset[int]

    def next_after(self, moment: datetime, start: datetime) -> datetime | None:
        after = moment.astimezone(UTC)
        first_month = (after.year, after.month)
        for year in range(max(after.year, FIRST_YEAR), LAST_YEAR + 1):
            for month in range(1, 13):
                if (year, month) >= first_month and year in self.years and month in self.months:
                    found = next((each for each in self._in_month(year, month) if each > after), None)
                    if found is not None:
                        return found
        return None

    def _in_month(self, year: int, month: int) -> Iterator[datetime]:
        for day in sorted(self.days.of(year, month)):
            for hour in self.hours:
                for minute in self.minutes:
                    yield datetime(year, month, day, hour, minute, tzinfo=UTC)


@dataclass(frozen=True)
class _OfMonth:
    numbers: frozenset[int]

    def of(self, year: int, month: int) -> frozenset[int]:
        return frozenset(day for day in self.numbers if day <= _last_day(year, month))


class _LastOfMonth:
    def of(self, year: int, month: int) -> frozenset[int]:
        return frozenset({_last_day(year, month)})


@dataclass(frozen=True)
class _NearestWeekday:
    """`15W`: the day itself or, on a weekend, the Friday before or the Monday after, within the month.

    A month that has no such day has no nearest weekday to it either.
    """

    day: int

    def of(self, year: int, month: int) -> frozenset[int]:
        last = _last_day(year, month)
        if self.day > last:
            return frozenset()
        weekday = _weekday(year, month, self.day)
        if weekday == _SATURDAY:
            return frozenset({self.day - 1 if self.day > 1 else 3})
        if weekday == _WEEKDAYS["SUN"]:
            return frozenset({self.day + 1 if self.day < last else last - 2})
        return frozenset({self.day})


@dataclass(frozen=True)
class _OfWeek:
    weekdays: frozenset[int]

    def of(self, year: int, month: int) -> frozenset[int]:
        return frozenset(
            day for day in range(1, _last_day(year, month) + 1) if _weekday(year, month, day) in self.weekdays
        )


@dataclass(frozen=True)
class _NthOfWeekday:
    """`3#2`: the second Tuesday; a month without a fifth one has none."""

    weekday: int
    number: int

    def of(self, year: int, month: int) -> frozenset[int]:
        return frozenset(sorted(_OfWeek(frozenset({self.weekday})).of(year, month))[self.number - 1 : self.number])


@dataclass(frozen=True)
class _LastOfWeekday:
    """`6L`: the last Friday."""

    weekday: int

    def of(self, year: int, month: int) -> frozenset[int]:
        return frozenset({max(_OfWeek(frozenset({self.weekday})).of(year, month))})


def _last_day(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    """1 is Sunday and 7 Saturday, as in the expressions."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


@cache
def parse(expression: str) -> Recurrence:
    """What a schedule expression means.

    Raises:
        ExpressionError: EventBridge would not take it.
    """
    if rate := _RATE.fullmatch(expression):
        return _rate(int(rate[1]), rate[2])
    if cron := _CRON.fullmatch(expression):
        return _cron(cron[1].split())
    raise ExpressionError(f"{expression!r} is neither rate(value unit) nor cron(six fields)")


def _rate(number: int, unit: str) -> Rate:
    singular = unit.removesuffix("s")
    if number < 1 or singular not in _UNITS or (number == 1) is not (unit == singular):
        raise ExpressionError(f"rate({number} {unit}): one minute, hour or day, or several minutes, hours or days")
    return Rate(number * _UNITS[singular])


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ExpressionError(f"a cron expression has six fields and not {len(fields)}")
    minutes, hours, day_of_month, months, day_of_week, years = (field.upper() for field in fields)
    if (day_of_month == "?") is (day_of_week == "?"):
        raise ExpressionError("one of day-of-month and day-of-week is '?', and the other is not")
    return Cron(
        minutes=tuple(sorted(_values(minutes, 0, 59))),
        hours=tuple(sorted(_values(hours, 0, 23))),
        days=_days_of_month(day_of_month) if day_of_week == "?" else _days_of_week(day_of_week),
        months=_values(months, 1, 12, _MONTHS),
        years=_values(years, FIRST_YEAR, LAST_YEAR, turns=False),
    )


def _days_of_month(field: str) -> Days:
    if field == "L":
        return _LastOfMonth()
    if nearest := _NEAREST_WEEKDAY.fullmatch(field):
        return _NearestWeekday(_value(nearest[1], 1, 31, {}))
    return _OfMonth(_values(field, 1, 31))


def _days_of_week(field: str) -> Days:
    if field == "L":
        return _OfWeek(frozenset({_SATURDAY}))
    if "#" in field:
        weekday, _, number = field.partition("#")
        return _NthOfWeekday(_value(weekday, 1, 7, _WEEKDAYS), _value(number, 1, _MOST_WEEKS, {}))
    if last := _LAST_OF_WEEKDAY.fullmatch(field):
        return _LastOfWeekday(_value(last[1], 1, 7, _WEEKDAYS))
    return _OfWeek(_values(field, 1, 7, _WEEKDAYS))


def _values(
    field: str, low: int, high: int, names: Mapping[str, int] | None = None, *, turns: bool = True
) -> frozenset[int]:
    """All that a list of numbers, ranges and steps names; a range that `turns` may pass the end, as 20-2 of hours."""
    found: set[int] = set()
    for item in field.split(","):
        parts = _ITEM.fullmatch(item)
        if parts is None or (parts["first"] == "*" and parts["last"]):
            raise ExpressionError(f"{item!r} is no number, range or step")
        found.update(_item(parts, low, high, names or {}, turns))
    return frozenset(found)


def _item(parts: re.Match[str], low: int, high: int, names: Mapping[str, int], turns: bool) -> Iterator[int]:
    step = _value(parts["step"] or "1", 1, high, {})
    first = low if parts["first"] == "*" else _value(parts["first"], low, high, names)
    if parts["last"] is not None:
        last = _value(parts["last"], low, high, names)
    else:
        last = high if parts["first"] == "*" or parts["step"] else first
    if last < first and not turns:
        raise ExpressionError(f"{parts[0]!r} ends before it begins")
    size = high - low + 1
    for place in range(0, (last - first) % size + 1, step):
        yield low + (first - low + place) % size


def _value(text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    number = names.get(text, int(text) if text.isdecimal() and text.isascii() and len(text) <= 4 else -1)
    if not low <= number <= high:
        raise ExpressionError(f"{text!r} is not between {low} and {high}")
    return number
