"""Sums by day: events added exactly once, however often each comes, and read.

An event's id is stored as a dedupe key in the same transaction as what the event adds.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.core import log
from chalicelib.core.aws.tables import ConditionFailedError, Page, transact
from chalicelib.metering.models import DAILY, Entry, Row, numbers_by_what

# A stream keeps its records for a day, and a reconciliation counts what it has lost for a week: after eight days
# an event cannot come again.
_DEDUPE_SECONDS = 8 * 86_400
# DynamoDB, "Quotas": writes in a transaction.
_MAX_WRITES = 100
# The same, "Expression parameters": an expression has 4 KB, of which each dedupe key takes 31 bytes.
_MAX_ATTRIBUTES = 100
# The same, "BatchGetItem".
_MAX_READS = 100
_TRIES = 10

# Further writes for entries, at most one a scope.
FurtherWrites = Callable[[list[Entry]], list[dict[str, Any]]]


def add_once(entries: Iterable[Entry], also: FurtherWrites = lambda entries: []) -> list[Entry]:
    """Adds the entries whose events were not added before, and returns those.

    Each transaction takes as many entries as fit, and the writes that `also` gives for them. `also` is called for each
    try, because a condition of its writes may have failed.

    Raises:
        ConditionFailedError: others kept changing what `also` writes.
    """
    distinct = {entry.key: entry for entry in entries}.values()
    return [entry for batch in _batches(distinct) for entry in _add_batch(batch, also)]


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries in batches that fit into a transaction."""
    batch: list[Entry] = []
    written: dict[tuple[str, ...], set[str]] = {}
    for entry in entries:
        with_entry = _attributes_written(written, entry)
        if batch and (len(with_entry) > _MAX_WRITES or max(map(len, with_entry.values())) > _MAX_ATTRIBUTES):
            yield batch
            batch, with_entry = [], _attributes_written({}, entry)
        batch.append(entry)
        written = with_entry
    if batch:
        yield batch


def _attributes_written(written: Mapping[tuple[str, ...], set[str]], entry: Entry) -> dict[tuple[str, ...], set[str]]:
    """By item, the attributes of a transaction that writes `entry` too. Each scope stands for a further write."""
    attributes = dict(written)
    dedupe_item = tuple(entry.dedupe_key.values())
    attributes[dedupe_item] = attributes.get(dedupe_item, set()) | entry.ids
    for row, numbers in entry.sums.items():
        item = tuple(row.key.values())
        attributes[item] = attributes.get(item, set()) | {row.attribute(name) for name in numbers}
        attributes[row.scope,] = set()
    return attributes


def _add_batch(entries: list[Entry], also: FurtherWrites) -> list[Entry]:
    for tries_left in reversed(range(_TRIES)):
        if not entries:
            break
        origins = _by_origin(entries)
        try:
            transact(*_dedupe_writes(origins), *_sum_writes(entries), *also(entries))
            break
        except ConditionFailedError as error:
            before = _added_before(
                [entry for place, its in enumerate(origins) if place in error.writes for entry in its]
            )
            if before:
                log.info("CHANGES_COUNTED_BEFORE", eventIds=[entry.event_id for entry in before])
            entries = [entry for entry in entries if entry not in before]
            if entries and not tries_left:
                raise
    return entries


def _by_origin(entries: Iterable[Entry]) -> list[list[Entry]]:
    by_origin: dict[str, list[Entry]] = {}
    for entry in entries:
        by_origin.setdefault(entry.origin, []).append(entry)
    return list(by_origin.values())


def _dedupe_writes(origins: Iterable[list[Entry]]) -> list[dict[str, Any]]:
    """One write for each origin, which fails if one of its events was added before."""
    expires = {"ttl": int(time.time()) + _DEDUPE_SECONDS}
    return [
        DAILY.to_add_once(
            its[0].dedupe_key,
            [entry.event_id for entry in its],
            expires,
            absent=[entry.former_id for entry in its if entry.former_id is not None],
        )
        for its in origins
    ]


def _added_before(entries: Sequence[Entry]) -> list[Entry]:
    new = {entry.key for entry in not_added(entries)}
    return [entry for entry in entries if entry.key not in new]


def not_added(entries: Sequence[Entry]) -> list[Entry]:
    """Those of some entries whose events were not added in the last eight days."""
    keys = {tuple(entry.dedupe_key.values()): entry.dedupe_key for entry in entries}
    found: dict[tuple[str, ...], Mapping[str, Any]] = {}
    wanted = iter(keys.values())
    while some := list(itertools.islice(wanted, _MAX_READS)):
        found |= {(item[DAILY.partition], item[str(DAILY.sort)]): item for item in DAILY.get_many(some)}
    return [entry for entry in entries if entry.ids.isdisjoint(found.get(tuple(entry.dedupe_key.values()), {}))]


def _sum_writes(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """One write for each item: a transaction may write an item only once."""
    items: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in entries:
        for row, numbers in entry.sums.items():
            total = items.setdefault(tuple(row.key.values()), {})
            for name, number in numbers.items():
                attribute = row.attribute(name)
                total[attribute] = total.get(attribute, 0) + number
    return [DAILY.to_add(DAILY.key(*key), total) for key, total in items.items()]


def read_rows(scope: str, start: str, end: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every row of a scope from the day `start` to the day `end`, both included: day, what, numbers by name."""
    for item in DAILY.between(scope, f"{start}#", f"{end}#~"):
        day = item["day#what"].partition("#")[0]
        for what, numbers in sorted(numbers_by_what(item).items()):
            yield day, what, numbers


def read_row(row: Row) -> dict[str, Any] | None:
    """The numbers of a row by name; None if there is no such row."""
    item = DAILY.get(*row.key.values())
    return None if item is None else numbers_by_what(item).get(row.what)


def read_page(scope: str, start: str, end: str, limit: int, after: str | None) -> Page:
    """Up to `limit` items of a scope, newest day first."""
    return DAILY.page(scope, limit=limit, after=after, between=(f"{start}#", f"{end}#~"))
