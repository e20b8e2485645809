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


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.GET_ITEM], LIMIT.per_source.name: []})
@raises(DownError)
def get_health(now: datetime | None = None) -> dict[str, Any]:
    """The result of the last check: `{status, version, stage, checkedAt, dependencies: [{name, status}]}`.

    `status` is "unknown" if there was no check, or none for 45 minutes.

    Raises:
        DownError: something essential is down; `details` name what is not well.
    """
    row = _last_result()
    listed = [{"name": each["name"], "status": each["status"]} for each in row.get("dependencies", ())]
    checked_at = row.get("checkedAt")
    status = row.get("status", "unknown")
    if checked_at is None or checked_at < ids.timestamp((now or datetime.now(UTC)) - _STALE):
        status = "unknown"
    if status == State.DOWN:
        unwell = [{"field": each["name"], "message": each["status"]} for each in listed if each["status"] != State.OK]
        raise DownError(details=unwell)
    return {
        "status": status,
        "version": config.VERSION,
        "stage": Settings.STAGE.get(),
        "checkedAt": checked_at,
        "dependencies": listed,
    }


# When the row was read (time.monotonic()), and the row; empty before the first read.
_cached: list[tuple[float, Mapping[str, Any]]] = []


def _last_result() -> Mapping[str, Any]:
    moment = time.monotonic()
    if not _cached or _cached[0][0] + _KEPT_SECONDS < moment:
        _cached[:] = [(moment, leases.JOBS.get(ROW) or {})]
    return _cached[0][1]
