"""A table as it was at a moment: DynamoDB restores it into another table, beside it, within some twenty minutes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from chalicelib.core import clients
from chalicelib.core.aws.tables import Table
from infra.deploy.errors import RefusedError

_SECONDS_BETWEEN_LOOKS = 10.0


@dataclass(frozen=True)
class TableBeside(Table):
    """The table that holds what another one, `source`, held at a moment."""

    own_name: str = ""

    @classmethod
    def of(cls, source: Table, to: datetime) -> Self:
        return cls(source.setting, source.partition, source.sort, own_name=f"{source.name}-{to:%Y%m%d-%H%M%S}")

    @property
    def name(self) -> str:
        return self.own_name

    def begin(self, source: Table, to: datetime) -> bool:
        """Begins to restore it. False: it is there already, from an earlier run.

        Raises:
            RefusedError: DynamoDB cannot restore that moment.
        """
        if self._description() is not None:
            return False
        earliest, latest = _window(source)
        if not earliest <= to <= latest:
            raise RefusedError(
                f"{source.name} can be restored to a moment from {earliest:%Y-%m-%dT%H:%M:%SZ} to "
                f"{latest:%Y-%m-%dT%H:%M:%SZ} (UTC), not to {to:%Y-%m-%dT%H:%M:%SZ}."
            )
        # Its indexes would only take time: nothing queries them.
        clients.client("dynamodb").restore_table_to_point_in_time(
            SourceTableName=source.name,
            TargetTableName=self.name,
            RestoreDateTime=to,
            GlobalSecondaryIndexOverride=[],
        )
        return True

    def wait(self, progress: Callable[[str], None]) -> None:
        """Waits until it can be read."""
        while (description := self._description() or {}).get("TableStatus") != "ACTIVE":
            progress(f"{self.name} is {str(description.get('TableStatus', 'requested')).lower()}")
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def drop(self) -> None:
        """Deletes it, with all its rows."""
        clients.client("dynamodb").delete_table(TableName=self.name)

    def _description(self) -> Mapping[str, Any] | None:
        try:
            description: Mapping[str, Any] = clients.client("dynamodb").describe_table(TableName=self.name)["Table"]
        except clients.ClientError as error:
            if clients.error_code(error) == "ResourceNotFoundException":
                return None
            raise
        return description


def _window(table: Table) -> tuple[datetime, datetime]:
    """The first and the last moment that DynamoDB can restore, in whole seconds."""
    backups = clients.client("dynamodb").describe_continuous_backups(TableName=table.name)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        raise RefusedError(f"{table.name} has no point-in-time recovery. `python -m infra deploy` switches it on.")
    moments = (recovery[name] for name in ("EarliestRestorableDateTime", "LatestRestorableDateTime"))
    earliest, latest = (moment.astimezone(UTC).replace(microsecond=0) for moment in moments)
    return earliest, latest
