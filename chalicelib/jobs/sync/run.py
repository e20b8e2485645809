"""One sync, from its beginning to its sync record: the lease, the crawl, how it ended, log and metrics."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import clients, ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.errors import UnavailableError
from chalicelib.core.observing import metrics
from chalicelib.core.settings import Settings
from chalicelib.external import ExternalServiceError, Reason, secret
from chalicelib.jobs import leases
from chalicelib.jobs.leases import Lease, LeaseLostError
from chalicelib.jobs.runner import Job, Run, payload
from chalicelib.jobs.sync import lanes, models
from chalicelib.jobs.sync.crawl import Crawler, UnbelievableListError
from chalicelib.jobs.sync.lanes import Lanes, OutOfTimeError
from chalicelib.jobs.sync.models import Crawl, DailySync, Kind, Status, Tally
from chalicelib.jobs.sync.source import Source

_KINDS = {"nightly_sync": Kind.COMPREHENSIVE, "business_hours_sync": Kind.INCREMENTAL}
_BAD_PAGE = {Reason.JUNK, Reason.TOO_LARGE, Reason.REJECTED}
# The source may date a change a little back: each incremental sync looks back this far.
_OVERLAP = timedelta(minutes=5)


class SyncFailedError(UnavailableError):
    """A sync brought nothing; its sync record says why, and a later one may succeed."""

    code = "SYNC_FAILED"


@dataclass(frozen=True)
class _Ended:
    """How a crawl ended: the error that stopped it (None: it is complete), how far it came, and records `brought`."""

    fault: Exception | None
    crawl: Crawl
    brought: int

    @property
    def can_continue(self) -> bool:
        """Whether the next run goes on where this crawl stopped.

        Not if the list makes no sense, nor if the first page of the run is bad: that page would stop every run.
        """
        if isinstance(self.fault, UnbelievableListError):
            return False
        is_stuck = self.brought == 0 and getattr(self.fault, "reason", None) in _BAD_PAGE
        return self.fault is not None and self.crawl.has_begun() and not is_stuck


@required_env_vars(
    Lease.write,
    leases.lease,
    secret.source_key,
    {
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
        "EXTERNAL_API_URL": [],
        "ALLOW_PRIVATE_ADDRESSES": [],
        "ENABLE_BATCH_PROCESSING": [],
        "BATCH_SIZE": [],
        "BATCH_PAUSE_MS": [],
    },
)
def sync(run: Run) -> dict[str, Any]:
    """A sync of its job's kind, or of the option `syncType`.

    `since` (ISO 8601) looks at what changed from then on, and leaves the usual progress alone; a dry run compares,
    counts and writes nothing but its own sync record.

    Answers `{statusCode, body: {message, timestamp, recordsProcessed, processingTimeMs, syncId, status}}`, where
    `status` is success, partial or skipped.

    Raises:
        SyncFailedError: nothing could be done; the sync record says why.
        LeaseLostError: another run took over meanwhile, as this one outlasted its lease.
    """
    started, begun, tally = run.deadline.clock(), _begin(run), Tally()
    try:
        ended = _run(begun, tally, run)
    except Exception as error:
        _close(
            replace(begun, status=Status.FAILED, reason=_public_reason(error)), tally, run.deadline.clock() - started
        )
        raise
    ended = _close(ended, tally, run.deadline.clock() - started)
    if ended.status is Status.FAILED:
        raise SyncFailedError(f"The sync brought nothing: {ended.reason}")
    return _answer(ended)


def _skip(run: Run) -> dict[str, Any]:
    return _answer(_close(_busy(_begin(run)), Tally(), 0.0))


def _begin(run: Run) -> DailySync:
    usual = Kind.INCREMENTAL if "since" in run.options else _KINDS[run.job]
    begun = models.begin(Kind(run.options.get("syncType", usual)), run.is_dry, run.now)
    log.info("SYNC_STARTED", source=models.CUSTOMERS, syncId=begun.sync_id, kind=begun.kind, dryRun=begun.dry_run)
    return begun


def _busy(begun: DailySync) -> DailySync:
    return replace(begun, status=Status.SKIPPED, reason="another run is under way")


def _run(begun: DailySync, tally: Tally, run: Run) -> DailySync:
    url = Settings.EXTERNAL_API_URL.get()
    if not url:
        return replace(begun, status=Status.SKIPPED, reason="not configured: EXTERNAL_API_URL is empty")
    source = Source(url, run.deadline)
    if run.lease is None:
        return _crawl(begun, tally, source, None, run)
    with lanes.lanes(run.lease, run.deadline) as held:
        if held is None:
            return _busy(begun)
        models.fail_killed_runs(begun)
        return _crawl(begun, tally, source, held, run)


def _crawl(begun: DailySync, tally: Tally, source: Source, held: Lanes | None, run: Run) -> DailySync:
    """Crawls the source, from where the last run stopped unless `since` is given. Without lanes it writes nothing."""
    since = run.options.get("since")
    is_usual = since is None and held is not None
    crawl = (models.find_unfinished(begun.kind) if is_usual else None) or _first(begun.kind, since, run.now)
    crawler = Crawler(source, crawl, tally, run.deadline, _write_nothing if held is None else held.write, run.now)
    ended = _crawled(crawler)
    if is_usual and held is not None:
        _save_progress(ended, held)
    return _judge(begun, tally, ended)


def _write_nothing(writes: list[dict[str, Any]]) -> list[int]:
    return []


def _first(kind: Kind, since: str | None, now: datetime) -> Crawl:
    known = (since or models.known_until()) if kind is Kind.INCREMENTAL else None
    return Crawl(kind, ids.timestamp(now), known)


def _crawled(crawler: Crawler) -> _Ended:
    """Goes as far as it can. Raises what is a defect of ours, and LeaseLostError: what this run knows is old then."""
    fault: Exception | None = None
    try:
        crawler.crawl_all()
    except (ExternalServiceError, OutOfTimeError) as error:
        fault = error
    except Exception as error:
        if not clients.is_transient(error):
            raise
        fault = error
    if fault is not None:
        log.warning("SYNC_CUT_OFF", fault)
        crawler.tally.add_error(_public_reason(fault))
    return _Ended(fault, crawler.crawl, crawler.tally.counts["recordCount"])


def _save_progress(ended: _Ended, held: Lanes) -> None:
    """Lets the next run go on where this one was cut off, or begin at the first page."""
    crawl = ended.crawl
    if ended.fault is not None:
        held.write_progress(models.put_crawl(crawl) if ended.can_continue else models.delete_crawl(crawl.kind))
        return
    until = _known_until(crawl)
    held.write_progress(models.delete_crawl(crawl.kind), *([] if until is None else [models.put_known_until(until)]))


def _known_until(crawl: Crawl) -> str | None:
    """Up to when changes are known. A date in the future must not hide changes made before it."""
    if crawl.newest is None:
        return None
    newest = min(datetime.fromisoformat(crawl.newest), datetime.fromisoformat(crawl.began))
    return max(ids.timestamp(newest - _OVERLAP), models.known_until() or "")


def _judge(begun: DailySync, tally: Tally, ended: _Ended) -> DailySync:
    done = replace(begun, cursor=ended.crawl.cursor if ended.can_continue else None)
    if ended.fault is not None:
        status = Status.PARTIAL if ended.brought or ended.crawl.is_complete else Status.FAILED
        return replace(done, status=status, reason=_public_reason(ended.fault))
    if tally.errors:
        return replace(done, status=Status.PARTIAL, reason=tally.errors[0].reason)
    return replace(done, status=Status.SUCCESS)


def _public_reason(error: Exception) -> str:
    """What a sync record may say of an error: its public message; of an unexpected error only its name."""
    if isinstance(error, ExternalServiceError):
        return f"{error.message} ({error.reason})"
    if isinstance(error, UnavailableError | LeaseLostError):
        return str(error)
    return f"unforeseen: {type(error).__name__}"


# ------------------------------------------------------------------------- how it ended


def _close(run: DailySync, tally: Tally, seconds: float) -> DailySync:
    """Writes the sync record, log lines and metrics."""
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


_PAYLOAD = payload("sync", syncType={"enum": [str(Kind.COMPREHENSIVE), str(Kind.INCREMENTAL)]})
# The two never overlap. A function has 300 s.
NIGHTLY = Job("nightly_sync", sync, _PAYLOAD, lease="sync", seconds=270.0, skip=_skip)
BUSINESS_HOURS = Job("business_hours_sync", sync, _PAYLOAD, lease="sync", seconds=270.0, skip=_skip)
