"""Sums by day, exact however often an event comes. Owns DAILY_TABLE.

A row is one day of one `what` ("images", "operation:create_upload", "user:…") within a scope: a user's id, EVERYONE,
or EVERY_USER. Rows that are often written together share an item, which costs as much to write as one of them alone
while it has less than a KB. Each event leaves its mark in the same transaction as what it adds.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.core import log
from chalicelib.core.aws.tables import ConditionFailedError, Page, Table, transact

DAILY = Table("DAILY_TABLE", "scope", "day#what")
EVERYONE = "all"
EVERY_USER = "users"

# A stream keeps its records for a day: after two, none can come a second time.
_MARK_SECONDS = 2 * 86_400
# DynamoDB, "Quotas": writes in a transaction.
_MOST_WRITES = 100
# The same, "Expression parameters": an expression has 4 KB, and a mark's condition takes 31 bytes of it.
_MOST_ATTRIBUTES = 100
_TRIES = 10

# Between a row's own name and a number's, in the attributes of an item that rows share.
_BETWEEN = "|"


class Row(NamedTuple):
    """One day of one `what` within a scope.

    Those of the same `group` share an item; it is how their names begin ("operation:", or nothing). None stands alone.
    """

    scope: str
    day: str
    what: str
    group: str | None = None

    @property
    def key(self) -> dict[str, Any]:
        return DAILY.key(self.scope, f"{self.day}#{self.what if self.group is None else self.group}")

    def attribute(self, name: str) -> str:
        """What the number of that name is called in the item."""
        return name if self.group is None else f"{self.what.removeprefix(self.group)}{_BETWEEN}{name}"


@dataclass(frozen=True)
class Entry:
    """What one event adds: to each row, numbers by attribute.

    `origin` is something that the event tells of itself whenever it comes, and few others with it: events of the same
    origin bear their marks in one item, in whatever batches they come.
    """

    event_id: str
    sums: Mapping[Row, Mapping[str, Any]]
    origin: str

    @property
    def mark(self) -> dict[str, Any]:
        """The key of the item that says whether this event was added: it outlives an erasure, and names nobody."""
        return DAILY.key(f"seen#{hashlib.sha256(self.origin.encode()).hexdigest()[:32]}", "seen")


def nothing_more(entries: list[Entry]) -> list[dict[str, Any]]:
    return []


def add_once(
    entries: Iterable[Entry], also: Callable[[list[Entry]], list[dict[str, Any]]] = nothing_more
) -> list[Entry]:
    """Adds what each entry says, unless its event was added before. Gives those added now.

    As many entries at once as one transaction takes: all that it holds, or nothing. `also` gives further writes, at
    most one a scope, that belong to the entries that it is handed: asked again for each try, as a condition of theirs
    may have failed.

    Raises:
        ConditionFailedError: others kept changing what `also` writes.
    """
    waiting = list({entry.event_id: entry for entry in entries}.values())
    added: list[Entry] = []
    for some in _transactions(waiting):
        added += _add_once(some, also)
    return added


def _transactions(waiting: Iterable[Entry]) -> Iterator[list[Entry]]:
    some: list[Entry] = []
    written: dict[tuple[str, ...], set[str]] = {}
    for entry in waiting:
        grown = _grown(written, entry)
        if some and (len(grown) > _MOST_WRITES or max(map(len, grown.values())) > _MOST_ATTRIBUTES):
            yield some
            some, grown = [], _grown({}, entry)
        some.append(entry)
        written = grown
    if some:
        yield some


def _grown(written: Mapping[tuple[str, ...], set[str]], entry: Entry) -> dict[tuple[str, ...], set[str]]:
    """By item, the attributes that a transaction writes with this entry in it; what `also` may write, by scope."""
    grown = dict(written)
    mark = tuple(entry.mark.values())
    grown[mark] = grown.get(mark, set()) | {entry.event_id}
    for row, by in entry.sums.items():
        item = tuple(row.key.values())
        grown[item] = grown.get(item, set()) | {row.attribute(name) for name in by}
        grown[row.scope,] = set()
    return grown


def _add_once(entries: list[Entry], also: Callable[[list[Entry]], list[dict[str, Any]]]) -> list[Entry]:
    for tries_left in reversed(range(_TRIES)):
        if not entries:
            break
        marks = _by_mark(entries)
        try:
            transact(*_marking(marks), *_sums(entries), *also(entries))
            break
        except ConditionFailedError as refused:
            before = _added_before(each for place, each in enumerate(marks) if place in refused.writes)
            if before:
                log.info("CHANGES_COUNTED_BEFORE", eventIds=[entry.event_id for entry in before])
            entries = [entry for entry in entries if entry not in before]
            if entries and not tries_left:
                raise
    return entries


def _by_mark(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Those together whose marks one item bears."""
    by_origin: dict[str, list[Entry]] = {}
    for entry in entries:
        by_origin.setdefault(entry.origin, []).append(entry)
    return list(by_origin.values())


def _marking(marks: Iterable[list[Entry]]) -> list[dict[str, Any]]:
    """The writes that mark the events, each refused where one of its own is marked already."""
    expires = {"ttl": int(time.time()) + _MARK_SECONDS}
    return [DAILY.to_add_once(its[0].mark, [entry.event_id for entry in its], expires) for its in marks]


def _added_before(marks: Iterable[list[Entry]]) -> list[Entry]:
    """Those whose events are marked."""
    found = [(DAILY.get(*its[0].mark.values()) or {}, its) for its in marks]
    return [entry for item, its in found for entry in its if entry.event_id in item]


def _sums(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The writes of the entries' sums by item: a transaction may write an item only once."""
    items: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in entries:
        for row, by in entry.sums.items():
            total = items.setdefault(tuple(row.key.values()), {})
            for name, number in by.items():
                attribute = row.attribute(name)
                total[attribute] = total.get(attribute, 0) + number
    return [DAILY.to_add(DAILY.key(*key), total) for key, total in items.items()]


def rows(scope: str, start: str, end: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every row of a scope from the day `start` to the day `end`, both included: day, what, numbers by attribute."""
    for item in DAILY.between(scope, f"{start}#", f"{end}#~"):
        day = item["day#what"].partition("#")[0]
        for what, numbers in sorted(_apart(item).items()):
            yield day, what, numbers


def row(sought: Row) -> dict[str, Any] | None:
    """The numbers of one row by attribute; None where there is none."""
    item = DAILY.get(*sought.key.values())
    return None if item is None else _apart(item).get(sought.what)


def _apart(item: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows of an item by their `what`: the one that it is, or those that share it."""
    begins = item["day#what"].partition("#")[2]
    found: dict[str, dict[str, Any]] = {}
    for attribute, value in item.items():
        if attribute not in ("scope", "day#what", "ttl"):
            own, _, name = attribute.rpartition(_BETWEEN)
            found.setdefault(f"{begins}{own}", {})[name] = value
    return found


def page(scope: str, start: str, end: str, limit: int, after: str | None) -> Page:
    """Up to `limit` items of a scope, newest day first."""
    return DAILY.page(scope, limit=limit, after=after, between=(f"{start}#", f"{end}#~"))
