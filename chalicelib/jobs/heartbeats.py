"""Heartbeats: when each schedule last ran and how that ended, and which schedules are overdue. Kept in JOBS_TABLE."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.schedules import SCHEDULES
from chalicelib.jobs import schedules
from chalicelib.jobs.leases import JOBS
from chalicelib.jobs.recurrence import parse

RUNNING = "running"
# EventBridge may be a minute late, and no function runs longer than 300 s.
GRACE = timedelta(minutes=10)

_HEARTBEAT = "beat#"


@dataclass(frozen=True)
class Overdue:
    """A schedule that did not run when it should have (`why` is "missed"), or began and never ended ("unfinished").

    Times are in ISO 8601; `last_start` is None where it never ran.
    """

    name: str
    why: str
    expected_at: str
    last_start: str | None
    last_outcome: str | None


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
def record(name: str, outcome: str) -> None:
    """Writes down that a run of the schedule begins (`RUNNING`), or how it ended. A failure here fails no job."""
    now = ids.now()
    change: Mapping[str, Any] = (
        {"startedAt": now, "endedAt": None, "outcome": outcome}
        if outcome == RUNNING
        else {"endedAt": now, "outcome": outcome}
    )
    try:
        JOBS.update(_HEARTBEAT + name, change=change)
    except Exception as error:
        log.warning("HEARTBEAT_NOT_NOTED", error, schedule=name, outcome=outcome)


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM]})
def list_overdue(now: datetime) -> list[Overdue]:
    """The schedules of this stage that should have run by `now` and did not, or began and never ended.

    A schedule that is new, changed or just switched on is watched from the first call that sees it.
    """
    candidates = (_overdue(name, now) for name in SCHEDULES)
    return [each for each in candidates if each is not None]


def _overdue(name: str, now: datetime) -> Overdue | None:
    item = JOBS.get(_HEARTBEAT + name) or {}
    expression = schedules.expression(name)
    if item.get("watched", "") != (expression or "off"):
        _watch(name, expression or "off", now)
        return None
    if expression is None:
        return None
    started = item.get("startedAt")
    late = now - GRACE
    if started is not None and item.get("outcome") == RUNNING and _moment(started) <= late:
        return Overdue(name, "unfinished", started, started, RUNNING)
    since = max(_moment(each) for each in (started, item["watchedSince"]) if each is not None)
    expected = parse(expression).next_after(since, since)
    if expected is None or expected > late:
        return None
    return Overdue(name, "missed", ids.timestamp(expected), started, item.get("outcome"))


def _watch(name: str, expression: str, now: datetime) -> None:
    JOBS.update(_HEARTBEAT + name, change={"watched": expression, "watchedSince": ids.timestamp(now)})


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
