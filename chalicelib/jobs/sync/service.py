"""One sync from its beginning to its record: the lease, the crawl, how it ended, and who is told."""

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
from chalicelib.jobs.sync.crawl import Crawler, UnbelievableListError
from chalicelib.jobs.sync.deadline import RESERVED_SECONDS, Deadline
from chalicelib.jobs.sync.lanes import Lanes, OutOfTimeError
from chalicelib.jobs.sync.models import Crawl, DailySync, Kind, Status, Tally
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
    **secret.NEEDS,
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
    """How a crawl ended: the error that ended it early, how far it is, and how many records it read."""

    fault: Exception | None
    crawl: Crawl
    brought: int

    @property
    def goes_on(self) -> bool:
        """Whether the next run continues the crawl.

        Not where that leads nowhere, nor at a page that is bad in itself and the first of the run: it would stop
        every run from now on.
        """
        if isinstance(self.fault, UnbelievableListError):
            return False
        is_stuck = self.brought == 0 and getattr(self.fault, "reason", None) in _BAD_IN_ITSELF
        return self.fault is not None and self.crawl.has_begun() and not is_stuck


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
    tally = Tally()
    begun = models.begin(sync_kind, options.get("dryRun") is True, now)
    log.info("SYNC_STARTED", source=models.CUSTOMERS, syncId=begun.sync_id, kind=sync_kind, dryRun=begun.dry_run)
    try:
        ended = _guarded(begun, tally, options.get("since"), until, now)
    except Exception as error:
        _close(replace(begun, status=Status.FAILED, reason=_told(error)), tally, until.clock() - started)
        raise
    ended = _close(ended, tally, until.clock() - started)
    if ended.status is Status.FAILED:
        raise SyncFailedError(f"The sync brought nothing: {ended.reason}")
    return _answer(ended)


def _guarded(begun: DailySync, tally: Tally, since: str | None, deadline: Deadline, now: datetime) -> DailySync:
    url = config.get("EXTERNAL_API_URL")
    if not url:
        return replace(begun, status=Status.SKIPPED, reason="not configured: EXTERNAL_API_URL is empty")
    with lanes.held(_LEASE, max(deadline.left(), 0) + 2 * RESERVED_SECONDS, deadline) as held:
        if held is None:
            return replace(begun, status=Status.SKIPPED, reason="another run is under way")
        models.fail_killed_runs(begun)
        return _synced(begun, tally, Source(url, deadline), held, since, deadline, now)


def _synced(
    begun: DailySync,
    tally: Tally,
    source: Source,
    held: Lanes,
    since: str | None,
    deadline: Deadline,
    now: datetime,
) -> DailySync:
    usual = since is None and not begun.dry_run
    crawl = (models.find_unfinished(begun.kind) if usual else None) or _first(begun.kind, since, now)
    write = _nothing if begun.dry_run else held.write
    crawler = Crawler(source, crawl, tally, deadline, write, now)
    ended = _crawl(crawler)
    if usual:
        _keep(ended, held)
    return _judged(begun, tally, ended)


def _nothing(writes: list[dict[str, Any]]) -> list[int]:
    return []


def _first(kind: Kind, since: str | None, now: datetime) -> Crawl:
    known = (since or models.known_until()) if kind is Kind.INCREMENTAL else None
    return Crawl(kind, ids.timestamp(now), known)


def _crawl(crawler: Crawler) -> _Ended:
    """Goes as far as it gets. A defect of ours is raised, and so is LeaseLostError: what this run knows is old then."""
    fault: Exception | None = None
    try:
        crawler.go()
    except (ExternalServiceError, OutOfTimeError) as error:
        fault = error
    except Exception as error:
        if not clients.is_passing_fault(error):
            raise
        fault = error
    if fault is not None:
        log.warning("SYNC_CUT_OFF", fault)
        crawler.tally.add_error(_told(fault))
    return _Ended(fault, crawler.crawl, crawler.tally.counts["recordCount"])


def _keep(ended: _Ended, held: Lanes) -> None:
    """Lets the next run go on where this one was cut off, or begin at the first page."""
    crawl = ended.crawl
    if ended.fault is not None:
        held.progress(models.put_crawl(crawl) if ended.goes_on else models.delete_crawl(crawl.kind))
        return
    until = _known_until(crawl)
    held.progress(models.delete_crawl(crawl.kind), *([] if until is None else [models.put_known_until(until)]))


def _known_until(crawl: Crawl) -> str | None:
    """Up to when changes are known now. A date in the future must not hide the changes until then."""
    if crawl.newest is None:
        return None
    newest = min(datetime.fromisoformat(crawl.newest), datetime.fromisoformat(crawl.began))
    return max(ids.timestamp(newest - _OVERLAP), models.known_until() or "")


def _judged(begun: DailySync, tally: Tally, ended: _Ended) -> DailySync:
    done = replace(begun, cursor=ended.crawl.cursor if ended.goes_on else None)
    if ended.fault is not None:
        status = Status.PARTIAL if ended.brought or ended.crawl.is_complete else Status.FAILED
        return replace(done, status=status, reason=_told(ended.fault))
    if tally.errors:
        return replace(done, status=Status.PARTIAL, reason=tally.errors[0].reason)
    return replace(done, status=Status.SUCCESS)


def _told(error: Exception) -> str:
    """What a record may say of an error: the sentence that callers read, of others only what they are called."""
    if isinstance(error, ExternalServiceError):
        return f"{error.message} ({error.reason})"
    if isinstance(error, UnavailableError | LeaseLostError):
        return str(error)
    return f"unforeseen: {type(error).__name__}"


# ------------------------------------------------------------------------- how it ended


def _close(run: DailySync, tally: Tally, seconds: float) -> DailySync:
    """Writes the run's record, and tells log and metrics."""
    ended = replace(run, processing_ms=round(seconds * 1000), **tally.totals())
    models.write_end(ended)
    count = ended.record_count
    about: dict[str, Any] = {"syncId": ended.sync_id, "kind": ended.kind, "status": ended.status}
    if ended.status is Status.SKIPPED:
        log.info("SYNC_SKIPPED", **about, reason=ended.reason)
        return ended
    if ended.status is Status.FAILED:
        point = "source" if ended.errors else "data-processing"
        log.error("EXECUTION_FAILED", **about, durationMs=ended.processing_ms, failurePoint=point, reason=ended.reason)
    else:
        log.info("SYNC_COMPLETED", **about, recordsProcessed=count, duration=ended.processing_ms, counts=tally.counts)
        average = round(ended.processing_ms / count, 3) if count and ended.processing_ms else 0
        log.info(
            "EXECUTION_COMPLETED", durationMs=ended.processing_ms, recordsProcessed=count, avgTimePerRecord=average
        )
    metrics.emit(
        {
            "ProcessingTime": (seconds, metrics.SECONDS),
            "RecordsProcessed": (count, metrics.COUNT),
            "RecordsRejected": (ended.rejected, metrics.COUNT),
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
            "recordsProcessed": run.record_count,
            "processingTimeMs": run.processing_ms,
            "syncId": run.sync_id,
            "status": str(run.status),
        },
    }
