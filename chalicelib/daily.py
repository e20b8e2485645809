"""Sums by day, exact however often an event comes. Owns DAILY_TABLE.

A row is one day of one `what` ("images", "operation:create_upload", "user:…") within a scope: a user's id, EVERYONE,
or EVERY_USER. Each event leaves its mark in the same transaction as what it adds.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core import log
from chalicelib.core.table import ConditionFailedError, Table, transact

DAILY = Table("DAILY_TABLE", "scope", "day#what")
EVERYONE = "all"
EVERY_USER = "users"

# A stream keeps its records for a day: after two, none can come a second time.
_MARK_SECONDS = 2 * 86_400
# DynamoDB takes 100 writes in a transaction; an event brings its mark and at most six more.
_EVENTS_AT_ONCE = 14
_TRIES = 10

Row = tuple[str, str, str]


@dataclass(frozen=True)
class Entry:
    """What one event adds: to each row (scope, day, what), numbers by attribute."""

    event_id: str
    sums: Mapping[Row, Mapping[str, Any]]


def nothing_more(entries: list[Entry]) -> list[dict[str, Any]]:
    return []


def add_once(
    entries: Iterable[Entry], also: Callable[[list[Entry]], list[dict[str, Any]]] = nothing_more
) -> list[Entry]:
    """Adds what each entry says, unless its event was added before; all at once, or nothing. Gives those added now.

    `also` gives further writes that belong to the entries that it is handed: asked again for each try, as a
    condition of theirs may have failed.

    Raises:
        ConditionFailedError: others kept changing what `also` writes.
    """
    waiting = list({entry.event_id: entry for entry in entries}.values())
    added: list[Entry] = []
    for start in range(0, len(waiting), _EVENTS_AT_ONCE):
        added += _add_once(waiting[start : start + _EVENTS_AT_ONCE], also)
    return added


def _add_once(entries: list[Entry], also: Callable[[list[Entry]], list[dict[str, Any]]]) -> list[Entry]:
    for tries_left in reversed(range(_TRIES)):
        expires = int(time.time()) + _MARK_SECONDS
        marks = [DAILY.creating({**DAILY.key(f"seen#{each.event_id}", "seen"), "ttl": expires}) for each in entries]
        sums = [DAILY.adding(DAILY.key(scope, f"{day}#{what}"), by) for (scope, day, what), by in _total(entries)]
        if not entries:
            break
        try:
            transact(*marks, *sums, *also(entries))
            break
        except ConditionFailedError as refused:
            before = [entry for place, entry in enumerate(entries) if place in refused.writes]
            if before:
                log.info("CHANGES_COUNTED_BEFORE", eventIds=[entry.event_id for entry in before])
            entries = [entry for entry in entries if entry not in before]
            if entries and not tries_left:
                raise
    return entries


def _total(entries: Iterable[Entry]) -> Iterator[tuple[Row, dict[str, Any]]]:
    """The entries' sums by row: a transaction may write an item only once."""
    rows: dict[Row, dict[str, Any]] = {}
    for entry in entries:
        for row, by in entry.sums.items():
            total = rows.setdefault(row, {})
            for attribute, number in by.items():
                total[attribute] = total.get(attribute, 0) + number
    yield from rows.items()


def rows(scope: str, start: str, end: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every row of a scope from the day `start` to the day `end`, both included: day, what, numbers by attribute."""
    for item in DAILY.between(scope, f"{start}#", f"{end}#~"):
        day, _, what = item["day#what"].partition("#")
        yield day, what, {name: value for name, value in item.items() if name not in ("scope", "day#what", "ttl")}


def page(scope: str, start: str, end: str, limit: int, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """Up to `limit` rows of a scope, newest day first, and where the next page begins."""
    found = DAILY.page(scope, limit=limit, after=after, between=(f"{start}#", f"{end}#~"))
    return found.items, found.next_after
