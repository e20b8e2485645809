"""Reports for administrators: usage, analytics and a summary of a period, made from the days' sums."""

from chalicelib.reporting.asking import REPORT, REPORTED
from chalicelib.reporting.deadline import ReportTooLargeError
from chalicelib.reporting.journey import REPEAT, generate_report, run
from chalicelib.reporting.monthly import make_monthly

__all__ = ["REPEAT", "REPORT", "REPORTED", "ReportTooLargeError", "generate_report", "make_monthly", "run"]
