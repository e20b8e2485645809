"""The files that an image's row no longer needs: of former and failed executions, and of deleted images.

Such a row stands in the index of unfinished images, under COMPLETED or DELETED, until these files are removed.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Item
from chalicelib.core.settings import Settings
from chalicelib.images.deletion import delete_files
from chalicelib.images.models import FINISHED, IMAGES, UNFINISHED, Status

# No execution runs for longer (infra/pipeline_timeouts.py), so no step writes a file for longer after its image was
# deleted, or completed by another execution.
EXECUTION_MINUTES = 20
# What an action has made of the image (actions/processing.py): the action's row names it.
_RESULT = re.compile(r".+-act_[0-9a-z]{26}\.\w+", re.ASCII)


def is_leftover(row: Mapping[str, Any] | None, key: str) -> bool:
    """Whether the row of an image, or its absence, says that the file of this key is not needed."""
    if row is None or row["status"] == Status.DELETED:
        return True
    in_use = {variant["s3Key"] for variant in row.get("variants", ())}
    return key not in in_use and _RESULT.fullmatch(key) is None


def rows_with_leftovers(status: Status, first: str, last: str) -> Iterator[Item]:
    """Rows of that status since a moment between `first` and `last`, whose files were not looked at since then."""
    for entry in UNFINISHED.between(str(status), first, last):
        row = IMAGES.get(entry["userId"], entry["imageId"])
        # The index may be behind the table.
        if row is not None and row.get("unfinished") == status and row["unfinishedSince"] <= last:
            yield row


def remove_leftovers(row: Item) -> bool:
    """Removes these files, and takes the row out of the index. False: the row has changed meanwhile."""
    if row["status"] == Status.DELETED:
        delete_files(row["userId"], row["imageId"])
    else:
        objects.delete_versions(Settings.S3_OUTPUT_BUCKET.get(), [each.to_reference() for each in _replaced_files(row)])
    unchanged = Attr("status").eq(row["status"]) & Attr("unfinishedSince").eq(row["unfinishedSince"])
    try:
        IMAGES.update(row["userId"], row["imageId"], when=unchanged, change={}, remove=FINISHED)
    except ConditionFailedError:
        return False
    return True


def _replaced_files(row: Item) -> Iterator[objects.ObjectVersion]:
    # A younger file may be of an execution that began after the row was read.
    last = ids.timestamp(datetime.fromisoformat(row["unfinishedSince"]) + timedelta(minutes=EXECUTION_MINUTES))
    prefix = f"processed/{row['userId']}/{row['imageId']}-"
    for file in objects.list_versions(Settings.S3_OUTPUT_BUCKET.get(), prefix):
        if is_leftover(row, file.key) and ids.timestamp(file.modified) <= last:
            yield file
