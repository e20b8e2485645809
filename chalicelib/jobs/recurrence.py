"""EventBridge's rate() and cron() expressions: strict parsing, and when they fire next. All times are UTC.

Source: Amazon EventBridge User Guide, "Cron expressions reference" and "Rate expressions reference". Where the guide is
silent, Quartz's meaning counts (the notation is Quartz's). Everything else is refused.

The fields are parsed here, because cron's usual dialect differs from EventBridge's. `cronsim` finds the firing times.
"""

import calendar
import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from cronsim import CronSim, CronSimError

# The range of the year field in the guide.
FIRST_YEAR, LAST_YEAR = 1970, 2199

# fmt: off
_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
    "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
}
# fmt: on
# cronsim counts the same days from 0.
_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_SATURDAY, _SUNDAY = 5, 6
_MAX_WEEKS = 5

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"rate\((\d{1,9}) +([a-z]+)\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_NEAREST_WEEKDAY = re.compile(r"(\d{1,2})W")
_LAST_OF_WEEKDAY = re.compile(r"(\w+)L")
_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d{1,4}))?")


class ExpressionError(ValueError):
    """EventBridge would refuse the expression."""


class Recurrence(ABC):
    """When something happens repeatedly."""

    @abstractmethod
    def all_after(self, moment: datetime, start: datetime) -> Iterator[datetime]:
        """The times later than `moment`, in order. `start` is when the schedule was created."""

    def next_after(self, moment: datetime, start: datetime) -> datetime | None:
        """The first of them, or None if there is none."""
        return next(self.all_after(moment, start), None)


@dataclass(frozen=True)
class Rate(Recurrence):
    """Every `seconds` seconds, counted from the start."""

    seconds: int

    def all_after(self, moment: datetime, start: datetime) -> Iterator[datetime]:
        periods = max(0, (moment - start) // timedelta(seconds=self.seconds))
        for period in itertools.count(periods + 1):
            yield (start + timedelta(seconds=self.seconds * period)).astimezone(UTC)


@dataclass(frozen=True)
class Cron(Recurrence):
    """At second 0 of each minute that matches all six fields, whenever the schedule was created.

    `five_fields` is the expression in cronsim's dialect. cronsim knows no years and no nearest weekday (`15W`): both
    are checked here.
    """

    five_fields: str
    years: frozenset[int]
    nearest_weekday_to: int | None = None

    def all_after(self, moment: datetime, start: datetime) -> Iterator[datetime]:
        after = moment.astimezone(UTC)
        for year in sorted(year for year in self.years if year >= after.year):
            after = max(after, datetime(year, 1, 1, tzinfo=UTC) - timedelta(seconds=1))
            for firing in self._firings_after(after):
                if firing.year != year:
                    break
                if self.nearest_weekday_to is None or _is_nearest_weekday(firing, self.nearest_weekday_to):
                    yield firing

    def _firings_after(self, moment: datetime) -> Iterator[datetime]:
        try:
            yield from CronSim(self.five_fields, moment)
        except CronSimError:
            # The fields are valid, so this is a day that none of the months has, such as 30 February.
            return


def _is_nearest_weekday(day: date, target: int) -> bool:
    """Whether this is the weekday nearest to day `target` of its month, within the month.

    A month without day `target` has no weekday nearest to it.
    """
    last = calendar.monthrange(day.year, day.month)[1]
    if target > last:
        return False
    weekday = calendar.weekday(day.year, day.month, target)
    if weekday == _SATURDAY:
        return day.day == (target - 1 if target > 1 else 3)
    if weekday == _SUNDAY:
        return day.day == (target + 1 if target < last else last - 2)
    return day.day == target


@cache
def parse(expression: str) -> Recurrence:
    """What a schedule expression means.

    Raises:
        ExpressionError: EventBridge would refuse it.
    """
    if rate := _RATE.fullmatch(expression):
        return _parse_rate(int(rate[1]), rate[2])
    if cron := _CRON.fullmatch(expression):
        return _parse_cron(cron[1].split())
    raise ExpressionError(f"{expression!r} is neither rate(value unit) nor cron(six fields)")


def _parse_rate(number: int, unit: str) -> Rate:
    singular = unit.removesuffix("s")
    if number < 1 or singular not in _UNITS or (number == 1) is not (unit == singular):
        raise ExpressionError(f"rate({number} {unit}): one minute, hour or day, or several minutes, hours or days")
    return Rate(number * _UNITS[singular])


def _parse_cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ExpressionError(f"a cron expression has six fields and not {len(fields)}")
    minutes, hours, day_of_month, months, day_of_week, years = (field.upper() for field in fields)
    if (day_of_month == "?") is (day_of_week == "?"):
        raise ExpressionError("one of day-of-month and day-of-week is '?', and the other is not")
    nearest = _NEAREST_WEEKDAY.fullmatch(day_of_month)
    five_fields = (
        _joined(_values(minutes, 0, 59)),
        _joined(_values(hours, 0, 23)),
        "*" if day_of_month == "?" else _days_of_month(day_of_month),
        _joined(_values(months, 1, 12, _MONTHS)),
        "*" if day_of_week == "?" else _days_of_week(day_of_week),
    )
    return Cron(
        " ".join(five_fields),
        years=_values(years, FIRST_YEAR, LAST_YEAR, wraps=False),
        nearest_weekday_to=int(nearest[1]) if nearest else None,
    )


def _days_of_month(field: str) -> str:
    """The field for cronsim. For a nearest weekday: the days that it can be."""
    if field == "L":
        return "L"
    if nearest := _NEAREST_WEEKDAY.fullmatch(field):
        day = _value(nearest[1], 1, 31, {})
        return _joined(range(max(1, day - 2), min(31, day + 2) + 1))
    return _joined(_values(field, 1, 31))


def _days_of_week(field: str) -> str:
    """The field for cronsim, where Sunday is 0."""
    if field == "L":
        return str(_WEEKDAYS["SAT"] - 1)
    if "#" in field:
        weekday, _, number = field.partition("#")
        return f"{_value(weekday, 1, 7, _WEEKDAYS) - 1}#{_value(number, 1, _MAX_WEEKS, {})}"
    if last := _LAST_OF_WEEKDAY.fullmatch(field):
        return f"{_value(last[1], 1, 7, _WEEKDAYS) - 1}L"
    return _joined(weekday - 1 for weekday in _values(field, 1, 7, _WEEKDAYS))


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted(numbers)))


def _values(
    field: str, low: int, high: int, names: Mapping[str, int] | None = None, *, wraps: bool = True
) -> frozenset[int]:
    """All numbers of a list of numbers, ranges and steps. A range may wrap (hours 20-2) where `wraps` is true."""
    values: set[int] = set()
    for item in field.split(","):
        parts = _ITEM.fullmatch(item)
        if parts is None or (parts["first"] == "*" and parts["last"]):
            raise ExpressionError(f"{item!r} is no number, range or step")
        values.update(_item_values(parts, low, high, names or {}, wraps))
    return frozenset(values)


def _item_values(parts: re.Match[str], low: int, high: int, names: Mapping[str, int], wraps: bool) -> Iterator[int]:
    step = _value(parts["step"] or "1", 1, high, {})
    first = low if parts["first"] == "*" else _value(parts["first"], low, high, names)
    if parts["last"] is not None:
        last = _value(parts["last"], low, high, names)
    else:
        last = high if parts["first"] == "*" or parts["step"] else first
    if last < first and not wraps:
        raise ExpressionError(f"{parts[0]!r} ends before it begins")
    size = high - low + 1
    for offset in range(0, (last - first) % size + 1, step):
        yield low + (first - low + offset) % size


def _value(text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    number = names.get(text, int(text) if text.isdecimal() and text.isascii() and len(text) <= 4 else -1)
    if not low <= number <= high:
        raise ExpressionError(f"{text!r} is not between {low} and {high}")
    return number
