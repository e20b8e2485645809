"""The records that syncs read from the source, and those that they rejected. Owns RECORDS_TABLE.

A row of the source `customers` is one customer: `data` as JSON, `updatedAt` by the source's clock, `createdAt` and
`processedAt` by ours. `lifecycle` and `since` are the keys of an index for clean-up: active since the last write, or
archived. Rows of `customers#rejected` are rejected records with their `rejection`, for a month.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws.tables import Table
from chalicelib.core.settings import Settings
from chalicelib.jobs.sync.customer import Customer, Rejected

RECORDS = Table(Settings.RECORDS_TABLE, "source", "recordId")
BY_LIFECYCLE = Table(Settings.RECORDS_TABLE, "lifecycle", "since", index="by-lifecycle")

CUSTOMERS = "customers"
REJECTED = "customers#rejected"
ACTIVE = "customers#active"
ARCHIVED = "customers#archived"

# Why a row is archived. A vanished customer is active again when it is back; an expired one when it is changed.
VANISHED = "vanished"
EXPIRED = "expired"

# A record that is still bad by then is stored again.
_REJECTIONS_KEPT = timedelta(days=30)
_KEYS_AT_ONCE = 100

Item = dict[str, Any]


def read_rows(source: str, record_ids: Iterable[str], threads: Executor) -> dict[str, Item]:
    """The rows that exist, by their ids, read consistently."""
    keys = [RECORDS.key(source, record_id) for record_id in record_ids]
    lots = [keys[start : start + _KEYS_AT_ONCE] for start in range(0, len(keys), _KEYS_AT_ONCE)]
    return {item["recordId"]: item for found in threads.map(RECORDS.get_many, lots) for item in found}


def change_to(customer: Customer, known: Item | None) -> str | None:
    """What a write would do to the customer: `created`, `updated`, or None where nothing is to be written."""
    if known is None:
        return "created"
    if customer.updated_at < known["updatedAt"]:
        return None
    if customer.data != known["data"]:
        return "updated"
    return "updated" if known.get("archivedBecause") == VANISHED else None


def write_of(customer: Customer, known: Item | None, now: datetime) -> Item:
    """The write of a customer. It fails if the row has changed since it was read."""
    at = ids.timestamp(now)
    item = {
        **RECORDS.key(CUSTOMERS, customer.id),
        "data": customer.data,
        "updatedAt": customer.updated_at,
        "createdAt": at if known is None else known["createdAt"],
        "processedAt": at,
        "isActive": True,
        "lifecycle": ACTIVE,
        "since": at,
    }
    if known is None:
        return RECORDS.to_create(item)
    # A whole row, so that no attribute of an archived one is left.
    return RECORDS.to_put(item, where={name: known[name] for name in ("updatedAt", "isActive")})


def is_known_rejection(rejected: Rejected, known: Item | None) -> bool:
    """Whether the same record was rejected before for the same reason."""
    return known is not None and (known["data"], known["rejection"]) == (rejected.data, rejected.reason)


def rejection_write(rejected: Rejected, now: datetime) -> Item:
    """The write that stores a rejected record and the reason."""
    item = {
        **RECORDS.key(REJECTED, rejected.id),
        "data": rejected.data,
        "rejection": rejected.reason,
        "processedAt": ids.timestamp(now),
        "isActive": False,
        "ttl": int((now + _REJECTIONS_KEPT).timestamp()),
    }
    return RECORDS.to_put(item)


def read_active() -> Iterator[Item]:
    """All active customers by id, with at most a megabyte of them in memory."""
    return (item for item in RECORDS.all_of(CUSTOMERS) if item["isActive"])


def archive_write(item: Mapping[str, Any], because: str, now: datetime) -> Item:
    """The write that makes a customer inactive. It fails if the row has changed since it was read."""
    at = ids.timestamp(now)
    made = {"isActive": False, "archivedAt": at, "archivedBecause": because, "lifecycle": ARCHIVED, "since": at}
    was = {"isActive": True, "processedAt": item["processedAt"]}
    return RECORDS.to_update(RECORDS.key(item["source"], item["recordId"]), made, where=was)
