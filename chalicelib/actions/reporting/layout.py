"""Building a report: its kind reads the sums and gives the parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chalicelib.actions.reporting import analytics, figures, summary, usage
from chalicelib.actions.reporting.models import ReportKind, ReportRequest
from chalicelib.actions.reporting.parts import Parts
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.documents import Report

_KINDS: dict[ReportKind, Callable[[ReportRequest, Deadline], Parts]] = {
    ReportKind.USAGE: usage.parts,
    ReportKind.ANALYTICS: analytics.parts,
    ReportKind.SUMMARY: summary.parts,
}


@dataclass(frozen=True)
class BuiltReport:
    """A report for people, and its data for programs: `about` for its JSON, `key_figures` for the action."""

    report: Report
    about: Mapping[str, Any]
    key_figures: Mapping[str, int | Decimal | None]


@required_env_vars({"DAILY_TABLE": [DynamoDBOperation.QUERY]})
def build(request: ReportRequest, created_at: str, deadline: Deadline) -> BuiltReport:
    """Reads the sums that the report is about, and lays it out.

    Raises:
        ReportTooLargeError: the sums could not all be read before the deadline.
    """
    parts = _KINDS[request.kind](request, deadline)
    period = request.period.to_dict()
    report = Report(
        title=request.title,
        created_at=created_at,
        period_start=period["start"],
        period_end=period["end"],
        figures=[key_figure.figure for key_figure in parts.key_figures],
        charts=parts.charts,
        tables=parts.tables,
    )
    key_figures = figures.by_name(parts.key_figures)
    about = {
        "reportType": str(request.kind),
        "createdAt": created_at,
        "period": period,
        "filters": dict(request.filters),
        "figures": key_figures,
        **parts.about,
    }
    return BuiltReport(report, about, key_figures)
