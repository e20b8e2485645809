"""Erasing images: every version of their files, and all that their rows say of them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from chalicelib.core import aws, config
from chalicelib.core.table import Attr, ConditionFailedError, Page
from chalicelib.images.reading import MAX_PAGE, ImageNotFoundError
from chalicelib.images.record import IMAGES, Status

# What is deleted leaves a stone for this long, so that a late event does not bring it back.
_TOMBSTONE_DAYS = 30
# S3 takes at most this many keys in one deletion.
_KEYS_A_DELETION = 1000


def delete(user_id: str, image_id: str) -> None:
    """Deletes the image and every version of its files.

    Raises:
        ImageNotFoundError: there is none.
    """
    row = IMAGES.get(user_id, image_id)
    if row is None:
        raise ImageNotFoundError
    was_there = _bury(user_id, image_id)
    # Of an image that is deleted already, too: that deletion may have been cut off here.
    _delete_files(user_id, f"{image_id}.", f"{image_id}-")
    if not was_there:
        raise ImageNotFoundError


def erase_all(user_id: str) -> None:
    """Deletes all images of a user; what a cut-off run left is found again by the next."""
    page: Page | None = None
    while page is None or page.next_after is not None:
        page = IMAGES.page(
            user_id,
            limit=MAX_PAGE,
            after=None if page is None else page.next_after,
            keep=Attr("status").ne(Status.DELETED),
        )
        for item in page.items:
            _bury(user_id, item["imageId"])
    _delete_files(user_id, "", "")


def _bury(user_id: str, image_id: str) -> bool:
    """Leaves of the row only that it is deleted; what it said of the picture and its owner goes. False: it had gone."""
    expires = datetime.now(UTC) + timedelta(days=_TOMBSTONE_DAYS)
    told = ("fileName", "metadata", "placeholder", "variants", "reason", "objectVersion", "startedAt")
    try:
        IMAGES.update(
            user_id,
            image_id,
            when=Attr("status").exists() & Attr("status").ne(Status.DELETED),
            change={"status": Status.DELETED, "ttl": int(expires.timestamp())},
            remove=told,
        )
    except ConditionFailedError:
        return False
    return True


def _delete_files(user_id: str, upload_prefix: str, variant_prefix: str) -> None:
    _delete_versions(config.get("S3_INPUT_BUCKET"), f"uploads/{user_id}/{upload_prefix}")
    _delete_versions(config.get("S3_OUTPUT_BUCKET"), f"processed/{user_id}/{variant_prefix}")


def _delete_versions(bucket: str, prefix: str) -> None:
    # A plain deletion in a versioned bucket hides the bytes; deleting versions removes them.
    pages = aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        for some in _in_chunks([{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]):
            aws.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})


def _in_chunks(objects: list[dict[str, str]]) -> Iterable[list[dict[str, str]]]:
    return (objects[start : start + _KEYS_A_DELETION] for start in range(0, len(objects), _KEYS_A_DELETION))
