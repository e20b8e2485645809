"""The table of schedules: what runs by itself, and when in which stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Schedule:
    """When a function runs, in UTC, as an expression of EventBridge; a stage may have one of its own."""

    expression: str
    by_stage: Mapping[str, str] = field(default_factory=dict)


_QUARTER_HOURLY = "rate(15 minutes)"

SCHEDULES: Mapping[str, Schedule] = {
    "nightly_sync": Schedule(
        "cron(0 2 * * ? *)",
        {"staging": "cron(0 0/6 * * ? *)", "dev": _QUARTER_HOURLY, "local": "rate(5 minutes)"},
    ),
    # The last one of a day is at 17:30.
    "business_hours_sync": Schedule("cron(0/30 9-17 ? * MON-FRI *)"),
    "weekly_cleanup": Schedule("cron(0 3 ? * SUN *)"),
    "monthly_report": Schedule("cron(0 1 1 * ? *)"),
    "quarterly_archive": Schedule("cron(0 2 1 JAN,APR,JUL,OCT ? *)"),
    "health_check": Schedule(_QUARTER_HOURLY),
    "sweeper": Schedule(_QUARTER_HOURLY),
    "reconciler": Schedule("rate(1 hour)", {"dev": "rate(6 hours)", "staging": "rate(6 hours)"}),
}
