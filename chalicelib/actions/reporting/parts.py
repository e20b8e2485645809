"""What the kinds of report share: the parts of a report, and how its charts are drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chalicelib.actions.reporting.figures import KeyFigure
from chalicelib.actions.reporting.models import Period
from chalicelib.documents import Chart, Column, Table, Unit

# More bars leave no room for their names.
_MAX_BARS = 5
_MAX_DAYS_AS_BARS = 31

# A table has five columns at most: more would turn its page to landscape.
DAY = Column("day", "Day", "time")
REQUESTS = Column("requests", "Requests", "number")
FAILURES = Column("failures", "Failures", "number")
DOLLARS = Column("dollars", "Cost", "dollars")


@dataclass(frozen=True)
class Parts:
    """`about` goes into the report's JSON beside what all reports have there."""

    key_figures: Sequence[KeyFigure]
    charts: Sequence[Chart]
    tables: Sequence[Table]
    about: Mapping[str, Any]


def chart_by_day(
    name: str,
    title: str,
    period: Period,
    by_day: Mapping[str, Any],
    series: Mapping[str, Callable[[Any], int | Decimal]],
    unit: Unit = "number",
) -> Chart:
    """A chart over all days of the period; `series` takes each line's value from a day's entry in `by_day`.

    Where every value is 0 it has no days, and says that it is empty.
    """
    values = {
        label: [value_of(by_day[day]) if day in by_day else 0 for day in period.days]
        for label, value_of in series.items()
    }
    if not any(map(any, values.values())):
        return Chart(name, title, "bar", [], {}, unit)
    return Chart(name, title, "bar" if len(period) <= _MAX_DAYS_AS_BARS else "line", period.days, values, unit)


def bar_chart(
    name: str, title: str, value: str, bars: Sequence[tuple[str, int | Decimal | None]], unit: Unit = "number"
) -> Chart:
    """A bar for each of the first few names."""
    drawn = bars[:_MAX_BARS]
    return Chart(name, title, "bar", [label for label, _ in drawn], {value: [number for _, number in drawn]}, unit)
