"""Files without a row and rows without their files: found by going through all of them, some each round.

A pass over a bucket or the table goes on in the next round where time cut it off, and begins anew a day after its end.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import images
from chalicelib.accounts import users
from chalicelib.actions import ACTIONS
from chalicelib.core import config, ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.objects import Stored
from chalicelib.core.aws.tables import Item, Table
from chalicelib.images import IMAGES, Image, Status, pipeline
from chalicelib.jobs.leases import JOBS
from chalicelib.jobs.rounds import Round
from chalicelib.jobs.sweeper.stuck import end

# DynamoDB gives so many items at once (BatchGetItem).
_FILES_AT_ONCE = 100
_ROWS_AT_ONCE = 500
_HOURS_BETWEEN_PASSES = 24
# An event comes within seconds, and is tried again for some minutes.
_EVENT_MINUTES = 15
# What is deleted stays deleted: so long may somebody still wonder.
_GRACE_DAYS = 1

_UPLOAD = re.compile(r"uploads/(?P<user_id>[\w-]{1,64})/(?P<id>\w{1,64})\.[a-z]{3,4}", re.ASCII)
_FILE = re.compile(r"processed/(?P<user_id>[\w-]{1,64})/(?P<id>\w{1,64})-[^/]+", re.ASCII)
_RESULT = re.compile(r"(?:reports|exports)/(?P<user_id>[\w-]{1,64})/(?P<id>act_[0-9a-z]{26})\.\w+", re.ASCII)

FILES_MISSING = "files_missing: The finished files are gone and could not be made again; the picture can be run again."


# ----------------------------------------------------------------- how far a pass has come


@dataclass
class _Pass:
    """How far the pass over a `place` has come (`after`: None where it begins), kept in a row of its own."""

    place: str
    after: Any
    ended_at: str | None

    @classmethod
    def of(cls, place: str, a_round: Round) -> "_Pass":
        row = None if a_round.dry else JOBS.get(f"sweeper#{place}")
        return cls(place, None, None) if row is None else cls(place, row.get("after"), row.get("endedAt"))

    def is_due(self, a_round: Round) -> bool:
        return self.ended_at is None or self.ended_at <= a_round.ago(hours=_HOURS_BETWEEN_PASSES)

    def goes_on(self, a_round: Round, after: Any) -> None:
        """Notes what the next round begins after; None: this was all."""
        if not a_round.dry:
            ended = a_round.at() if after is None else None
            JOBS.put({"name": f"sweeper#{self.place}", "after": after, "endedAt": ended})


_Deal = Callable[[Round, list[Stored]], None]


def _through(a_round: Round, bucket: str, prefix: str, deal: _Deal) -> None:
    """Takes a pass over the files whose keys begin so, as far as time allows."""
    place = prefix.strip("/")
    a_pass = _Pass.of(place, a_round)
    if not a_pass.is_due(a_round):
        return
    # What is listed last is noted last: a round that is killed does some of it again.
    files = a_round.each(objects.stored(bucket, prefix, a_pass.after or ""))
    while some := list(itertools.islice(files, _FILES_AT_ONCE)):
        deal(a_round, some)
        a_pass.goes_on(a_round, some[-1].key)
    if not a_round.is_cut_off:
        a_pass.goes_on(a_round, None)


def _rows(table: Table, form: re.Pattern[str], files: Iterable[Stored]) -> Iterator[tuple[Stored, str, Item | None]]:
    """The files whose keys have this form, each with its owner's id and its row."""
    owned = [(file, parts) for file in files if (parts := form.fullmatch(file.key)) is not None]
    wanted = {(parts["user_id"], parts["id"]): table.key(parts["user_id"], parts["id"]) for _, parts in owned}
    rows = {(row[table.partition], row[str(table.sort)]): row for row in table.get_many(wanted.values())}
    for file, parts in owned:
        yield file, parts["user_id"], rows.get((parts["user_id"], parts["id"]))


def _is_old(a_round: Round, file: Stored, **age: float) -> bool:
    return a_round.since <= ids.timestamp(file.modified) <= a_round.ago(**age)


def _remove(a_round: Round, what: str, bucket: str, file: Stored) -> None:
    if _is_old(a_round, file, days=_GRACE_DAYS) and a_round.change(lambda: _discarded(bucket, file)):
        a_round.find(what, key=file.key, version=file.version)


def _discarded(bucket: str, file: Stored) -> bool:
    objects.discard(bucket, [file.named()])
    return True


# -------------------------------------------------------------------------- files without rows


def sweep_uploads(a_round: Round) -> None:
    """Takes uploads whose event was lost; removes those that no image will ever use."""
    bucket = config.get("S3_INPUT_BUCKET")

    def deal(a_round: Round, files: list[Stored]) -> None:
        for file, user_id, row in _rows(IMAGES, _UPLOAD, files):
            if _awaits_event(user_id, row, file):
                _take(a_round, file)
            elif row is None or row["status"] == Status.DELETED or row.get("objectVersion") != file.version:
                _remove(a_round, "uploadsRemoved", bucket, file)

    _through(a_round, bucket, "uploads/", deal)


def _awaits_event(user_id: str, row: Mapping[str, Any] | None, file: Stored) -> bool:
    """Whether the event of this upload would still make something of it: of nobody's it would not."""
    if not file.is_latest:
        return False
    return users.find(user_id) is not None if row is None else row["status"] == Status.PENDING


def _take(a_round: Round, file: Stored) -> None:
    if not _is_old(a_round, file, minutes=_EVENT_MINUTES):
        return
    if a_round.change(lambda: pipeline.take_upload(file.key, file.size, file.version)):
        a_round.find("uploadsTaken", key=file.key, version=file.version)


def sweep_files(a_round: Round) -> None:
    """Removes finished files whose image is deleted or was never there."""
    bucket = config.get("S3_OUTPUT_BUCKET")

    def deal(a_round: Round, files: list[Stored]) -> None:
        for file, _, row in _rows(IMAGES, _FILE, files):
            if row is None or row["status"] == Status.DELETED:
                _remove(a_round, "filesRemoved", bucket, file)

    _through(a_round, bucket, "processed/", deal)


def sweep_results(a_round: Round) -> None:
    """Removes the files of reports and exports whose action is not there."""
    bucket = config.get("S3_OUTPUT_BUCKET")

    def deal(a_round: Round, files: list[Stored]) -> None:
        for file, _, row in _rows(ACTIONS, _RESULT, files):
            if row is None:
                _remove(a_round, "resultsRemoved", bucket, file)

    for prefix in ("reports/", "exports/"):
        _through(a_round, bucket, prefix, deal)


# -------------------------------------------------------------------------- rows without files


def sweep_images_without_files(a_round: Round) -> None:
    """Has the files of COMPLETED images made again where they are gone, once; then ends the image."""
    a_pass = _Pass.of("rows", a_round)
    if not a_pass.is_due(a_round):
        return
    for rows, after in a_round.each(IMAGES.scanned(_ROWS_AT_ONCE, a_pass.after)):
        finished = [Image.from_item(row) for row in rows if row["status"] == Status.COMPLETED]
        for user_id, own in itertools.groupby(finished, key=lambda image: image.user_id):
            for image in _without_files(user_id, list(own)):
                _make_again_or_end(a_round, image)
        a_pass.goes_on(a_round, after)


def _without_files(user_id: str, own: list[Image]) -> list[Image]:
    """Those images of a user that lack a file: one listing tells for all of them."""
    wanted = {variant.s3_key for image in own for variant in image.variants}
    if not wanted:
        return []
    # A key has "-" after the image's id, which sorts behind the id itself and before ".".
    first, last = min(image.image_id for image in own), max(image.image_id for image in own)
    prefix = f"processed/{user_id}/"
    listed = objects.keys(config.get("S3_OUTPUT_BUCKET"), prefix, after=f"{prefix}{first}")
    for key in listed:
        wanted.discard(key)
        if not wanted or key > f"{prefix}{last}.":
            break
    return [image for image in own if any(variant.s3_key in wanted for variant in image.variants)]


def _make_again_or_end(a_round: Round, image: Image) -> None:
    if image.redriven:
        if a_round.change(lambda: end(image, FILES_MISSING, a_round.at())):
            a_round.find("imagesFailed", imageId=image.image_id, userId=image.user_id)
    elif a_round.change(lambda: _made_again(image)):
        a_round.find("imagesMadeAgain", imageId=image.image_id, userId=image.user_id)


def _made_again(image: Image) -> bool:
    marked = images.make_again(image)
    if marked is not None:
        pipeline.send_again(marked)
    return marked is not None
