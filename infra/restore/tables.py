"""Rows of a table, compared with those of the table beside it (infra/restore/beside.py), and copied back.

Rows that are missing now are created. Rows that differ are replaced on request only. Each write is conditional, so what
is written meanwhile stays.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.accounts.models import USERS
from chalicelib.actions import ACTIONS
from chalicelib.audit import TRAIL
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Item, Table
from chalicelib.images import IMAGES, Status
from chalicelib.jobs.sync.sync_records import RECORDS
from chalicelib.metering.models import DAILY, EVERY_USER, EVERYONE
from infra.restore.beside import TableBeside
from infra.restore.gone import Gone

# The limit of BatchGetItem.
_ROWS_AT_ONCE = 100
_WRITES_AT_ONCE = 16


class Verdict(StrEnum):
    """What a row of then is now. The first three can be copied back or need not be; the others never are."""

    SAME = "as they were"
    MISSING = "missing now"
    DIFFERENT = "different now"
    ERASED = "of erased accounts"
    DELETED = "deleted by their owners"
    RIGHTS_CHANGED = "of users whose rights were changed since"
    EXPIRED = "expired"


SKIPPED = (Verdict.ERASED, Verdict.DELETED, Verdict.RIGHTS_CHANGED, Verdict.EXPIRED)


def _owner(row: Item) -> str | None:
    return str(row["userId"])


def _owner_of_sums(row: Item) -> str | None:
    scope = str(row["scope"])
    if scope == EVERY_USER:
        return str(row["day#what"]).partition("#user:")[2]
    return None if scope == EVERYONE or scope.startswith("seen#") else scope


def _nobody(row: Item) -> None:
    return None


def _with_new_sessions(row: Item) -> Item:
    """A user's row that refuses the access tokens of before: a sign-out since then is not in it."""
    return {**row, "tokensValidFrom": int(time.time())}


def _not_counted_again(row: Item) -> Item:
    """An image's row that the function `image_changes` does not count: it did when the row was first written."""
    return {**row, "restored": True}


@dataclass(frozen=True)
class Restorable:
    """A table whose rows can be copied back.

    `owner` gives the user whose row it is. `adjust` makes what is written of the row of then. `replaces`: rows that
    differ may be replaced. `then` says what is left to do.
    """

    table: Table
    owner: Callable[[Item], str | None] = _owner
    adjust: Callable[[Item], Item] = dict
    replaces: bool = True
    then: str = ""


RESTORABLE = {
    "users": Restorable(
        USERS,
        adjust=_with_new_sessions,
        then="Clients must refresh their access tokens. `spent` and `storedBytes` are those of then: see "
        '"Stored bytes of users" in docs/operations.md.',
    ),
    "images": Restorable(IMAGES, adjust=_not_counted_again, then="Restore their files too, if they are missing."),
    "actions": Restorable(ACTIONS, then="Restore their files too, if they are missing."),
    "records": Restorable(RECORDS, owner=_nobody),
    # Sums go on meanwhile: an older one would take away what was counted since.
    "daily": Restorable(DAILY, owner=_owner_of_sums, replaces=False),
    "audit": Restorable(
        TRAIL, owner=_nobody, replaces=False, then="`python -m infra audit verify` must report no error."
    ),
}

# Why rows of the other tables are not copied back.
REFUSED = {
    "api-keys": "a secret that was revoked or replaced since would work again. Their owners create new keys",
    "usage": "each record would be counted a second time. Its sums are in the table daily",
    "limits": "its counters are of the last hours",
    "idempotency": "its responses are of the last day",
    "jobs": "the number of a lease must never go back. Each job writes its rows anew",
    "syncs": "the next sync would continue at an old cursor. It writes what it needs anew",
    "audit-inbox": "its entries would be appended to the trail a second time",
    "declarations": "each deploy writes it anew",
}


@dataclass(frozen=True)
class TableRestore:
    """The comparison of a table with the one beside it, and the copying.

    `keys` bounds it to these partitions or rows ("partition/sort"); () does not. `overwrite` replaces rows that differ.
    """

    what: Restorable
    beside: TableBeside
    gone: Gone
    keys: tuple[str, ...] = ()
    overwrite: bool = False

    def rows(self) -> Iterator[tuple[Verdict, Item, Item | None]]:
        """Each row of then: what it is now, the row, and the present one."""
        for rows in self._batches():
            table = self.what.table
            present = {_key(table, row): row for row in table.get_many([_key_of(table, row) for row in rows])}
            for row in rows:
                now = present.get(_key(table, row))
                yield self._judge(row, now), row, now

    def copy(self) -> tuple[int, int]:
        """Copies rows back. Gives how many, and how many were left because they were written meanwhile."""
        wanted = (each for each in self.rows() if self.is_copied(each[0]))
        copied = left = 0
        with ThreadPoolExecutor(_WRITES_AT_ONCE) as threads:
            while batch := list(itertools.islice(wanted, _ROWS_AT_ONCE)):
                results = list(threads.map(self._write, batch))
                copied, left = copied + results.count(True), left + results.count(False)
        return copied, left

    def is_copied(self, verdict: Verdict) -> bool:
        """Whether rows of that verdict are copied back."""
        return verdict is Verdict.MISSING or (self.overwrite and verdict is Verdict.DIFFERENT)

    def _write(self, row: tuple[Verdict, Item, Item | None]) -> bool:
        _, then, now = row
        table = self.what.table
        try:
            if now is None:
                table.create(self.what.adjust(then))
            else:
                table.put(self.what.adjust(then), when=_unchanged(now, then))
        except ConditionFailedError:
            return False
        return True

    def _judge(self, row: Item, now: Item | None) -> Verdict:
        if row == now:
            return Verdict.SAME
        if self.gone.is_erased(self.what.owner(row)):
            return Verdict.ERASED
        if self.what.table is IMAGES and self._is_deleted(row, now):
            return Verdict.DELETED
        if self.what.table is USERS and row["userId"] in self.gone.users_changed:
            return Verdict.RIGHTS_CHANGED
        if "ttl" in row and row["ttl"] <= time.time():
            return Verdict.EXPIRED
        return Verdict.MISSING if now is None else Verdict.DIFFERENT

    def _is_deleted(self, row: Item, now: Item | None) -> bool:
        has_tombstone = Status.DELETED in (row["status"], (now or {}).get("status"))
        return has_tombstone or row["imageId"] in self.gone.deleted_images

    def _batches(self) -> Iterator[list[Item]]:
        if not self.keys:
            yield from (rows for rows, _ in self.beside.scan(_ROWS_AT_ONCE))
            return
        rows = itertools.chain.from_iterable(map(self._named, self.keys))
        yield from iter(lambda: list(itertools.islice(rows, _ROWS_AT_ONCE)), [])

    def _named(self, key: str) -> Iterable[Item]:
        partition, _, sort = key.partition("/")
        if self.beside.sort is not None and not sort:
            return self.beside.all_of(partition)
        row = self.beside.get(partition, sort or None)
        return [] if row is None else [row]


def _key_of(table: Table, row: Item) -> Item:
    return table.key(row[table.partition], None if table.sort is None else row[table.sort])


def _key(table: Table, row: Item) -> tuple[Any, ...]:
    return tuple(_key_of(table, row).values())


def _unchanged(now: Item, then: Item) -> Any:
    """The condition that a row is still as it was read."""
    conditions = [Attr(name).eq(value) for name, value in now.items()]
    conditions += [Attr(name).not_exists() for name in then if name not in now]
    whole = conditions[0]
    for condition in conditions[1:]:
        whole &= condition
    return whole
