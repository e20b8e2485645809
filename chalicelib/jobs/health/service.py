"""The last result, for anybody: what is well and what is not, by names that say nothing of how it is built."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core import config, ids
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation
from chalicelib.core.errors import UnavailableError
from chalicelib.core.http.limits import Strangers
from chalicelib.core.http.payload import TEXT, shape
from chalicelib.jobs import leases
from chalicelib.jobs.health.check import ROW
from chalicelib.jobs.health.dependencies import State

LIMIT = Strangers(per_source="HEALTH_PER_SOURCE_PER_MINUTE")
SHOWN_NEEDS: grants.Grants = {"JOBS_TABLE": [DynamoDBOperation.GET_ITEM], LIMIT.per_source: []}
HEALTH = shape(
    {
        "status": {"enum": ["ok", "degraded", "unknown"]},
        "version": TEXT,
        "stage": TEXT,
        "checkedAt": {"type": ["string", "null"]},
        "dependencies": {"type": "array", "items": shape({"name": TEXT, "status": TEXT})},
    }
)

# Whatever is asked, from however many sources: the table is read so often at most, by each container.
_KEPT_SECONDS = 10.0
# The check runs every 15 minutes: what is older than three of them says nothing of now.
_STALE = timedelta(minutes=45)
_MINUTE = 60


class DownError(UnavailableError):
    code, message = "DOWN", "Darkroom is down; its operators have been told."


def current(now: datetime | None = None) -> dict[str, Any]:
    """What the last check found: `{status, version, stage, checkedAt, dependencies: [{name, status}]}`.

    `status` is "unknown" where there was none, or none for 45 minutes.

    Raises:
        DownError: it found that something essential is down; `details` name what is not well.
    """
    row = _last()
    listed = [{"name": each["name"], "status": each["status"]} for each in row.get("dependencies", ())]
    checked_at = row.get("checkedAt")
    status = row.get("status", "unknown")
    if checked_at is None or checked_at < ids.timestamp((now or datetime.now(UTC)) - _STALE):
        status = "unknown"
    if status == State.DOWN:
        unwell = [{"field": each["name"], "message": each["status"]} for each in listed if each["status"] != State.OK]
        raise DownError(details=unwell, retry_after=_MINUTE)
    return {
        "status": status,
        "version": config.VERSION,
        "stage": config.stage(),
        "checkedAt": checked_at,
        "dependencies": listed,
    }


# When the row was read (time.monotonic()), and the row.
_kept: list[tuple[float, Mapping[str, Any]]] = []


def _last() -> Mapping[str, Any]:
    moment = time.monotonic()
    if not _kept or _kept[0][0] + _KEPT_SECONDS < moment:
        _kept[:] = [(moment, leases.JOBS.get(ROW) or {})]
    return _kept[0][1]
