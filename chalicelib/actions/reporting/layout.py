"""Which figures, charts and tables each kind of report has, and in which order."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chalicelib.actions.reporting import figures, people, sums
from chalicelib.actions.reporting.deadline import Deadline
from chalicelib.actions.reporting.figures import KeyFigure, percent
from chalicelib.actions.reporting.people import People
from chalicelib.actions.reporting.schemas import Asked, Kind, Period
from chalicelib.actions.reporting.sums import Runs, Sums
from chalicelib.documents import Chart, Column, Report, Table, Unit

# As many bars as have room for their names. Tables have five columns at most: more would turn the pages.
_MOST_BARS = 5
_MOST_DAYS_AS_BARS = 31
_MOST_SLOWEST = 10

_DAY = Column("day", "Day", "time")
_OPERATION = Column("operation", "Operation")
_REQUESTS = Column("requests", "Requests", "number")
_FAILURES = Column("failures", "Failures", "number")
_DOLLARS = Column("dollars", "Cost", "dollars")
_TIME = Column("milliseconds", "Running time", "milliseconds")
_AVERAGE = Column("averageMilliseconds", "Average time", "milliseconds")
_IMAGES = Column("images", "Images", "number")
_SHARE = Column("share", "Share", "percent")


@dataclass(frozen=True)
class Made:
    """A report, and what a program is told of it: `about` goes into its JSON, `key_figures` into the action."""

    report: Report
    about: Mapping[str, Any]
    key_figures: Mapping[str, int | Decimal | None]


@dataclass(frozen=True)
class _Parts:
    key_figures: Sequence[KeyFigure]
    charts: Sequence[Chart]
    tables: Sequence[Table]
    about: Mapping[str, Any]


def make(asked: Asked, created_at: str, deadline: Deadline) -> Made:
    """Reads what the report is about, and lays it out.

    Raises:
        ReportTooLargeError: not all of it could be read before the deadline.
    """
    parts = _KINDS[asked.kind](asked, deadline)
    named = asked.period.named()
    report = Report(
        title=asked.title,
        created_at=created_at,
        period_start=named["start"],
        period_end=named["end"],
        figures=[each.figure for each in parts.key_figures],
        charts=parts.charts,
        tables=parts.tables,
    )
    key_figures = figures.by_name(parts.key_figures)
    about = {
        "reportType": str(asked.kind),
        "createdAt": created_at,
        "period": named,
        "filters": dict(asked.filters),
        "figures": key_figures,
        **parts.about,
    }
    return Made(report, about, key_figures)


def _people(asked: Asked, found: Sums, deadline: Deadline) -> People | None:
    """All users of the period; None where the report is about one of them."""
    # A day of which everyone has no sums has none of any user: they are written together.
    return None if asked.user_id else people.read(found.busy_days, deadline)


# --------------------------------------------------------------------------------- usage


def _usage(asked: Asked, deadline: Deadline) -> _Parts:
    found = sums.read(asked, asked.period, deadline)
    charts = [
        _requests_by_day(found),
        _cost_by_day(found),
        _cost_by_operation(found),
        _slowest_operations(found),
        _failures_by_operation(found),
    ]
    tables = [
        Table("byDay", "By day", [_DAY, *_RUNS], _runs_by_day(asked, found)),
        Table("byOperation", "Cost by operation", [_OPERATION, *_RUNS], _runs_by_operation(_dearest(found))),
        Table(
            "slowestOperations",
            "Slowest operations",
            [_OPERATION, _AVERAGE, _REQUESTS, _TIME],
            _runs_by_operation(_slowest(found)[:_MOST_SLOWEST]),
        ),
        Table(
            "failuresByOperation",
            "Failures by operation",
            [_OPERATION, _FAILURES, _REQUESTS, Column("failureRate", "Failure rate", "percent")],
            _runs_by_operation(_failing(found)),
        ),
    ]
    return _Parts(figures.of_runs(found), charts, tables, {})


_RUNS = (_REQUESTS, _FAILURES, _DOLLARS, _TIME)


def _run_columns(runs: Runs) -> dict[str, Any]:
    return {
        **runs._asdict(),
        "averageMilliseconds": runs.average,
        "failureRate": percent(runs.failures, runs.requests),
    }


def _runs_by_day(asked: Asked, found: Sums) -> list[dict[str, Any]]:
    days = asked.period.days if asked.lists_idle_days else sorted(found.runs_by_day)
    return [{"day": day, **_run_columns(found.runs_by_day.get(day, Runs()))} for day in days]


def _runs_by_operation(operations: Iterable[tuple[str, Runs]]) -> list[dict[str, Any]]:
    return [{"operation": name, **_run_columns(runs)} for name, runs in operations]


def _ordered(found: Sums, key: Callable[[Runs], int | Decimal]) -> list[tuple[str, Runs]]:
    """The operations, the greatest first."""
    return sorted(found.runs_by_operation.items(), key=lambda each: (-key(each[1]), each[0]))


def _dearest(found: Sums) -> list[tuple[str, Runs]]:
    return _ordered(found, lambda runs: runs.dollars)


def _slowest(found: Sums) -> list[tuple[str, Runs]]:
    return _ordered(found, lambda runs: runs.average or 0)


def _failing(found: Sums) -> list[tuple[str, Runs]]:
    return [each for each in _ordered(found, lambda runs: runs.failures) if each[1].failures]


def _requests_by_day(found: Sums) -> Chart:
    by_day = _each_day(found.period, found.runs_by_day, Runs())
    series = {"Requests": [runs.requests for runs in by_day], "Failures": [runs.failures for runs in by_day]}
    return _by_day("requestsByDay", "Requests by day", found.period, series)


def _cost_by_day(found: Sums) -> Chart:
    series = {"Cost": [runs.dollars for runs in _each_day(found.period, found.runs_by_day, Runs())]}
    return _by_day("costByDay", "Cost by day", found.period, series, "dollars")


def _cost_by_operation(found: Sums) -> Chart:
    bars = [(name, runs.dollars) for name, runs in _dearest(found)]
    return _bars("costByOperation", "Operations that cost most", "Cost", bars, "dollars")


def _slowest_operations(found: Sums) -> Chart:
    bars = [(name, runs.average) for name, runs in _slowest(found)]
    return _bars("timeByOperation", "Slowest operations, average time", "Average time", bars, "milliseconds")


def _failures_by_operation(found: Sums) -> Chart:
    bars = [(name, runs.failures) for name, runs in _failing(found)]
    return _bars("failuresOfOperations", "Operations that failed most", "Failures", bars)


# ----------------------------------------------------------------------------- analytics


def _analytics(asked: Asked, deadline: Deadline) -> _Parts:
    found = sums.read(asked, asked.period, deadline)
    users = _people(asked, found, deadline)
    charts = [_images_by_day(found), _bytes_by_day(found), _formats(found), _reasons(found)]
    tables = [
        Table("byDay", "By day", [_DAY, *_COUNTS.values()], _images_rows(asked, found)),
        Table("formats", "Formats", [Column("format", "Format"), _IMAGES, _SHARE], _shares("format", found.formats)),
        Table(
            "failuresByReason",
            "Failures by reason",
            [Column("reason", "Reason"), _IMAGES, _SHARE],
            _shares("reason", found.reasons),
        ),
    ]
    if users is not None:
        charts.append(_active_users(found.period, users))
        tables += [
            Table("users", f"The {people.MOST_LISTED} users who cost most", _USERS, _users(users)),
            Table("usersByDay", "Active users by day", [_DAY, _ACTIVE_USERS], _users_by_day(asked, users)),
        ]
    return _Parts([*figures.of_images(found), *figures.of_people(users)], charts, tables, {})


_COUNTS = {
    "images": Column("images", "Uploaded", "number"),
    "bytes": Column("bytes", "Bytes uploaded", "bytes"),
    "completed": Column("completed", "Completed", "number"),
    "failed": Column("failed", "Failed", "number"),
}
_USERS = (
    Column("userId", "User"),
    _DOLLARS,
    _REQUESTS,
    _FAILURES,
    Column("activeDays", "Days active", "number"),
)
_NOTHING = Counter[str]()
_ACTIVE_USERS = Column("activeUsers", "Active users", "number")


def _images_rows(asked: Asked, found: Sums) -> list[dict[str, Any]]:
    rows = [
        {"day": day, **{what: found.images_by_day.get(day, _NOTHING)[what] for what in _COUNTS}}
        for day in asked.period.days
    ]
    return rows if asked.lists_idle_days else [row for row in rows if any(row[what] for what in _COUNTS)]


def _users_by_day(asked: Asked, users: People) -> list[dict[str, Any]]:
    days = asked.period.days if asked.lists_idle_days else sorted(users.active_by_day)
    return [{"day": day, "activeUsers": users.active_by_day.get(day, 0)} for day in days]


def _shares(name: str, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    whole = sum(counts.values())
    return [{name: each, "images": count, "share": percent(count, whole)} for each, count in _greatest(counts)]


def _greatest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _users(users: People) -> list[dict[str, Any]]:
    return [
        {"userId": each.user_id, "activeDays": each.active_days, **_run_columns(each.runs)} for each in users.dearest
    ]


def _images_by_day(found: Sums) -> Chart:
    by_day = _each_day(found.period, found.images_by_day, _NOTHING)
    # Completed ones would hide the uploaded ones, which they nearly equal.
    series = {
        "Uploaded": [counts["images"] for counts in by_day],
        "Failed": [counts["failed"] for counts in by_day],
    }
    return _by_day("imagesByDay", "Images by day", found.period, series)


def _bytes_by_day(found: Sums) -> Chart:
    series = {"Bytes": [counts["bytes"] for counts in _each_day(found.period, found.images_by_day, _NOTHING)]}
    return _by_day("bytesByDay", "Bytes uploaded by day", found.period, series, "bytes")


def _formats(found: Sums) -> Chart:
    return _bars("imagesByFormat", "Images by format", "Images", _greatest(found.formats))


def _reasons(found: Sums) -> Chart:
    return _bars("failuresByCause", "Failed images by reason", "Images", _greatest(found.reasons))


def _active_users(period: Period, users: People) -> Chart:
    series = {"Active users": _each_day(period, users.active_by_day, 0)}
    return _by_day("activeUsersByDay", "Active users by day", period, series)


# ------------------------------------------------------------------------------- summary


def _summary(asked: Asked, deadline: Deadline) -> _Parts:
    earlier = asked.period.before()
    found, now = _all_figures(asked, asked.period, deadline)
    _, before = _all_figures(asked, earlier, deadline)
    charts = [
        _requests_by_day(found),
        _images_by_day(found),
        _bytes_by_day(found),
        _formats(found),
        _reasons(found),
        _cost_by_operation(found),
        _slowest_operations(found),
    ]
    titled = f"Against the period before: {earlier.start} – {earlier.end}"
    comparison = Table("comparison", titled, _COMPARISON, figures.compared(now, before))
    return _Parts(now, charts, [comparison], {"before": earlier.named()})


_COMPARISON = (
    Column("figure", "Figure"),
    Column("value", "This period", "number"),
    Column("before", "The one before", "number"),
    Column("change", "Change", "percent"),
)


def _all_figures(asked: Asked, period: Period, deadline: Deadline) -> tuple[Sums, list[KeyFigure]]:
    found = sums.read(asked, period, deadline)
    users = _people(asked, found, deadline)
    return found, [*figures.of_runs(found), *figures.of_images(found), *figures.of_people(users)]


_KINDS: dict[Kind, Callable[[Asked, Deadline], _Parts]] = {
    Kind.USAGE: _usage,
    Kind.ANALYTICS: _analytics,
    Kind.SUMMARY: _summary,
}

# -------------------------------------------------------------------------------- charts


def _each_day(period: Period, known: Mapping[str, Any], otherwise: Any) -> list[Any]:
    return [known.get(day, otherwise) for day in period.days]


def _by_day(
    name: str, title: str, period: Period, series: Mapping[str, Sequence[int | Decimal]], unit: Unit = "number"
) -> Chart:
    """A chart over all days of the period; a chart of no days, which says so, where there is nothing on any."""
    if not any(map(any, series.values())):
        return Chart(name, title, "bar", [], {}, unit)
    return Chart(name, title, "bar" if len(period) <= _MOST_DAYS_AS_BARS else "line", period.days, series, unit)


def _bars(
    name: str, title: str, value: str, bars: Sequence[tuple[str, int | Decimal | None]], unit: Unit = "number"
) -> Chart:
    """A bar for each of the first few names."""
    shown = bars[:_MOST_BARS]
    return Chart(name, title, "bar", [each for each, _ in shown], {value: [number for _, number in shown]}, unit)
