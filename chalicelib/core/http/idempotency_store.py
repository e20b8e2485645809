"""Where Powertools' idempotency keeps its records: in a table of ours, so that a claim recognizes itself.

If the answer to a claim is lost, the claim is sent again and finds the item of the first try. Powertools' own store
takes that for another request under the same key.

A record also has its deed (deeds.py), which outlives a try that failed and may have done something.
"""

import functools
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
from chalicelib.core.http import deeds

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
        """Claims the key: it is new, it has expired, or the try that had it has ended without a response."""
        now = time.time()
        is_free = Attr("key").not_exists() | Attr("ttl").lt(int(now))
        item = {
            "key": data_record.idempotency_key,
            "ttl": data_record.expiry_timestamp,
            "status": data_record.status,
            "in_progress_expiration": data_record.in_progress_expiry_timestamp,
            "validation": data_record.payload_hash,
        }
        deed = deeds.current()
        deed.write = functools.partial(self._write_kept, data_record.idempotency_key)
        try:
            self._table.put(item | {"deed": deed.id}, when=is_free)
        except ConditionFailedError as error:
            # Empty if the first run has failed since.
            found = _record_of(error.item) if error.item else None
            if found is not None:
                self._validate_payload(data_record, found)
            if not self._go_on(data_record, error.item, int(now * 1000)):
                raise IdempotencyItemAlreadyExistsError(old_data_record=found) from error

    def _go_on(self, data_record: DataRecord, item: Mapping[str, Any], now_ms: int) -> bool:
        """Claims the key of a try that failed or is dead, and goes on with its deed. False: there is no such try."""
        ended = item.get("in_progress_expiration")
        if item.get("status") != _IN_PROGRESS or ended is None or ended >= now_ms:
            return False
        deed = deeds.current()
        unchanged = Attr("status").eq(_IN_PROGRESS) & Attr("in_progress_expiration").eq(ended)
        change = {
            "in_progress_expiration": data_record.in_progress_expiry_timestamp,
            "ttl": data_record.expiry_timestamp,
            # 0.1.0 kept none.
            "deed": item.get("deed", deed.id),
        }
        try:
            self._table.update(data_record.idempotency_key, when=unchanged, change=change)
        except ConditionFailedError:
            return False
        deed.id, deed.kept, deed.is_resumed = change["deed"], dict(item.get("kept", {})), True
        return True

    def _write_kept(self, key: str, kept: Mapping[str, str]) -> None:
        self._table.update(key, change={"kept": kept})

    def _update_record(self, data_record: DataRecord) -> None:
        change: dict[str, Any] = {
            "ttl": data_record.expiry_timestamp,
            "status": data_record.status,
            "data": data_record.response_data,
            "validation": data_record.payload_hash,
        }
        self._table.update(data_record.idempotency_key, change=change)

    def _delete_record(self, data_record: DataRecord) -> None:
        """Frees the key after a try that failed. If that may have done something, its deed stays for the next one."""
        if deeds.current().is_open:
            self._table.update(data_record.idempotency_key, change={"in_progress_expiration": 0})
        else:
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
