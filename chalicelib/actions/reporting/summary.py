"""The summary report: the figures of a period beside those of the period before, and the charts of both others."""

from chalicelib.actions.reporting import analytics, figures, sums, usage
from chalicelib.actions.reporting.figures import KeyFigure
from chalicelib.actions.reporting.models import Period, ReportRequest
from chalicelib.actions.reporting.parts import Parts
from chalicelib.actions.reporting.sums import Sums
from chalicelib.core.deadline import Deadline
from chalicelib.documents import Column, Table

_COMPARISON = (
    Column("figure", "Figure"),
    Column("value", "This period", "number"),
    Column("before", "The one before", "number"),
    Column("change", "Change", "percent"),
)


def parts(request: ReportRequest, deadline: Deadline) -> Parts:
    earlier = request.period.before()
    totals, key_figures = _read(request, request.period, deadline)
    _, earlier_figures = _read(request, earlier, deadline)
    charts = [
        usage.requests_by_day(totals),
        analytics.images_by_day(totals),
        analytics.bytes_by_day(totals),
        analytics.images_by_format(totals),
        analytics.failures_by_reason(totals),
        usage.cost_by_operation(totals),
        usage.slowest_operations(totals),
    ]
    title = f"Against the period before: {earlier.start} – {earlier.end}"
    comparison = Table("comparison", title, _COMPARISON, figures.compare(key_figures, earlier_figures))
    return Parts(key_figures, charts, [comparison], {"before": earlier.to_dict()})


def _read(request: ReportRequest, period: Period, deadline: Deadline) -> tuple[Sums, list[KeyFigure]]:
    totals = sums.read(request, period, deadline)
    users = analytics.read_users(request, totals, deadline)
    return totals, [*figures.of_runs(totals), *figures.of_images(totals), *figures.of_users(users)]
