"""The history of syncs, and their progress. Owns SYNCS_TABLE.

A row of the source `customers` is one run (DailySync). Rows of `customers#progress` hold the unfinished crawl of each
kind of sync, and the moment up to which changes are known.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from chalicelib.core import ids
from chalicelib.core.aws.records import SHOWN, UNSTORED, Record, Shown, Stored
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Table
from chalicelib.core.settings import Settings
from chalicelib.external import ExternalServiceError, ExternalServiceRefusedError, Reason
from chalicelib.jobs.sync.bloom_filter import BloomFilter

SYNCS = Table(Settings.SYNCS_TABLE, "source", "executedAt")
CUSTOMERS = "customers"
_PROGRESS = "customers#progress"
_MARK = "mark"

MOST_ERRORS = 100
# A page of a hundred runs must fit into one response of Lambda, at most 6 MB.
MOST_NAMED = 20
_SKIPPED_KEPT = timedelta(days=30)
_CHANGES = ("created", "updated", "archived")


class Kind(StrEnum):
    """What a sync reads: the whole list, to archive what vanished; or what changed since the last sync."""

    COMPREHENSIVE = "comprehensive"
    INCREMENTAL = "incremental"


class Status(StrEnum):
    """The state of a run."""

    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


_PUBLIC = (str(ExternalServiceError.message), str(ExternalServiceRefusedError.message))
# Reasons after which a row of version 0.1.0 may name the source's host: all but those about the content of its list.
_AFTER_A_HOST = "|".join(reason for reason in Reason if reason not in (Reason.JUNK, Reason.SERVER_ERROR))
_NAMES_A_HOST = re.compile(rf".*(?: \(({_AFTER_A_HOST})\)|does not speak HTTP \((junk)\))")


def _public(reason: str) -> str:
    """A stored reason without the host that it may name."""
    host = None if reason.startswith(_PUBLIC) else _NAMES_A_HOST.fullmatch(reason)
    return reason if host is None else f"{ExternalServiceError.message} ({host[1] or host[2]})"


@dataclass(frozen=True)
class SyncError(Record):
    """An error of a run; `record_id` is empty where it is not about one record."""

    record_id: Annotated[str, SHOWN]
    reason: Annotated[str, Shown(value=_public)]


@dataclass(frozen=True)
class Tally:
    """What a run has done so far, by the names of DailySync's counts, and the first MOST_ERRORS errors.

    `changed` holds the ids of the first MOST_NAMED customers that were created, updated and archived.
    """

    counts: Counter[str] = field(default_factory=Counter)
    errors: list[SyncError] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _CHANGES})

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def count_change(self, what: str, record_id: str) -> None:
        """Counts a customer that was created, updated or archived, and keeps the id."""
        self.count(what)
        if len(self.changed[what]) < MOST_NAMED:
            self.changed[what].append(record_id)

    def add_error(self, reason: str, record_id: str = "") -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(SyncError(record_id, reason))

    def totals(self) -> dict[str, Any]:
        """The fields of DailySync that say what the run did."""
        others = {name: number for name, number in self.counts.items() if name != "recordCount"}
        return {
            "record_count": self.counts["recordCount"],
            **others,
            "data": ids.to_json(self.changed),
            "errors": tuple(self.errors),
        }


@dataclass(frozen=True, kw_only=True)
class DailySync(Record):
    """One run. `executed_at` is when it began; `reason` says why it did not do all that it should have.

    `data` is JSON: the ids of changed customers by the kind of change (Tally.changed). In rows of version 0.1.0 it
    holds the counts. A skipped run has a `ttl`, in epoch seconds.
    """

    sync_id: Annotated[str, SHOWN]
    source: Annotated[str, SHOWN] = CUSTOMERS
    date: Annotated[str, SHOWN]
    executed_at: Annotated[str, SHOWN]
    kind: Annotated[Kind, SHOWN]
    status: Annotated[Status, SHOWN] = Status.RUNNING
    dry_run: Annotated[bool, SHOWN]
    reason: Annotated[str | None, Shown(value=_public)] = None
    record_count: Annotated[int, SHOWN] = 0
    created: Annotated[int, SHOWN] = 0
    updated: Annotated[int, SHOWN] = 0
    unchanged: Annotated[int, SHOWN] = 0
    rejected: Annotated[int, SHOWN] = 0
    archived: Annotated[int, SHOWN] = 0
    contested: Annotated[int, SHOWN] = 0
    data: Annotated[str, SHOWN]
    errors: Annotated[tuple[SyncError, ...], SHOWN] = ()
    processing_ms: Annotated[int | None, Stored("processingTime"), SHOWN] = None
    cursor: Annotated[str | None, SHOWN] = None
    is_active: bool = True
    ttl: int | None = None


def begin(kind: Kind, dry_run: bool, now: datetime) -> DailySync:
    """Writes the row of a new run before it does anything, so that a run that is killed leaves a trace too."""
    while True:
        at = ids.timestamp(now)
        sync_id = ids.new_id("syn")
        run = DailySync(sync_id=sync_id, date=at[:10], executed_at=at, kind=kind, dry_run=dry_run, **Tally().totals())
        try:
            SYNCS.create(run.to_item())
        except ConditionFailedError:
            # Another run began in the same millisecond.
            now += timedelta(milliseconds=1)
        else:
            return run


def write_end(run: DailySync) -> None:
    """Writes how a run ended."""
    if run.status is Status.SKIPPED:
        ttl = datetime.fromisoformat(run.executed_at) + _SKIPPED_KEPT
        run = replace(run, ttl=int(ttl.timestamp()))
    SYNCS.put(run.to_item())


def fail_killed_runs(before: DailySync) -> None:
    """Ends the runs that were killed. For the holder of the lease alone: no other run is under way then."""
    page = SYNCS.page(CUSTOMERS, limit=10, after=before.executed_at)
    for item in page.items:
        if item["status"] == Status.RUNNING:
            change = {"status": str(Status.FAILED), "reason": "It was ended from outside before it was done."}
            SYNCS.update(CUSTOMERS, item["executedAt"], when=Attr("status").eq(str(Status.RUNNING)), change=change)


# ------------------------------------------------------------------------- progress


@dataclass(frozen=True)
class Crawl(Record):
    """One pass through the source's list, which may take several runs.

    `began` is by our clock, `newest` the latest `updatedAt` that was found. `cursor` is the next page (None: the
    first). `found` has the ids so far. `is_complete`: the end of the list was reached, and what vanished is to be
    archived. `has_unnamed`: some records had no id, so it is not known who is missing.
    """

    kind: Annotated[Kind, Stored("executedAt")]
    began: str
    since: Annotated[str | None, Stored("sourceSince")] = None
    found: Annotated[BloomFilter, UNSTORED] = field(default_factory=BloomFilter)
    cursor: str | None = None
    newest: str | None = None
    record_count: int = 0
    has_unnamed: bool = False
    is_complete: Annotated[bool, Stored("isWalked")] = False

    def has_begun(self) -> bool:
        return self.cursor is not None or self.is_complete

    def to_item(self) -> dict[str, Any]:
        """The row. Only a comprehensive crawl needs the ids that it found."""
        item = {"source": _PROGRESS, **super().to_item()}
        if self.kind is Kind.COMPREHENSIVE:
            item |= {"salt": self.found.salt, "seen": self.found.bits()}
        return item

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        crawl = super().from_item(item)
        if "seen" not in item:
            return crawl
        return replace(crawl, found=BloomFilter(bytes(item["salt"]), bytes(item["seen"])))


def find_unfinished(kind: Kind) -> Crawl | None:
    """The crawl of that kind that an earlier run did not finish."""
    item = SYNCS.get(_PROGRESS, kind)
    return None if item is None else Crawl.from_item(item)


def known_until() -> str | None:
    """The moment (by the source's clock) up to which every change is known; None before the first whole crawl."""
    item = SYNCS.get(_PROGRESS, _MARK)
    return None if item is None else str(item["since"])


def put_crawl(crawl: Crawl) -> dict[str, Any]:
    """The write, for a transaction, that lets a later run continue the crawl."""
    return SYNCS.to_put(crawl.to_item())


def delete_crawl(kind: Kind) -> dict[str, Any]:
    """The write after which the next run of that kind begins at the first page."""
    return SYNCS.to_delete(SYNCS.key(_PROGRESS, kind))


def put_known_until(since: str) -> dict[str, Any]:
    """The write that says up to when changes are known."""
    return SYNCS.to_put({**SYNCS.key(_PROGRESS, _MARK), "since": since})
