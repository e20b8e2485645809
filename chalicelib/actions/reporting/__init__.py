"""Reports for administrators: usage, analytics and a summary of a period, made from the days' sums."""

from chalicelib.actions.reporting.deadline import ReportTooLargeError
from chalicelib.actions.reporting.schemas import REPORT, REPORTED
from chalicelib.actions.reporting.service import REPLAY, generate_report, run

__all__ = ["REPLAY", "REPORT", "REPORTED", "ReportTooLargeError", "generate_report", "run"]
