"""The history of syncs, and how far they have come. Owns SYNCS_TABLE.

A row of the source `customers` is one run (DailySync). Beside them, under `customers#progress`, stand the walk that
each kind of sync has not finished and the moment up to which changes are known.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Table, writable
from chalicelib.core.http.payload import CURSOR, TEXT, page_of, shape
from chalicelib.external import ExternalServiceError, ExternalServiceRefusedError, Reason
from chalicelib.jobs.sync.bloom_filter import Seen

SYNCS = Table("SYNCS_TABLE", "source", "executedAt")
CUSTOMERS = "customers"
_PROGRESS = "customers#progress"
_MARK = "mark"

MOST_ERRORS = 100
# A page of a hundred runs is one answer, which Lambda ends at 6 MB.
MOST_NAMED = 20
# A run that never began is of interest for a while alone.
_SKIPPED_KEPT = timedelta(days=30)
_COUNTS = ("recordCount", "created", "updated", "unchanged", "rejected", "archived", "contested")
_CHANGES = ("created", "updated", "archived")


class Kind(StrEnum):
    """What a sync looks at: all there is, noticing what vanished; or what changed since the last one."""

    COMPREHENSIVE = "comprehensive"
    INCREMENTAL = "incremental"


class Status(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Tally:
    """What a run did so far, by the names of `_COUNTS`, and the first MOST_ERRORS things that went wrong.

    `changed` holds the ids of the first MOST_NAMED customers that were created, updated and archived.
    """

    counts: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, str]] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _CHANGES})

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def change(self, what: str, record_id: str) -> None:
        """Counts a customer that was created, updated or archived, and notes who it was."""
        self.count(what)
        if len(self.changed[what]) < MOST_NAMED:
            self.changed[what].append(record_id)

    def error(self, reason: str, record_id: str = "") -> None:
        """Notes what went wrong, and with which record, if it was one."""
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"recordId": record_id, "reason": reason})


@dataclass(frozen=True)
class DailySync:
    """One run. `executed_at` is when it began; `reason` says why it did not do all that it should have.

    The row's `data` is JSON: who changed, by what happened to them (Tally.changed). In rows of version 0.1.0 it holds
    the counts, which stand beside it in every row.
    """

    sync_id: str
    executed_at: str
    kind: Kind
    dry_run: bool
    status: Status = Status.RUNNING
    reason: str | None = None
    tally: Tally = field(default_factory=Tally)
    processing_ms: int | None = None
    cursor: str | None = None

    def to_item(self) -> dict[str, Any]:
        counts = {name: self.tally.counts[name] for name in _COUNTS}
        item = {
            "source": CUSTOMERS,
            "executedAt": self.executed_at,
            "syncId": self.sync_id,
            "date": self.executed_at[:10],
            "kind": str(self.kind),
            "status": str(self.status),
            "dryRun": self.dry_run,
            "reason": self.reason,
            **counts,
            "data": ids.to_json(self.tally.changed),
            "errors": self.tally.errors,
            "processingTime": self.processing_ms,
            "cursor": self.cursor,
            "isActive": True,
        }
        if self.status is Status.SKIPPED:
            item["ttl"] = int((datetime.fromisoformat(self.executed_at) + _SKIPPED_KEPT).timestamp())
        return item


def begin(kind: Kind, dry_run: bool, now: datetime) -> DailySync:
    """A run that has its place in the history from now on, so that one that is killed leaves a trace too."""
    moment = now
    while True:
        run = DailySync(ids.new_id("syn"), ids.timestamp(moment), kind, dry_run)
        try:
            SYNCS.create(run.to_item())
        except ConditionFailedError:
            # Another began in the same millisecond.
            moment += timedelta(milliseconds=1)
        else:
            return run


def note(run: DailySync) -> None:
    """Writes down how a run ended."""
    SYNCS.put(run.to_item())


def settle_what_was_killed(before: DailySync) -> None:
    """Ends the runs that never said how they ended. For the holder of the lease alone: nobody else runs now."""
    page = SYNCS.page(CUSTOMERS, limit=10, after=before.executed_at)
    for item in page.items:
        if item["status"] == Status.RUNNING:
            change = {"status": str(Status.FAILED), "reason": "It was ended from outside before it was done."}
            SYNCS.update(CUSTOMERS, item["executedAt"], when=Attr("status").eq(str(Status.RUNNING)), change=change)


# ------------------------------------------------------------------------- progress


@dataclass(frozen=True)
class Walk:
    """One walk through the source's list, which may take several runs.

    `began` is ours, `newest` the latest `updatedAt` that was come across, both timestamps. `cursor` is the page that
    comes next (None: the first). `seen` are the ids so far. `is_walked`: the end was reached, and what vanished is
    to be archived. `has_unnamed`: some records had no id, so nobody knows who is missing.
    """

    kind: Kind
    began: str
    since: str | None
    seen: Seen
    cursor: str | None = None
    newest: str | None = None
    record_count: int = 0
    has_unnamed: bool = False
    is_walked: bool = False

    def at(self, cursor: str | None, **changed: Any) -> "Walk":
        return replace(self, cursor=cursor, **changed)

    def has_begun(self) -> bool:
        return self.cursor is not None or self.is_walked

    def to_item(self) -> dict[str, Any]:
        """Who was seen matters to a comprehensive walk alone; another begins to remember anew."""
        kept = {"salt": self.seen.salt, "seen": self.seen.bits()} if self.kind is Kind.COMPREHENSIVE else {}
        return {
            **SYNCS.key(_PROGRESS, self.kind),
            "began": self.began,
            "sourceSince": self.since,
            "cursor": self.cursor,
            "newest": self.newest,
            "recordCount": self.record_count,
            "hasUnnamed": self.has_unnamed,
            "isWalked": self.is_walked,
            **kept,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Walk":
        seen = Seen(bytes(item["salt"]), bytes(item["seen"])) if "seen" in item else Seen()
        return cls(
            kind=Kind(item["executedAt"]),
            began=item["began"],
            since=item.get("sourceSince"),
            seen=seen,
            cursor=item.get("cursor"),
            newest=item.get("newest"),
            record_count=int(item["recordCount"]),
            has_unnamed=item["hasUnnamed"],
            is_walked=item["isWalked"],
        )


def unfinished(kind: Kind) -> Walk | None:
    """The walk of that kind that an earlier run did not finish."""
    item = SYNCS.get(_PROGRESS, kind)
    return None if item is None else Walk.from_item(item)


def mark() -> str | None:
    """The moment (by the source's clock) up to which every change is known; None before the first whole walk."""
    item = SYNCS.get(_PROGRESS, _MARK)
    return None if item is None else str(item["since"])


def keeping(walk: Walk) -> dict[str, Any]:
    """The write that lets a later run go on with the walk."""
    return _putting(walk.to_item())


def forgetting(kind: Kind) -> dict[str, Any]:
    """The write after which the next run of that kind begins at the first page."""
    return SYNCS.deleting(SYNCS.key(_PROGRESS, kind))


def marking(since: str) -> dict[str, Any]:
    """The write that says up to when changes are known."""
    return _putting({**SYNCS.key(_PROGRESS, _MARK), "since": since})


def _putting(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"Put": {"TableName": SYNCS.name, "Item": writable(item)}}


# -------------------------------------------------------------------------- reading

DEFAULT_PAGE = 20
LIST = shape(
    {},
    {
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "cursor": CURSOR,
        "status": {"enum": [str(status) for status in Status]},
    },
)
_TEXT_OR_NONE = {"type": ["string", "null"]}
_NUMBER = {"type": "integer"}
PAGE = page_of(
    shape(
        {
            "syncId": TEXT,
            "source": TEXT,
            "date": TEXT,
            "executedAt": TEXT,
            "kind": {"enum": [str(kind) for kind in Kind]},
            "status": {"enum": [str(status) for status in Status]},
            "reason": _TEXT_OR_NONE,
            "dryRun": {"type": "boolean"},
            **dict.fromkeys(_COUNTS, _NUMBER),
            "data": TEXT,
            "errors": {"type": "array", "items": shape({"recordId": TEXT, "reason": TEXT})},
            "processingTime": {"type": ["integer", "null"]},
            "cursor": _TEXT_OR_NONE,
        }
    )
)


def listed(data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the runs, the last one first, perhaps only those of one `status`. Times are in milliseconds.

    Raises:
        InvalidRequestError: no cursor of ours.
    """
    keep = Attr("status").eq(data["status"]) if "status" in data else None
    after = ids.start_of_page(data)
    page = SYNCS.page(CUSTOMERS, limit=data.get("limit", DEFAULT_PAGE), after=after, keep=keep)
    return {
        "items": [_shown(item) for item in page.items],
        "nextCursor": None if page.next_after is None else ids.to_cursor(page.next_after),
    }


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    took = item.get("processingTime")
    return {
        **{name: item[name] for name in ("syncId", "source", "date", "executedAt", "kind", "status", "dryRun")},
        "reason": _public(item.get("reason")),
        **{name: int(item[name]) for name in _COUNTS},
        "data": item["data"],
        "errors": [{**error, "reason": _public(error["reason"])} for error in item["errors"]],
        "processingTime": None if took is None else int(took),
        "cursor": item.get("cursor"),
    }


_PUBLIC = (str(ExternalServiceError.message), str(ExternalServiceRefusedError.message))
# The reasons beside which a row of version 0.1.0 may name the source's host: all but those that speak of its list.
_BESIDE_A_HOST = "|".join(reason for reason in Reason if reason not in (Reason.JUNK, Reason.SERVER_ERROR))
_NAMES_A_HOST = re.compile(rf".*(?: \(({_BESIDE_A_HOST})\)|does not speak HTTP \((junk)\))")


def _public(reason: str | None) -> str | None:
    """A stored reason without the host that it may name."""
    if reason is None or reason.startswith(_PUBLIC):
        return reason
    found = _NAMES_A_HOST.fullmatch(reason)
    return reason if found is None else f"{ExternalServiceError.message} ({found[1] or found[2]})"


def now() -> datetime:
    return datetime.now(UTC)
