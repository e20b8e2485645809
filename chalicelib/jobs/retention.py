"""How long things are kept: records that grew old become inactive and, by setting, go to S3; dead uploads expire.

A record's age is the time since a sync last wrote it. Each round begins with the oldest that is still there, so one
that was cut off or killed is gone on with by the next.
"""

import functools
import gzip
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from chalicelib import images
from chalicelib.core import config, ids
from chalicelib.core.aws import grants, objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SNSOperation, SQSOperation
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Item, transact
from chalicelib.images import Image, Status, pipeline
from chalicelib.jobs import rounds
from chalicelib.jobs.rounds import Round
from chalicelib.jobs.sync.sync_records import ACTIVE, ARCHIVED, BY_LIFECYCLE, CUSTOMERS, EXPIRED, RECORDS, archive_write

CLEAN_UP_NEEDS: grants.Grants = grants.merge(
    rounds.NEEDS,
    {
        "RECORDS_TABLE": [DynamoDBOperation.QUERY_INDEX, DynamoDBOperation.UPDATE_ITEM],
        "IMAGES_TABLE": [
            DynamoDBOperation.QUERY_INDEX,
            DynamoDBOperation.GET_ITEM,
            DynamoDBOperation.PUT_ITEM,
            DynamoDBOperation.UPDATE_ITEM,
        ],
        "S3_INPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
        "SQS_QUEUE_URL": [SQSOperation.SEND_MESSAGE],
        "SNS_TOPIC_ARN": [SNSOperation.PUBLISH],
        "MAX_FILE_SIZE": [],
        "KEEP_RECORDS_DAYS": [],
        "LINK_EXPIRY_SECONDS": [],
    },
)
ARCHIVE_NEEDS: grants.Grants = grants.merge(
    rounds.NEEDS,
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

# Writes that are under way at once.
_AT_ONCE = 200
# DynamoDB gives so many items at once (BatchGetItem).
_READ_AT_ONCE = 100
# So many records make a file: what is in memory of it are their keys.
_FILE_RECORDS = 5_000
# What serves the index alone.
_OF_THE_INDEX = frozenset({"lifecycle", "since"})


def clean_up(options: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """Makes records inactive that no sync has written for KEEP_RECORDS_DAYS, and ends uploads that never came.

    A round as `rounds.go` has it; counts `recordsExpired`, `uploadsExpired`, `uploadsTaken`.
    """
    return rounds.go("weekly_cleanup", (_expire_records, _expire_uploads), options, now)


def archive_quarter(options: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """Moves records that have been inactive for KEEP_RECORDS_DAYS to ARCHIVE_BUCKET; without one `status` is "skipped".

    They become lines of JSON in `records/customers/<day>/….jsonl.gz`, and are deleted once such a file is there. What
    is killed in between leaves records that are moved once more: a record may stand in two files, never in none.
    A round as `rounds.go` has it; counts `recordsArchived`, `bytesWritten`, `filesWritten`.
    """
    if not config.get("ARCHIVE_BUCKET"):
        return {"status": "skipped", "message": "There is no ARCHIVE_BUCKET: inactive records stay in the table."}
    return rounds.go("quarterly_archive", (_archive_records,), options, now)


def _lots(things: Iterable[Item], size: int) -> Iterator[list[Item]]:
    several = iter(things)
    return iter(lambda: list(itertools.islice(several, size)), [])


# ----------------------------------------------------------------------------- records


def _expire_records(a_round: Round) -> None:
    old = BY_LIFECYCLE.between(ACTIVE, a_round.since, a_round.ago(days=config.integer("KEEP_RECORDS_DAYS")))
    for lot in _lots(a_round.each(old), _AT_ONCE):
        a_round.count(
            "recordsExpired", a_round.change_all([functools.partial(_expired, a_round, entry) for entry in lot])
        )


def _expired(a_round: Round, entry: Item) -> bool:
    # Of an active record the index has the moment at which it was last written.
    as_read = {"source": entry["source"], "recordId": entry["recordId"], "processedAt": entry["since"]}
    try:
        transact(archive_write(as_read, EXPIRED, a_round.now))
    except ConditionFailedError:
        return False
    return True


def _archive_records(a_round: Round) -> None:
    old = BY_LIFECYCLE.between(ARCHIVED, a_round.since, a_round.ago(days=config.integer("KEEP_RECORDS_DAYS")))
    for lot in _lots(a_round.each(old), _FILE_RECORDS):
        if a_round.dry:
            a_round.count("recordsArchived", len(lot))
            a_round.count("filesWritten")
        else:
            _archive(a_round, lot)


def _archive(a_round: Round, lot: list[Item]) -> None:
    """Writes a file of these records, and then deletes those that it holds."""
    written: list[Item] = []
    with (
        objects.writing(config.get("ARCHIVE_BUCKET"), _key(a_round, lot[0]), "application/gzip") as out,
        # A Writer is all that gzip needs of a file. No time in it: the same records make the same bytes.
        gzip.GzipFile(filename="", mode="wb", fileobj=cast(Any, out), mtime=0) as lines,
    ):
        for some in _lots(lot, _READ_AT_ONCE):
            kept = list(_still_archived(some))
            lines.writelines(_line(item) for item in kept)
            written += [{name: item[name] for name in ("source", "recordId", "since")} for item in kept]
    a_round.count("filesWritten")
    a_round.count("bytesWritten", out.size)
    for some in _lots(written, _AT_ONCE):
        deleted = a_round.change_all([functools.partial(_deleted, entry) for entry in some])
        a_round.count("recordsArchived", deleted)


def _key(a_round: Round, first: Item) -> str:
    """Named by the first record and the round: what an earlier round wrote may be all that is left of some records."""
    mark = hashlib.sha256(f"{first['recordId']} {first['since']} {a_round.at()}".encode()).hexdigest()[:16]
    return f"records/{CUSTOMERS}/{a_round.at()[:10]}/{mark}.jsonl.gz"


def _still_archived(entries: list[Item]) -> Iterator[Item]:
    since = {entry["recordId"]: entry["since"] for entry in entries}
    keys = [RECORDS.key(entry["source"], entry["recordId"]) for entry in entries]
    for item in RECORDS.get_many(keys):
        if item.get("lifecycle") == ARCHIVED and item["since"] == since[item["recordId"]]:
            yield item


def _line(item: Item) -> bytes:
    shown = {name: value for name, value in item.items() if name not in _OF_THE_INDEX}
    return ids.to_json({**shown, "data": json.loads(item["data"])}).encode() + b"\n"


def _deleted(entry: Item) -> bool:
    unchanged = Attr("lifecycle").eq(ARCHIVED) & Attr("since").eq(entry["since"])
    try:
        RECORDS.delete(entry["source"], entry["recordId"], when=unchanged)
    except ConditionFailedError:
        return False
    return True


# ----------------------------------------------------------------------------- uploads


def _expire_uploads(a_round: Round) -> None:
    """Ends what was announced and never sent, a day after its link went out; what came unnoticed is taken."""
    last = a_round.ago(days=1, seconds=objects.link_seconds())
    for image in a_round.each(images.unfinished_since(Status.PENDING, a_round.since, last)):
        _expire_upload(a_round, image)


def _expire_upload(a_round: Round, image: Image) -> None:
    stored = next(
        (each for each in objects.stored(config.get("S3_INPUT_BUCKET"), image.s3_key) if each.is_latest), None
    )
    if stored is None:
        if a_round.change(lambda: images.expire(image)):
            a_round.count("uploadsExpired")
    elif a_round.change(lambda: pipeline.take_upload(stored.key, stored.size, stored.version)):
        a_round.count("uploadsTaken")
