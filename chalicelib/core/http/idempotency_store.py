"""Where Powertools' idempotency keeps its records: in a table of ours, so that a claim recognizes itself.

If the answer to a claim is lost, the claim is sent again and finds the item of the first try. Powertools' own store
takes that for another request under the same key.
"""

import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import STATUS_CONSTANTS
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord

from chalicelib.core.aws.tables import Attr, ConditionFailedError, Table

_IN_PROGRESS = STATUS_CONSTANTS["INPROGRESS"]


class TableStore(BasePersistenceLayer):
    """Records in a table with the key `key` and the expiry `ttl`; the other attributes are those of Powertools."""

    def __init__(self, table: Table) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._table = table

    def _get_record(self, idempotency_key: str) -> DataRecord:
        item = self._table.get(idempotency_key)
        if item is None:
            raise IdempotencyItemNotFoundError
        return _record_of(item)

    def _put_record(self, data_record: DataRecord) -> None:
        """Claims the key: it is new, it has expired, or the run that had it is dead."""
        now = time.time()
        is_dead = Attr("status").eq(_IN_PROGRESS) & Attr("in_progress_expiration").lt(int(now * 1000))
        is_free = Attr("key").not_exists() | Attr("ttl").lt(int(now)) | is_dead
        item = {
            "key": data_record.idempotency_key,
            "ttl": data_record.expiry_timestamp,
            "status": data_record.status,
            "in_progress_expiration": data_record.in_progress_expiry_timestamp,
            "validation": data_record.payload_hash,
        }
        try:
            self._table.put(item, when=is_free)
        except ConditionFailedError as error:
            # Empty if the first run has failed since.
            found = _record_of(error.item) if error.item else None
            if found is not None:
                self._validate_payload(data_record, found)
            raise IdempotencyItemAlreadyExistsError(old_data_record=found) from error

    def _update_record(self, data_record: DataRecord) -> None:
        change: dict[str, Any] = {
            "ttl": data_record.expiry_timestamp,
            "status": data_record.status,
            "data": data_record.response_data,
            "validation": data_record.payload_hash,
        }
        self._table.update(data_record.idempotency_key, change=change)

    def _delete_record(self, data_record: DataRecord) -> None:
        self._table.delete(data_record.idempotency_key)


def _record_of(item: Mapping[str, Any]) -> DataRecord:
    return DataRecord(
        idempotency_key=item["key"],
        status=item["status"],
        expiry_timestamp=item["ttl"],
        in_progress_expiry_timestamp=item.get("in_progress_expiration"),
        response_data=item.get("data", ""),
        payload_hash=item.get("validation", ""),
    )
