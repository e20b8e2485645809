"""What syncs brought, and what they could not take. Owns RECORDS_TABLE.

A row of the source `customers` is one customer: `data` as JSON, `updatedAt` by the source's clock, `createdAt` and
`processedAt` by ours. `lifecycle` and `since` are the keys of an index that clean-up reads: active since it was last
written, or archived. What was rejected stands under `customers#rejected` with its `rejection`, for a month.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws.tables import Table, writable
from chalicelib.jobs.sync.customer import Customer, Rejected

RECORDS = Table("RECORDS_TABLE", "source", "recordId")
BY_LIFECYCLE = Table("RECORDS_TABLE", "lifecycle", "since", index="by-lifecycle")

CUSTOMERS = "customers"
REJECTED = "customers#rejected"
ACTIVE = "customers#active"
ARCHIVED = "customers#archived"

# Why a row is archived. What vanished is active again when it is back; what expired only when it is changed.
VANISHED = "vanished"
EXPIRED = "expired"

# What is still bad by then is kept aside anew.
_REJECTIONS_KEPT = timedelta(days=30)
_KEYS_AT_ONCE = 100
# Ids are printable and begin with no space: all of them are between these.
_FIRST, _LAST = "!", "\U0010ffff"

Item = dict[str, Any]


def stored(source: str, record_ids: Iterable[str], threads: Executor) -> dict[str, Item]:
    """Those of the rows that are there, by their ids, read consistently."""
    keys = [RECORDS.key(source, record_id) for record_id in record_ids]
    lots = [keys[start : start + _KEYS_AT_ONCE] for start in range(0, len(keys), _KEYS_AT_ONCE)]
    return {item["recordId"]: item for found in threads.map(RECORDS.get_many, lots) for item in found}


def change(customer: Customer, known: Item | None) -> str | None:
    """What the customer would be by a write: `created`, `updated`, or None where there is nothing to write."""
    if known is None:
        return "created"
    if customer.updated_at < known["updatedAt"]:
        return None
    if customer.data != known["data"]:
        return "updated"
    return "updated" if known.get("archivedBecause") == VANISHED else None


def writing(customer: Customer, known: Item | None, now: datetime) -> Item:
    """The write that `change` speaks of; it fails where the row is no longer as it was read."""
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
    return RECORDS.creating(item) if known is None else _replacing(item, known)


def _replacing(item: Mapping[str, Any], known: Mapping[str, Any]) -> Item:
    # Whole, so that nothing of an archived row is left.
    return {
        "Put": {
            "TableName": RECORDS.name,
            "Item": writable(item),
            "ConditionExpression": "updatedAt = :updated AND isActive = :active",
            "ExpressionAttributeValues": {":updated": known["updatedAt"], ":active": known["isActive"]},
        }
    }


def is_kept_aside(rejected: Rejected, known: Item | None) -> bool:
    """Whether the same was rejected before for the same reason."""
    return known is not None and (known["data"], known["rejection"]) == (rejected.data, rejected.reason)


def keeping_aside(rejected: Rejected, now: datetime) -> Item:
    """The write that keeps what was rejected, and why."""
    item = {
        **RECORDS.key(REJECTED, rejected.id),
        "data": rejected.data,
        "rejection": rejected.reason,
        "processedAt": ids.timestamp(now),
        "isActive": False,
        "ttl": int((now + _REJECTIONS_KEPT).timestamp()),
    }
    return {"Put": {"TableName": RECORDS.name, "Item": writable(item)}}


def active() -> Iterator[Item]:
    """Every customer that is active, in the order of their ids, a megabyte of them in memory at a time."""
    return (item for item in RECORDS.between(CUSTOMERS, _FIRST, _LAST) if item["isActive"])


def archiving(item: Mapping[str, Any], because: str, now: datetime) -> Item:
    """The write that makes a customer inactive; it fails where the row has changed since it was read."""
    at = ids.timestamp(now)
    made = {"isActive": False, "archivedAt": at, "archivedBecause": because, "lifecycle": ARCHIVED, "since": at}
    was = {"isActive": True, "processedAt": item["processedAt"]}
    return RECORDS.setting(RECORDS.key(item["source"], item["recordId"]), made, where=was)
