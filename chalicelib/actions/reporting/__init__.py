"""Reports for administrators: usage, analytics or a summary of a period, made from the sums by day."""

from chalicelib.actions.reporting.layout import BuiltReport, build
from chalicelib.actions.reporting.models import Period, ReportKind, ReportRequest, ReportTooLargeError
from chalicelib.actions.reporting.service import KIND, render, run
