"""JSON Schemas of the list of syncs."""

from chalicelib.core.schemas import described, list_of, page_of, says
from chalicelib.jobs.sync.models import DailySync, Status, SyncError

LIST = list_of(
    100, status={"enum": [str(status) for status in Status], **says("Only runs with this status.", "failed")}
)
_ERROR = described(
    SyncError.schema(),
    "SyncError",
    {"recordId": says("The record; empty where it is about none.", ""), "reason": says("Why.", "it has no id")},
)
_SYNC = described(
    DailySync.schema(),
    "Sync",
    {
        "syncId": says("The run's id.", "sync_01kb4z7q0m8w2r5t6v9x3c1d4e"),
        "source": says("What is read.", "customers"),
        "date": says("The day, in UTC.", "2026-11-28"),
        "executedAt": says("When it began.", "2026-11-28T02:00:01.000Z"),
        "kind": says("The whole list, or what changed.", "comprehensive"),
        "status": says("How it stands.", "success"),
        "dryRun": says("Whether it only said what it would do."),
        "reason": says("Why it did not do all that it should have."),
        "recordCount": says("Records read.", 1200),
        "created": says("Customers that are new.", 4),
        "updated": says("Customers that changed.", 17),
        "unchanged": says("Customers as they were.", 1178),
        "rejected": says("Records that are no customers.", 1),
        "archived": says("Customers that vanished.", 0),
        "contested": says("Customers that another run changed meanwhile.", 0),
        "data": says("JSON: the ids of the first changed customers, by kind of change.", "{}"),
        "errors": {"items": _ERROR, **says("The first hundred errors.")},
        "processingTime": says("Milliseconds that it took.", 8412),
        "cursor": says("Where an unfinished crawl goes on."),
    },
)
PAGE = page_of(_SYNC)
