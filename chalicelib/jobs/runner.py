"""What every scheduled function does around its work: the payload of whoever calls it by hand, and the heartbeat."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import ids, log
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.http import json_schema
from chalicelib.core.http.payload import Schema, shape
from chalicelib.jobs import leases

Options = Mapping[str, Any]

# What EventBridge sends of itself; with anything beside it an event is somebody's own.
_ENVELOPE = frozenset(
    {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name"}
)

_DRY_RUN = {"type": "boolean", "description": "say what would be done, and do none of it"}
_SINCE = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?Z)?$",
    "maxLength": 27,
    "description": "a day, or a moment in UTC",
}


def _payload(operation: str, **more: Any) -> Schema:
    """`operation` may be said, and then must be what the function does: nobody cleans up who meant to sync."""
    return shape({}, {"operation": {"const": operation}, "dryRun": _DRY_RUN, "since": _SINCE, **more})


_SYNC = _payload("sync", syncType={"enum": ["comprehensive", "incremental"]})
PAYLOADS: Mapping[str, Schema] = {
    "nightly_sync": _SYNC,
    "business_hours_sync": _SYNC,
    "weekly_cleanup": _payload("cleanup"),
    "monthly_report": _payload("report"),
    "quarterly_archive": _payload("archive"),
    "health_check": shape({}),
    "sweeper": _payload("sweep"),
}


def run(name: str, event: Mapping[str, Any], work: Callable[[Options], Mapping[str, Any]]) -> dict[str, Any]:
    """Does the work of a scheduled function with what the event asks for; gives what the work answers.

    The heartbeat's outcome is the answer's `status` (or its body's) where it has one, else "success", and "failed"
    where it raises. A dry run leaves none: it is not what the schedule is for.

    Raises:
        InvalidRequestError: the payload is not one of this function.
    """
    options = options_of(name, event)
    if options.get("dryRun") is True:
        return dict(work(options))
    leases.beat(name, leases.RUNNING)
    try:
        answer = work(options)
    except BaseException:
        leases.beat(name, "failed")
        raise
    leases.beat(name, _outcome(answer))
    return dict(answer)


def _outcome(answer: Mapping[str, Any]) -> str:
    body = answer.get("body")
    inner = body.get("status") if isinstance(body, Mapping) else None
    return str(answer.get("status") or inner or "success")


def options_of(name: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """What a payload asks for, `since` as a timestamp of ours; nothing where the schedule itself fired.

    Raises:
        InvalidRequestError: an unknown field, or a value that does not fit.
    """
    if event.get("source") == "aws.events" and set(event) <= _ENVELOPE:
        log.info("SCHEDULE_FIRED", schedule=name, scheduledFor=event.get("time"))
        return {}
    json_schema.check(PAYLOADS[name], event)
    log.info("SCHEDULE_CALLED", schedule=name, **event)
    since = event.get("since")
    return {**event, **({} if since is None else {"since": _timestamp(since)})}


def _timestamp(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequestError(details=[{"field": "since", "message": "is no moment of the calendar"}]) from None
    return ids.timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
