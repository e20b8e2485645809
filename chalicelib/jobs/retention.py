"""Retention: old customer records become inactive, then move to S3 if the stage says so; unused uploads expire.

A record's age is the time since a sync last wrote it. Each round begins with the oldest record that is still there,
so it goes on where the round before was cut off or killed.
"""

import functools
import gzip
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

from chalicelib import images
from chalicelib.core import ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, required_env_vars
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Item, transact
from chalicelib.core.settings import Settings
from chalicelib.images import Image, Status
from chalicelib.jobs import rounds
from chalicelib.jobs.rounds import Round
from chalicelib.jobs.runner import Job, Run, payload
from chalicelib.jobs.sync.sync_records import ACTIVE, ARCHIVED, BY_LIFECYCLE, CUSTOMERS, EXPIRED, RECORDS, archive_write

# Writes at the same time.
_AT_ONCE = 200
# The limit of BatchGetItem.
_MAX_BATCH = 100
# Records in one file; only their keys are held in memory.
_FILE_RECORDS = 5_000
# Attributes that serve the index alone.
_INDEX_ATTRIBUTES = frozenset({"lifecycle", "since"})


@required_env_vars(
    images.take_upload,
    {
        "RECORDS_TABLE": [DynamoDBOperation.QUERY_INDEX, DynamoDBOperation.UPDATE_ITEM],
        "IMAGES_TABLE": [DynamoDBOperation.QUERY_INDEX],
        "S3_INPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS],
        "KEEP_RECORDS_DAYS": [],
        "LINK_EXPIRY_SECONDS": [],
    },
)
def clean_up(run: Run) -> dict[str, Any]:
    """Makes records inactive that no sync has written for KEEP_RECORDS_DAYS, and ends uploads that never came.

    A round (`rounds.go_through`); it counts `recordsExpired`, `uploadsExpired`, `uploadsTaken`.
    """
    return rounds.go_through(run, _expire_records, _expire_uploads)


@required_env_vars(
    {
        "RECORDS_TABLE": [
            DynamoDBOperation.QUERY_INDEX,
            DynamoDBOperation.BATCH_GET_ITEM,
            DynamoDBOperation.DELETE_ITEM,
        ],
        "ARCHIVE_BUCKET": [
            S3Operation.CREATE_MULTIPART_UPLOAD,
            S3Operation.UPLOAD_PART,
            S3Operation.COMPLETE_MULTIPART_UPLOAD,
            S3Operation.ABORT_MULTIPART_UPLOAD,
        ],
        "KEEP_RECORDS_DAYS": [],
    },
)
def archive(run: Run) -> dict[str, Any]:
    """Moves records that have been inactive for KEEP_RECORDS_DAYS to ARCHIVE_BUCKET; without one `status` is "skipped".

    They become lines of JSON in `records/customers/<day>/….jsonl.gz`, and are deleted once that file is written. A run
    that is killed in between moves some records again: a record may stand in two files, never in none.
    A round (`rounds.go_through`); it counts `recordsArchived`, `bytesWritten`, `filesWritten`.
    """
    if not Settings.ARCHIVE_BUCKET.get():
        return {"status": "skipped", "message": "There is no ARCHIVE_BUCKET: inactive records stay in the table."}
    return rounds.go_through(run, _archive_records)


CLEAN_UP = Job("weekly_cleanup", clean_up, payload("cleanup"), lease="weekly_cleanup")
ARCHIVE = Job("quarterly_archive", archive, payload("archive"), lease="quarterly_archive")


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    remaining = iter(items)
    return iter(lambda: list(itertools.islice(remaining, size)), [])


# ----------------------------------------------------------------------------- records


def _expire_records(a_round: Round) -> None:
    old = BY_LIFECYCLE.between(ACTIVE, a_round.since, a_round.before(days=Settings.KEEP_RECORDS_DAYS.get()))
    for batch in _batches(a_round.until_deadline(old), _AT_ONCE):
        a_round.count(
            "recordsExpired", a_round.change_all([functools.partial(_expire_record, a_round, entry) for entry in batch])
        )


def _expire_record(a_round: Round, entry: Item) -> bool:
    # In the index, `since` of an active record is when it was last written.
    as_read = {"source": entry["source"], "recordId": entry["recordId"], "processedAt": entry["since"]}
    try:
        transact(archive_write(as_read, EXPIRED, a_round.run.now))
    except ConditionFailedError:
        return False
    return True


def _archive_records(a_round: Round) -> None:
    old = BY_LIFECYCLE.between(ARCHIVED, a_round.since, a_round.before(days=Settings.KEEP_RECORDS_DAYS.get()))
    for batch in _batches(a_round.until_deadline(old), _FILE_RECORDS):
        if a_round.is_dry:
            a_round.count("recordsArchived", len(batch))
            a_round.count("filesWritten")
        else:
            _write_archive(a_round, batch)


def _write_archive(a_round: Round, batch: list[Item]) -> None:
    """Writes a file of these records, and then deletes the records that it holds."""
    written: list[Item] = []
    with (
        objects.open_writer(Settings.ARCHIVE_BUCKET.get(), _archive_key(a_round, batch[0]), "application/gzip") as out,
        # gzip needs no more of a file than `write`. Without a time in it, the same records make the same bytes.
        gzip.GzipFile(filename="", mode="wb", fileobj=cast(Any, out), mtime=0) as lines,
    ):
        for some in _batches(batch, _MAX_BATCH):
            kept = list(_still_archived(some))
            lines.writelines(_to_line(item) for item in kept)
            written += [{name: item[name] for name in ("source", "recordId", "since")} for item in kept]
    a_round.count("filesWritten")
    a_round.count("bytesWritten", out.size)
    for some in _batches(written, _AT_ONCE):
        deleted = a_round.change_all([functools.partial(_delete_unchanged, entry) for entry in some])
        a_round.count("recordsArchived", deleted)


def _archive_key(a_round: Round, first: Item) -> str:
    """Named by the first record and the round, so that no round replaces the file of an earlier one."""
    digest = hashlib.sha256(f"{first['recordId']} {first['since']} {a_round.now}".encode()).hexdigest()[:16]
    return f"records/{CUSTOMERS}/{a_round.now[:10]}/{digest}.jsonl.gz"


def _still_archived(entries: list[Item]) -> Iterator[Item]:
    since = {entry["recordId"]: entry["since"] for entry in entries}
    keys = [RECORDS.key(entry["source"], entry["recordId"]) for entry in entries]
    for item in RECORDS.get_many(keys):
        if item.get("lifecycle") == ARCHIVED and item["since"] == since[item["recordId"]]:
            yield item


def _to_line(item: Item) -> bytes:
    shown = {name: value for name, value in item.items() if name not in _INDEX_ATTRIBUTES}
    return ids.to_json({**shown, "data": json.loads(item["data"])}).encode() + b"\n"


def _delete_unchanged(entry: Item) -> bool:
    unchanged = Attr("lifecycle").eq(ARCHIVED) & Attr("since").eq(entry["since"])
    try:
        RECORDS.delete(entry["source"], entry["recordId"], when=unchanged)
    except ConditionFailedError:
        return False
    return True


# ----------------------------------------------------------------------------- uploads


def _expire_uploads(a_round: Round) -> None:
    """Ends uploads that never came, a day after their link expired; takes those whose S3 event was lost."""
    last = a_round.before(days=1, seconds=Settings.LINK_EXPIRY_SECONDS.get())
    for image in a_round.until_deadline(images.unfinished_since(Status.PENDING, a_round.since, last)):
        _expire_upload(a_round, image)


def _expire_upload(a_round: Round, image: Image) -> None:
    stored = images.find_stored(image)
    if stored is None:
        if a_round.change(lambda: images.expire(image)):
            a_round.count("uploadsExpired")
    elif a_round.change(lambda: images.take_upload(stored.key, stored.size, stored.version)):
        a_round.count("uploadsTaken")
