"""Point-in-time recovery: a restored table holds what its source held at the requested moment, as in DynamoDB.

moto copies the present items, whatever moment is requested. Here each write first keeps what it replaces, the last
WRITES_KEPT of a table, and a restore undoes the writes that came later. DynamoDB keeps 35 days, and the latest moment
that it restores is about five minutes ago; here it is now.
"""

import collections
import datetime
import time
from collections.abc import Mapping
from typing import Any

from local.moto_patches import dynamodb_items
from local.patching import patch

WRITES_KEPT = 10_000
_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_ENABLED = "ENABLED"

Body = Mapping[str, Any]


def recover_points_in_time() -> None:
    """Apply the patches of this module; `keep_what_is_replaced` must be called before each request."""
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.responses import DynamoHandler

    patch(DynamoHandler, "restore_table_to_point_in_time", _restore)
    original = DynamoDBBackend.describe_continuous_backups

    def describe_continuous_backups(self: Any, table_name: str) -> Any:
        backups = original(self, table_name)
        description = backups["PointInTimeRecoveryDescription"]
        if description["PointInTimeRecoveryStatus"] == _ENABLED:
            table = self.get_table(table_name)
            earliest = max(description["EarliestRestorableDateTime"], getattr(table, "forgotten_until", 0.0))
            description |= {"EarliestRestorableDateTime": earliest, "LatestRestorableDateTime": time.time()}
        return backups

    patch(DynamoDBBackend, "describe_continuous_backups", describe_continuous_backups)


def keep_what_is_replaced(backend: Any, operation: str, body: Body) -> None:
    """Keeps each item that a request is about to write, if its table can be recovered."""
    for table, attributes in dynamodb_items.written(backend, operation, body):
        if not _is_recoverable(table):
            continue
        _, keys, item = dynamodb_items.read(backend, {"TableName": table.name, "Key": attributes})
        kept = table.__dict__.setdefault("replaced", collections.deque())
        kept.append((time.time(), keys, item))
        if len(kept) > WRITES_KEPT:
            table.forgotten_until = kept.popleft()[0]


def _is_recoverable(table: Any) -> bool:
    return bool(table.continuous_backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == _ENABLED)


def _restore(self: Any) -> Any:
    """The response of RestoreTableToPointInTime."""
    from moto.core.responses import ActionResult

    backend, body = self.dynamodb_backend, self.body
    source = backend.get_table(body["SourceTableName"])
    moment = _moment(backend, source, body)
    restored = backend.restore_table_to_point_in_time(body["TargetTableName"], body["SourceTableName"])
    for written_at, keys, item in reversed(source.__dict__.get("replaced", ())):
        if written_at <= moment:
            break
        dynamodb_items.put_back(restored, keys, item)
    restored.restore_date_time = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    if "GlobalSecondaryIndexOverride" in body:
        wanted = {each["IndexName"] for each in body["GlobalSecondaryIndexOverride"]}
        restored.global_indexes = [each for each in restored.global_indexes if each.name in wanted]
    return ActionResult(restored.describe())


def _moment(backend: Any, source: Any, body: Body) -> float:
    """The requested moment. Raises what DynamoDB answers if the source cannot be restored to it."""
    if not _is_recoverable(source):
        raise _refusal("PointInTimeRecoveryUnavailableException", "Point in time recovery is not enabled for table")
    description = backend.describe_continuous_backups(source.name)["PointInTimeRecoveryDescription"]
    latest = float(description["LatestRestorableDateTime"])
    if body.get("UseLatestRestorableTime"):
        return latest
    if "RestoreDateTime" not in body:
        raise _refusal("ValidationException", "One of RestoreDateTime and UseLatestRestorableTime must be provided")
    # moto parses the time, without a zone.
    moment = float(body["RestoreDateTime"].replace(tzinfo=datetime.UTC).timestamp())
    # The earliest moment has whole seconds in requests.
    if not int(description["EarliestRestorableDateTime"]) <= moment <= latest:
        raise _refusal("InvalidRestoreTimeException", "The time is not within the recovery window of the table")
    return moment


def _refusal(kind: str, message: str) -> Exception:
    from moto.dynamodb.exceptions import DynamodbException

    return DynamodbException(f"{_PREFIX}{kind}", message)
