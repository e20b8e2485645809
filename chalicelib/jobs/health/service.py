"""The last result of the health check, for anonymous callers: by names that reveal nothing of how Darkroom is built."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core import config, ids
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.errors import UnavailableError, raises
from chalicelib.core.http.limits import AnonymousLimit
from chalicelib.core.settings import Settings
from chalicelib.jobs import leases
from chalicelib.jobs.health.check import ROW
from chalicelib.jobs.health.dependencies import State

LIMIT = AnonymousLimit(Settings.HEALTH_PER_SOURCE_PER_MINUTE)

# Each container reads the table at most once in so many seconds, however many requests come.
_KEPT_SECONDS = 10.0
# The check runs every 15 minutes: a result older than three of them says nothing about now.
_STALE = timedelta(minutes=45)


class DownError(UnavailableError):
    code, message = "DOWN", "Darkroom is down; its operators have been told."
    retry_after = 60


# When the row was read (time.monotonic()), and the row; empty before the first read.
_cached: list[tuple[float, Mapping[str, Any]]] = []


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.GET_ITEM]})
def read_result() -> Mapping[str, Any]:
    """What the last check stored; empty before the first one."""
    return leases.JOBS.get(ROW) or {}


def _recent_result() -> Mapping[str, Any]:
    moment = time.monotonic()
    if not _cached or _cached[0][0] + _KEPT_SECONDS < moment:
        _cached[:] = [(moment, read_result())]
    return _cached[0][1]


def status_of(row: Mapping[str, Any], now: datetime) -> str:
    """The status of that result; "unknown" if there is none, or none of the last 45 minutes."""
    checked_at = row.get("checkedAt")
    if checked_at is None or checked_at < ids.timestamp(now - _STALE):
        return "unknown"
    return str(row.get("status", "unknown"))


@required_env_vars(read_result, {LIMIT.per_source.name: []})
@raises(DownError)
def get_health(now: datetime | None = None) -> dict[str, Any]:
    """The result of the last check: `{status, version, stage, checkedAt, dependencies: [{name, status}]}`.

    `status` is "unknown" if there was no check, or none for 45 minutes.

    Raises:
        DownError: something essential is down; `details` name what is not well.
    """
    row = _recent_result()
    listed = [{"name": each["name"], "status": each["status"]} for each in row.get("dependencies", ())]
    status = status_of(row, now or datetime.now(UTC))
    if status == State.DOWN:
        unwell = [{"field": each["name"], "message": each["status"]} for each in listed if each["status"] != State.OK]
        raise DownError(details=unwell)
    return {
        "status": status,
        "version": config.VERSION,
        "stage": Settings.STAGE.get(),
        "checkedAt": row.get("checkedAt"),
        "dependencies": listed,
    }
