"""One sync from its beginning to its record: the lease, the walk, how it ended, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import clients, config, ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, Grants
from chalicelib.core.errors import UnavailableError
from chalicelib.core.observing import metrics
from chalicelib.external import ExternalServiceError, Reason, secret
from chalicelib.jobs import leases
from chalicelib.jobs.leases import LeaseLostError
from chalicelib.jobs.sync import lanes, models
from chalicelib.jobs.sync.bloom_filter import Seen
from chalicelib.jobs.sync.crawl import UnbelievableListError, Walker
from chalicelib.jobs.sync.deadline import RESERVED_SECONDS, Deadline
from chalicelib.jobs.sync.lanes import Lanes, OutOfTimeError
from chalicelib.jobs.sync.models import DailySync, Kind, Status, Walk
from chalicelib.jobs.sync.source import Source

NEEDS: Grants = {
    **leases.GUARDED,
    "SYNCS_TABLE": [
        DynamoDBOperation.GET_ITEM,
        DynamoDBOperation.PUT_ITEM,
        DynamoDBOperation.UPDATE_ITEM,
        DynamoDBOperation.DELETE_ITEM,
        DynamoDBOperation.QUERY,
    ],
    "RECORDS_TABLE": [
        DynamoDBOperation.BATCH_GET_ITEM,
        DynamoDBOperation.PUT_ITEM,
        DynamoDBOperation.UPDATE_ITEM,
        DynamoDBOperation.QUERY,
    ],
    **secret.GRANTS,
    "EXTERNAL_API_URL": [],
    "ALLOW_PRIVATE_ADDRESSES": [],
    "ENABLE_BATCH_PROCESSING": [],
    "BATCH_SIZE": [],
    "BATCH_PAUSE_MS": [],
}

_KINDS = {"nightly": Kind.COMPREHENSIVE, "business_hours": Kind.INCREMENTAL}
_LEASE = "sync"
_BAD_IN_ITSELF = {Reason.JUNK, Reason.TOO_LARGE, Reason.REJECTED}
# Changes that the source dates a little back are come across once more.
_OVERLAP = timedelta(minutes=5)


class SyncFailedError(UnavailableError):
    """A sync brought nothing; its record says why, and a later one may succeed."""

    code = "SYNC_FAILED"


@dataclass(frozen=True)
class _Ended:
    """How a walk ended: why it was not whole (None: it was), and how far it is; `brought` counts its records."""

    fault: Exception | None
    walk: Walk
    brought: int

    @property
    def goes_on(self) -> bool:
        """Whether the next run takes the walk up where this one left it.

        Not where that leads nowhere, nor at a page that is bad in itself and the first of the run: it would stop
        every run from now on.
        """
        if isinstance(self.fault, UnbelievableListError):
            return False
        is_stuck = self.brought == 0 and getattr(self.fault, "reason", None) in _BAD_IN_ITSELF
        return self.fault is not None and self.walk.has_begun() and not is_stuck


def run(
    kind: str, options: Mapping[str, Any], context: Any = None, *, deadline: Deadline | None = None
) -> dict[str, Any]:
    """A sync of the kind `nightly` (comprehensive) or `business_hours` (incremental).

    `options`: `syncType` names another kind; `since` (ISO 8601) looks at what changed from then on, beside the usual
    course; `dryRun` compares, counts and writes nothing but the run's record. `context` is the function's, for the
    time it has.

    Answers `{statusCode, body: {message, timestamp, recordsProcessed, processingTimeMs, syncId, status}}`, where
    `status` is success, partial or skipped.

    Raises:
        SyncFailedError: nothing could be done; the record says why.
        LeaseLostError: another run took over meanwhile, as this one outlasted its lease.
    """
    until = deadline or Deadline.of(context)
    sync_kind = Kind(options.get("syncType", Kind.INCREMENTAL if "since" in options else _KINDS[kind]))
    started, now = until.clock(), models.now()
    begun = models.begin(sync_kind, options.get("dryRun") is True, now)
    log.info("SYNC_STARTED", source=models.CUSTOMERS, syncId=begun.sync_id, kind=sync_kind, dryRun=begun.dry_run)
    try:
        ended = _guarded(begun, options.get("since"), until, now)
    except Exception as error:
        _close(replace(begun, status=Status.FAILED, reason=_told(error)), until.clock() - started)
        raise
    ended = _close(ended, until.clock() - started)
    if ended.status is Status.FAILED:
        raise SyncFailedError(f"The sync brought nothing: {ended.reason}")
    return _answer(ended)


def _guarded(begun: DailySync, since: str | None, deadline: Deadline, now: datetime) -> DailySync:
    url = config.get("EXTERNAL_API_URL")
    if not url:
        return replace(begun, status=Status.SKIPPED, reason="not configured: EXTERNAL_API_URL is empty")
    with lanes.held(_LEASE, max(deadline.left(), 0) + 2 * RESERVED_SECONDS, deadline) as held:
        if held is None:
            return replace(begun, status=Status.SKIPPED, reason="another run is under way")
        models.settle_what_was_killed(begun)
        return _synced(begun, Source(url, deadline), held, since, deadline, now)


def _synced(
    begun: DailySync, source: Source, held: Lanes, since: str | None, deadline: Deadline, now: datetime
) -> DailySync:
    usual = since is None and not begun.dry_run
    walk = (models.unfinished(begun.kind) if usual else None) or _first(begun.kind, since, now)
    write = _nothing if begun.dry_run else held.write
    walker = Walker(source, walk, begun.tally, deadline, write, now)
    ended = _walked(walker)
    if usual:
        _keep(ended, held, now)
    return _judged(begun, ended)


def _nothing(writes: list[dict[str, Any]]) -> list[int]:
    return []


def _first(kind: Kind, since: str | None, now: datetime) -> Walk:
    known = (since or models.mark()) if kind is Kind.INCREMENTAL else None
    return Walk(kind, ids.timestamp(now), known, Seen())


def _walked(walker: Walker) -> _Ended:
    """Goes as far as it gets. A defect of ours is raised, and so is LeaseLostError: what this run knows is old then."""
    fault: Exception | None = None
    try:
        walker.go()
    except (ExternalServiceError, OutOfTimeError) as error:
        fault = error
    except Exception as error:
        if not clients.is_passing_fault(error):
            raise
        fault = error
    if fault is not None:
        log.warning("SYNC_CUT_OFF", fault)
        walker.tally.error(_told(fault))
    return _Ended(fault, walker.walk, walker.tally.counts["recordCount"])


def _keep(ended: _Ended, held: Lanes, now: datetime) -> None:
    """Lets the next run go on where this one was cut off, or begin at the first page."""
    walk = ended.walk
    if ended.fault is not None:
        held.progress(models.keeping(walk) if ended.goes_on else models.forgetting(walk.kind))
        return
    mark = _mark(walk, now)
    held.progress(models.forgetting(walk.kind), *([] if mark is None else [models.marking(mark)]))


def _mark(walk: Walk, now: datetime) -> str | None:
    """Up to when changes are known now; a date in the future must not hide what is changed until then."""
    if walk.newest is None:
        return None
    newest = min(datetime.fromisoformat(walk.newest), datetime.fromisoformat(walk.began))
    return max(ids.timestamp(newest - _OVERLAP), models.mark() or "")


def _judged(begun: DailySync, ended: _Ended) -> DailySync:
    done = replace(begun, cursor=ended.walk.cursor if ended.goes_on else None)
    if ended.fault is not None:
        status = Status.PARTIAL if ended.brought or ended.walk.is_walked else Status.FAILED
        return replace(done, status=status, reason=_told(ended.fault))
    if begun.tally.errors:
        return replace(done, status=Status.PARTIAL, reason=begun.tally.errors[0]["reason"])
    return replace(done, status=Status.SUCCESS)


def _told(error: Exception) -> str:
    """What a record may say of an error: the sentence that callers read, of others only what they are called."""
    if isinstance(error, ExternalServiceError):
        return f"{error.message} ({error.reason})"
    if isinstance(error, UnavailableError | LeaseLostError):
        return str(error)
    return f"unforeseen: {type(error).__name__}"


# ------------------------------------------------------------------------- how it ended


def _close(run: DailySync, seconds: float) -> DailySync:
    """Writes the run's record, and tells log and metrics."""
    ended = replace(run, processing_ms=round(seconds * 1000))
    models.note(ended)
    counts = ended.tally.counts
    count = counts["recordCount"]
    about: dict[str, Any] = {"syncId": ended.sync_id, "kind": ended.kind, "status": ended.status}
    if ended.status is Status.SKIPPED:
        log.info("SYNC_SKIPPED", **about, reason=ended.reason)
        return ended
    if ended.status is Status.FAILED:
        point = "source" if ended.tally.errors else "data-processing"
        log.error("EXECUTION_FAILED", **about, durationMs=ended.processing_ms, failurePoint=point, reason=ended.reason)
    else:
        log.info("SYNC_COMPLETED", **about, recordsProcessed=count, duration=ended.processing_ms, counts=counts)
        average = round(ended.processing_ms / count, 3) if count and ended.processing_ms else 0
        log.info(
            "EXECUTION_COMPLETED", durationMs=ended.processing_ms, recordsProcessed=count, avgTimePerRecord=average
        )
    metrics.emit(
        {
            "ProcessingTime": (seconds, metrics.SECONDS),
            "RecordsProcessed": (count, metrics.COUNT),
            "RecordsRejected": (counts["rejected"], metrics.COUNT),
            "SyncsPartial": (int(ended.status is Status.PARTIAL), metrics.COUNT),
            "SyncsFailed": (int(ended.status is Status.FAILED), metrics.COUNT),
        },
        totals=["SyncsPartial", "SyncsFailed"],
        about=about,
        Operation=f"sync-{ended.kind}",
    )
    return ended


_MESSAGES = {
    Status.SUCCESS: "Daily sync completed successfully",
    Status.PARTIAL: "Daily sync completed in part: {0}",
    Status.SKIPPED: "Daily sync skipped: {0}",
}


def _answer(run: DailySync) -> dict[str, Any]:
    return {
        "statusCode": 200,
        "body": {
            "message": _MESSAGES[run.status].format(run.reason),
            "timestamp": ids.now(),
            "recordsProcessed": run.tally.counts["recordCount"],
            "processingTimeMs": run.processing_ms,
            "syncId": run.sync_id,
            "status": str(run.status),
        },
    }
