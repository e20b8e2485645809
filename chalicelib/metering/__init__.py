"""Usage records summed by day: usage, cost and spending, for users, administrators and limits."""

from chalicelib.metering.service import (
    DEFAULT_DAYS,
    DEFAULT_PAGE,
    EITHER,
    GET,
    GET_ALL,
    MAX_DAYS,
    MAX_PAGE,
    SUMMARY,
    count_records,
    mean_seconds,
    of_all,
    own,
    period,
    summary,
)

__all__ = [
    "DEFAULT_DAYS",
    "DEFAULT_PAGE",
    "EITHER",
    "GET",
    "GET_ALL",
    "MAX_DAYS",
    "MAX_PAGE",
    "SUMMARY",
    "count_records",
    "mean_seconds",
    "of_all",
    "own",
    "period",
    "summary",
]
