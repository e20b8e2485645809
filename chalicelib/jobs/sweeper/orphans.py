"""Files without a row, and rows without their files: found by a pass over all of them, a part each round.

A pass over a bucket or a table goes on in the next round, and begins anew a day after its end.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import images
from chalicelib.accounts.models import find_user
from chalicelib.actions import ACTIONS
from chalicelib.core import ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.objects import ObjectVersion
from chalicelib.core.aws.tables import Item, Table
from chalicelib.core.settings import Settings
from chalicelib.images import IMAGES, Image, Status
from chalicelib.jobs.leases import JOBS
from chalicelib.jobs.rounds import Round
from chalicelib.jobs.sweeper.stuck import fail_image

# The limit of BatchGetItem.
_FILES_AT_ONCE = 100
_ROWS_AT_ONCE = 500
_HOURS_BETWEEN_PASSES = 24
# An S3 event comes within seconds, and is retried for some minutes.
_EVENT_MINUTES = 15
# Younger files are left alone: something may still be writing their row.
_GRACE_DAYS = 1

_UPLOAD = re.compile(r"uploads/(?P<user_id>[\w-]{1,64})/(?P<id>\w{1,64})\.[a-z]{3,4}", re.ASCII)
_FILE = re.compile(r"processed/(?P<user_id>[\w-]{1,64})/(?P<id>\w{1,64})-[^/]+", re.ASCII)
_RESULT = re.compile(r"(?:reports|exports)/(?P<user_id>[\w-]{1,64})/(?P<id>act_[0-9a-z]{26})\.\w+", re.ASCII)

FILES_MISSING = "files_missing: The finished files are gone and could not be made again; the picture can be run again."


# ------------------------------------------------------------------------------ passes


@dataclass
class _Pass:
    """How far the pass over a `place` has come: after which key (None: at the beginning). Stored in JOBS_TABLE."""

    place: str
    after: Any
    ended_at: str | None

    @classmethod
    def of(cls, place: str, a_round: Round) -> "_Pass":
        row = None if a_round.is_dry else JOBS.get(f"sweeper#{place}")
        return cls(place, None, None) if row is None else cls(place, row.get("after"), row.get("endedAt"))

    def is_due(self, a_round: Round) -> bool:
        return self.ended_at is None or self.ended_at <= a_round.before(hours=_HOURS_BETWEEN_PASSES)

    def continue_after(self, a_round: Round, after: Any) -> None:
        """Writes down where the next round goes on; None: the pass is complete."""
        if not a_round.is_dry:
            ended = a_round.now if after is None else None
            JOBS.put({"name": f"sweeper#{self.place}", "after": after, "endedAt": ended})


_HandleFiles = Callable[[Round, list[ObjectVersion]], None]


def _pass_over(a_round: Round, bucket: str, prefix: str, handle: _HandleFiles) -> None:
    """Goes on with the pass over the files under `prefix`, as far as time allows."""
    place = prefix.strip("/")
    a_pass = _Pass.of(place, a_round)
    if not a_pass.is_due(a_round):
        return
    # Written down after the files were handled: a killed round does some of them again.
    files = a_round.until_deadline(objects.list_versions(bucket, prefix, a_pass.after or ""))
    while batch := list(itertools.islice(files, _FILES_AT_ONCE)):
        handle(a_round, batch)
        a_pass.continue_after(a_round, batch[-1].key)
    if not a_round.is_cut_off:
        a_pass.continue_after(a_round, None)


def _with_rows(
    table: Table, form: re.Pattern[str], files: Iterable[ObjectVersion]
) -> Iterator[tuple[ObjectVersion, str, Item | None]]:
    """The files whose keys have this form, each with its owner's id and its row, if there is one."""
    owned = [(file, parts) for file in files if (parts := form.fullmatch(file.key)) is not None]
    wanted = {(parts["user_id"], parts["id"]): table.key(parts["user_id"], parts["id"]) for _, parts in owned}
    rows = {(row[table.partition], row[str(table.sort)]): row for row in table.get_many(wanted.values())}
    for file, parts in owned:
        yield file, parts["user_id"], rows.get((parts["user_id"], parts["id"]))


def _is_old(a_round: Round, file: ObjectVersion, **age: float) -> bool:
    return a_round.since <= ids.timestamp(file.modified) <= a_round.before(**age)


def _remove(a_round: Round, what: str, bucket: str, file: ObjectVersion) -> None:
    if _is_old(a_round, file, days=_GRACE_DAYS) and a_round.change(lambda: _discard(bucket, file)):
        a_round.report(what, key=file.key, version=file.version)


def _discard(bucket: str, file: ObjectVersion) -> bool:
    objects.delete_versions(bucket, [file.to_reference()])
    return True


# -------------------------------------------------------------------------- files without rows


def sweep_uploads(a_round: Round) -> None:
    """Takes uploads whose S3 event was lost; removes files that no image will use."""
    bucket = Settings.S3_INPUT_BUCKET.get()

    def handle(a_round: Round, files: list[ObjectVersion]) -> None:
        for file, user_id, row in _with_rows(IMAGES, _UPLOAD, files):
            if _awaits_event(user_id, row, file):
                _take(a_round, file)
            elif row is None or row["status"] == Status.DELETED or row.get("objectVersion") != file.version:
                _remove(a_round, "uploadsRemoved", bucket, file)

    _pass_over(a_round, bucket, "uploads/", handle)


def _awaits_event(user_id: str, row: Mapping[str, Any] | None, file: ObjectVersion) -> bool:
    """Whether the event of this upload would still start an execution: its owner must exist."""
    if not file.is_latest:
        return False
    return find_user(user_id) is not None if row is None else row["status"] == Status.PENDING


def _take(a_round: Round, file: ObjectVersion) -> None:
    if not _is_old(a_round, file, minutes=_EVENT_MINUTES):
        return
    if a_round.change(lambda: images.take_upload(file.key, file.size, file.version)):
        a_round.report("uploadsTaken", key=file.key, version=file.version)


def sweep_files(a_round: Round) -> None:
    """Removes files of images that are deleted or never existed, and variants that their image's row does not name."""
    bucket = Settings.S3_OUTPUT_BUCKET.get()

    def handle(a_round: Round, files: list[ObjectVersion]) -> None:
        for file, _, row in _with_rows(IMAGES, _FILE, files):
            if images.is_leftover(row, file.key):
                _remove(a_round, "filesRemoved", bucket, file)

    _pass_over(a_round, bucket, "processed/", handle)


def sweep_results(a_round: Round) -> None:
    """Removes files of reports and exports whose action does not exist."""
    bucket = Settings.S3_OUTPUT_BUCKET.get()

    def handle(a_round: Round, files: list[ObjectVersion]) -> None:
        for file, _, row in _with_rows(ACTIONS, _RESULT, files):
            if row is None:
                _remove(a_round, "resultsRemoved", bucket, file)

    for prefix in ("reports/", "exports/"):
        _pass_over(a_round, bucket, prefix, handle)


# -------------------------------------------------------------------------- rows without files


def sweep_images_without_files(a_round: Round) -> None:
    """Has missing variants of COMPLETED images made again, once; then fails the image."""
    a_pass = _Pass.of("rows", a_round)
    if not a_pass.is_due(a_round):
        return
    for rows, after in a_round.until_deadline(IMAGES.scan(_ROWS_AT_ONCE, a_pass.after)):
        finished = [Image.from_item(row) for row in rows if row["status"] == Status.COMPLETED]
        for user_id, own in itertools.groupby(finished, key=lambda image: image.user_id):
            for image in _without_files(user_id, list(own)):
                _remake_or_fail(a_round, image)
        a_pass.continue_after(a_round, after)


def _without_files(user_id: str, own: list[Image]) -> list[Image]:
    """Those images of a user that lack a file; one listing serves all of them."""
    wanted = {variant.s3_key for image in own for variant in image.variants}
    if not wanted:
        return []
    # In a key, "-" follows the image's id; it sorts behind the id itself and before ".".
    first, last = min(image.image_id for image in own), max(image.image_id for image in own)
    prefix = f"processed/{user_id}/"
    listed = objects.list_keys(Settings.S3_OUTPUT_BUCKET.get(), prefix, after=f"{prefix}{first}")
    for key in listed:
        wanted.discard(key)
        if not wanted or key > f"{prefix}{last}.":
            break
    return [image for image in own if any(variant.s3_key in wanted for variant in image.variants)]


def _remake_or_fail(a_round: Round, image: Image) -> None:
    if image.redriven:
        if a_round.change(lambda: fail_image(image, FILES_MISSING, a_round.now, files_gone=True)):
            a_round.report("imagesFailed", imageId=image.image_id, userId=image.user_id)
    elif a_round.change(lambda: _remake(image)):
        a_round.report("imagesMadeAgain", imageId=image.image_id, userId=image.user_id)


def _remake(image: Image) -> bool:
    # The one that claims the message marks it too, if it is faster.
    images.send_to_remake(image)
    images.mark_remade(image)
    return True
