"""Heartbeats: when each schedule last ran and how that ended, and which schedules are overdue. Kept in JOBS_TABLE."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

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
# A schedule that the stage has switched off is watched as this.
_OFF = "off"


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


@dataclass(frozen=True)
class Heartbeat:
    """The last run of a schedule, and what is expected of it. Moments are None where there was none.

    `expression` is the schedule's in this stage, None where the stage has switched it off. `watched_as` is the
    expression under which it has been watched since `watched_since`. `succeeded_for` is the time (ISO 8601) for which
    the last run that did the schedule's work was scheduled.
    """

    name: str
    expression: str | None
    started: datetime | None
    ended: datetime | None
    outcome: str | None
    watched_as: str
    watched_since: datetime | None
    succeeded_for: str | None

    @classmethod
    def of(cls, name: str, item: Mapping[str, Any]) -> Self:
        """What JOBS_TABLE holds of it; nothing where it never ran."""
        return cls(
            name=name,
            expression=schedules.expression(name),
            started=_moment(item, "startedAt"),
            ended=_moment(item, "endedAt"),
            outcome=item.get("outcome"),
            watched_as=item.get("watched", ""),
            watched_since=_moment(item, "watchedSince"),
            succeeded_for=item.get("succeededFor"),
        )

    @property
    def is_watched(self) -> bool:
        return self.watched_as == (self.expression or _OFF)

    def next_run(self, now: datetime) -> datetime | None:
        """When it runs next; None where it is switched off.

        EventBridge does not tell when it began to count a rate: it is counted from the last start.
        """
        if self.expression is None:
            return None
        return parse(self.expression).next_after(now, self.started or self.watched_since or now)

    def overdue(self, now: datetime) -> Overdue | None:
        """Why and since when it is overdue; None where it is not, is switched off or not watched yet."""
        if self.expression is None or not self.is_watched:
            return None
        late = now - GRACE
        if self.started is not None and self.outcome == RUNNING and self.started <= late:
            return self._overdue("unfinished", self.started)
        since = max(each for each in (self.started, self.watched_since) if each is not None)
        expected = parse(self.expression).next_after(since, since)
        return None if expected is None or expected > late else self._overdue("missed", expected)

    def _overdue(self, why: str, expected: datetime) -> Overdue:
        last_start = None if self.started is None else ids.timestamp(self.started)
        return Overdue(self.name, why, ids.timestamp(expected), last_start, self.outcome)


def _moment(item: Mapping[str, Any], attribute: str) -> datetime | None:
    return datetime.fromisoformat(item[attribute]) if item.get(attribute) else None


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
def record(name: str, outcome: str, succeeded_for: str | None = None) -> None:
    """Writes down that a run of the schedule begins (`RUNNING`), or how it ended. A failure here fails no job.

    `succeeded_for` is the time for which the run was scheduled, if it did the schedule's work.
    """
    now = ids.now()
    change: Mapping[str, Any] = (
        {"startedAt": now, "endedAt": None, "outcome": outcome}
        if outcome == RUNNING
        else {"endedAt": now, "outcome": outcome} | ({"succeededFor": succeeded_for} if succeeded_for else {})
    )
    try:
        JOBS.update(_HEARTBEAT + name, change=change)
    except Exception as error:
        log.warning("HEARTBEAT_NOT_NOTED", error, schedule=name, outcome=outcome)


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.BATCH_GET_ITEM]})
def read_all() -> dict[str, Heartbeat]:
    """The heartbeat of each schedule of the table of schedules, in one call."""
    items = {item["name"]: item for item in JOBS.get_many(JOBS.key(_HEARTBEAT + name) for name in SCHEDULES)}
    return {name: Heartbeat.of(name, items.get(_HEARTBEAT + name, {})) for name in SCHEDULES}


@required_env_vars(read_all, {"JOBS_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
def list_overdue(now: datetime) -> list[Overdue]:
    """The schedules of this stage that should have run by `now` and did not, or began and never ended.

    A schedule that is new, changed or just switched on is watched from the first call that sees it.
    """
    heartbeats = read_all().values()
    for each in heartbeats:
        if not each.is_watched:
            _watch(each, now)
    candidates = (each.overdue(now) for each in heartbeats)
    return [each for each in candidates if each is not None]


def _watch(heartbeat: Heartbeat, now: datetime) -> None:
    change = {"watched": heartbeat.expression or _OFF, "watchedSince": ids.timestamp(now)}
    JOBS.update(_HEARTBEAT + heartbeat.name, change=change)
