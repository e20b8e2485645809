"""Erasing images: every version of their files, and all that their rows say of them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from chalicelib.core import config, objects
from chalicelib.core.table import Attr, ConditionFailedError, Page
from chalicelib.images.reading import MAX_PAGE, ImageNotFoundError
from chalicelib.images.record import FINISHED, IMAGES, Image, Status

# What is deleted leaves a stone for this long, so that a late event does not bring it back.
_TOMBSTONE_DAYS = 30


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
            # The day's sums of a user who is gone are gone as well.
            _bury(user_id, item["imageId"], note={"erased": True})
    _delete_files(user_id, "", "")


def expire(image: Image) -> bool:
    """Ends a PENDING image whose upload never came, as a deletion that counts as none. False: it came after all."""
    return _bury(image.user_id, image.image_id, when=Attr("status").eq(Status.PENDING), note={"expired": True})


_THERE = Attr("status").exists() & Attr("status").ne(Status.DELETED)


def _bury(user_id: str, image_id: str, when: Any = _THERE, note: Mapping[str, Any] = MappingProxyType({})) -> bool:
    """Leaves of the row only that it is deleted; what it said of the picture and its owner goes. False: it had gone."""
    expires = datetime.now(UTC) + timedelta(days=_TOMBSTONE_DAYS)
    told = (
        *("fileName", "fileType", "fileSize", "s3Key", "objectVersion", "apiKeyId", "metadata", "placeholder"),
        *(
            "variants",
            "reason",
            "recipe",
            "startedAt",
            "uploadedAt",
            "processedAt",
            "lastActionAt",
            "redriven",
            "originalGone",
        ),
    )
    try:
        IMAGES.update(
            user_id,
            image_id,
            when=when,
            change={"status": Status.DELETED, "ttl": int(expires.timestamp()), **note},
            remove=[*told, *FINISHED],
        )
    except ConditionFailedError:
        return False
    return True


def _delete_files(user_id: str, upload_prefix: str, variant_prefix: str) -> None:
    objects.discard_all(config.get("S3_INPUT_BUCKET"), f"uploads/{user_id}/{upload_prefix}")
    objects.discard_all(config.get("S3_OUTPUT_BUCKET"), f"processed/{user_id}/{variant_prefix}")
