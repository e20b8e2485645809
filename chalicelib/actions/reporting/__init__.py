"""Reports for administrators: usage, analytics and a summary of a period, made from the days' sums."""

from chalicelib.actions.reporting.deadline import ReportTooLargeError
from chalicelib.actions.reporting.schemas import REPORT, REPORTED
from chalicelib.actions.reporting.service import REPEAT, generate_report, run
from chalicelib.jobs.monthly_report import make_monthly

__all__ = ["REPEAT", "REPORT", "REPORTED", "ReportTooLargeError", "generate_report", "make_monthly", "run"]
