"""The usage report: requests, failures, cost and running time, by day and by operation."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import attrgetter
from typing import Any

from chalicelib.actions.reporting import figures, sums
from chalicelib.actions.reporting.figures import percent
from chalicelib.actions.reporting.models import ReportRequest
from chalicelib.actions.reporting.parts import DAY, DOLLARS, FAILURES, REQUESTS, Parts, bar_chart, chart_by_day
from chalicelib.actions.reporting.sums import Runs, Sums
from chalicelib.core.deadline import Deadline
from chalicelib.documents import Chart, Column, Table

_MAX_SLOWEST = 10

_OPERATION = Column("operation", "Operation")
_TIME = Column("milliseconds", "Running time", "milliseconds")
_AVERAGE = Column("averageMilliseconds", "Average time", "milliseconds")
_FAILURE_RATE = Column("failureRate", "Failure rate", "percent")
_RUNS = (REQUESTS, FAILURES, DOLLARS, _TIME)


def parts(request: ReportRequest, deadline: Deadline) -> Parts:
    totals = sums.read(request, request.period, deadline)
    charts = [
        requests_by_day(totals),
        _cost_by_day(totals),
        cost_by_operation(totals),
        slowest_operations(totals),
        _failures_by_operation(totals),
    ]
    slowest = _slowest(totals)[:_MAX_SLOWEST]
    tables = [
        Table("byDay", "By day", [DAY, *_RUNS], _rows_by_day(request, totals)),
        Table("byOperation", "Cost by operation", [_OPERATION, *_RUNS], _rows(_most_expensive(totals))),
        Table("slowestOperations", "Slowest operations", [_OPERATION, _AVERAGE, REQUESTS, _TIME], _rows(slowest)),
        Table(
            "failuresByOperation",
            "Failures by operation",
            [_OPERATION, FAILURES, REQUESTS, _FAILURE_RATE],
            _rows(_failing(totals)),
        ),
    ]
    return Parts(figures.of_runs(totals), charts, tables, {})


def runs_row(runs: Runs) -> dict[str, Any]:
    return {
        **runs._asdict(),
        "averageMilliseconds": runs.average,
        "failureRate": percent(runs.failures, runs.requests),
    }


def _rows_by_day(request: ReportRequest, totals: Sums) -> list[dict[str, Any]]:
    days = request.period.days if request.lists_idle_days else sorted(totals.runs_by_day)
    return [{"day": day, **runs_row(totals.runs_by_day.get(day, Runs()))} for day in days]


def _rows(operations: Iterable[tuple[str, Runs]]) -> list[dict[str, Any]]:
    return [{"operation": name, **runs_row(runs)} for name, runs in operations]


def _sorted(totals: Sums, key: Callable[[Runs], int | Decimal]) -> list[tuple[str, Runs]]:
    """The operations in descending order of `key`."""
    return sorted(totals.runs_by_operation.items(), key=lambda operation: (-key(operation[1]), operation[0]))


def _most_expensive(totals: Sums) -> list[tuple[str, Runs]]:
    return _sorted(totals, lambda runs: runs.dollars)


def _slowest(totals: Sums) -> list[tuple[str, Runs]]:
    return _sorted(totals, lambda runs: runs.average or 0)


def _failing(totals: Sums) -> list[tuple[str, Runs]]:
    return [(name, runs) for name, runs in _sorted(totals, lambda runs: runs.failures) if runs.failures]


def requests_by_day(totals: Sums) -> Chart:
    series = {"Requests": attrgetter("requests"), "Failures": attrgetter("failures")}
    return chart_by_day("requestsByDay", "Requests by day", totals.period, totals.runs_by_day, series)


def _cost_by_day(totals: Sums) -> Chart:
    series = {"Cost": attrgetter("dollars")}
    return chart_by_day("costByDay", "Cost by day", totals.period, totals.runs_by_day, series, "dollars")


def cost_by_operation(totals: Sums) -> Chart:
    bars = [(name, runs.dollars) for name, runs in _most_expensive(totals)]
    return bar_chart("costByOperation", "Operations that cost most", "Cost", bars, "dollars")


def slowest_operations(totals: Sums) -> Chart:
    bars = [(name, runs.average) for name, runs in _slowest(totals)]
    return bar_chart("timeByOperation", "Slowest operations, average time", "Average time", bars, "milliseconds")


def _failures_by_operation(totals: Sums) -> Chart:
    bars = [(name, runs.failures) for name, runs in _failing(totals)]
    return bar_chart("failuresOfOperations", "Operations that failed most", "Failures", bars)
