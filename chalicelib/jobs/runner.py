"""The one runner around every scheduled job: payload, dry run, heartbeat, lease and deadline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import ids, log
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.http import json_schema
from chalicelib.core.schemas import NO_PAYLOAD, Schema, shape
from chalicelib.jobs import heartbeats, leases
from chalicelib.jobs.leases import Lease

# Between the end of a job's work and the timeout of its function (300 s): a batch under way, the answer, the lease.
RESERVED_SECONDS = 25.0
# A lease outlasts the run's deadline by this, and so the timeout of its function.
_LEASE_MARGIN_SECONDS = 70.0

# The fields of an event that EventBridge sends. An event with other fields was sent by hand.
_EVENTBRIDGE_FIELDS = frozenset(
    {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name"}
)
# The outcome of a run that found another one under way, or that its stage has no use for.
_NOTHING_DONE = frozenset({"failed", "skipped"})
_DRY_RUN = {"type": "boolean", "description": "say what would be done, and do none of it"}
_SINCE = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?Z)?$",
    "maxLength": 27,
    "description": "a day, or a moment in UTC",
}

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One run of a job: what was asked for in `options`, and until when it may work.

    `now` is when it began. `lease` is None in a dry run, and of a job whose runs may overlap.
    """

    job: str
    options: Mapping[str, Any]
    now: datetime
    deadline: Deadline
    lease: Lease | None = None

    @property
    def is_dry(self) -> bool:
        return self.options.get("dryRun") is True


def _skip(run: Run) -> Result:
    return {"status": "skipped"}


@dataclass(frozen=True)
class Job:
    """A scheduled job: its name is that of its schedule and its function; `work` does it and gives the answer.

    `payload` is the schema of an event sent by hand. `seconds` is how long the work may take. Two runs that need the
    same `lease` never overlap: the later one ends with `skip`. A dry run changes nothing, and takes no lease.
    """

    name: str
    work: Callable[[Run], Result]
    payload: Schema = field(default_factory=lambda: NO_PAYLOAD)
    lease: str | None = None
    seconds: float = 240.0
    skip: Callable[[Run], Result] = _skip


def payload(operation: str, **more: Any) -> Schema:
    """The payload of most jobs. `operation` must be the job's own: a clean-up is never started by mistake."""
    return shape({}, {"operation": {"const": operation}, "dryRun": _DRY_RUN, "since": _SINCE, **more})


@required_env_vars(heartbeats.record, leases.lease)
def run(
    job: Job,
    event: Mapping[str, Any],
    context: Any = None,
    *,
    now: datetime | None = None,
    deadline: Deadline | None = None,
) -> dict[str, Any]:
    """Does the work of a job with what the event asks for; gives what the work answers.

    The heartbeat's outcome is the answer's `status` (or its body's) where it has one, else "success", and "failed"
    where it raises. A dry run leaves no heartbeat: the schedule did not do its work.

    Raises:
        InvalidRequestError: the event is not a payload of this job.
    """
    until = deadline or Deadline.within(job.seconds, context, RESERVED_SECONDS)
    this_run = Run(job.name, options_of(job, event), now or datetime.now(UTC), until)
    if this_run.is_dry:
        return dict(job.work(this_run))
    heartbeats.record(job.name, heartbeats.RUNNING)
    try:
        answer = _under_lease(job, this_run)
    except BaseException:
        heartbeats.record(job.name, "failed")
        raise
    outcome = _outcome(answer)
    heartbeats.record(job.name, outcome, None if outcome in _NOTHING_DONE else _done_for(this_run, event))
    return dict(answer)


def _under_lease(job: Job, this_run: Run) -> Result:
    if job.lease is None:
        return job.work(this_run)
    with leases.lease(job.lease, this_run.deadline.seconds_left + _LEASE_MARGIN_SECONDS) as lease:
        return job.skip(this_run) if lease is None else job.work(replace(this_run, lease=lease))


def _done_for(this_run: Run, event: Mapping[str, Any]) -> str | None:
    """For which time the run did the schedule's work; None if it was asked for something else."""
    is_usual = set(this_run.options) <= {"operation"}
    return scheduled_time(event) or (ids.timestamp(this_run.now) if is_usual else None)


def _is_scheduled(event: Mapping[str, Any]) -> bool:
    return event.get("source") == "aws.events" and set(event) <= _EVENTBRIDGE_FIELDS


def scheduled_time(event: Mapping[str, Any]) -> str | None:
    """The time (ISO 8601) for which EventBridge sent the event; None if it did not send it.

    Raises:
        ValueError: the event's time is none.
    """
    moment = event.get("time") if _is_scheduled(event) else None
    return None if moment is None else ids.timestamp(datetime.fromisoformat(moment))


def _outcome(answer: Result) -> str:
    body = answer.get("body")
    inner = body.get("status") if isinstance(body, Mapping) else None
    return str(answer.get("status") or inner or "success")


def options_of(job: Job, event: Mapping[str, Any]) -> dict[str, Any]:
    """What an event asks for, `since` as a timestamp of ours; nothing where the schedule itself fired.

    Raises:
        InvalidRequestError: an unknown field, or a value that does not fit.
    """
    if _is_scheduled(event):
        log.info("SCHEDULE_FIRED", schedule=job.name, scheduledFor=event.get("time"))
        return {}
    json_schema.check(job.payload, event)
    log.info("SCHEDULE_CALLED", schedule=job.name, **event)
    since = event.get("since")
    return {**event, **({} if since is None else {"since": _timestamp(since)})}


def _timestamp(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequestError(details=[{"field": "since", "message": "is no moment of the calendar"}]) from None
    return ids.timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
