"""Erasing images: every version of their files, and all that their rows say of them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from chalicelib.core import config
from chalicelib.core.aws import objects
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Page
from chalicelib.images.models import IMAGES, Image, Status
from chalicelib.images.service import MAX_PAGE, ImageNotFoundError

# A deleted image leaves a tombstone for this long, so that a late event does not bring it back.
_TOMBSTONE_DAYS = 30
# All that a tombstone has: the image's key, that it is deleted, until when, and how the deletion is counted.
TOMBSTONE = frozenset({"userId", "imageId", "status", "ttl", "erased", "expired"})


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
        page = IMAGES.page(user_id, limit=MAX_PAGE, after=None if page is None else page.next_after)
        for item in page.items:
            # Deletions by version 0.1.0 left more than is left now.
            if not set(item) <= TOMBSTONE:
                # The day's sums of a user who is gone are gone as well.
                _bury(user_id, item["imageId"], when=Attr("status").exists(), note={"erased": True})
    _delete_files(user_id, "", "")


def expire(image: Image) -> bool:
    """Ends a PENDING image whose upload never came, as a deletion that counts as none. False: it came after all."""
    return _bury(image.user_id, image.image_id, when=Attr("status").eq(Status.PENDING), note={"expired": True})


_THERE = Attr("status").exists() & Attr("status").ne(Status.DELETED)


def _bury(user_id: str, image_id: str, when: Any = _THERE, note: Mapping[str, Any] = MappingProxyType({})) -> bool:
    """Puts a tombstone in the row's place, so that nothing else of the row is left. False: `when` did not hold."""
    expires = datetime.now(UTC) + timedelta(days=_TOMBSTONE_DAYS)
    tombstone = {
        **IMAGES.key(user_id, image_id),
        "status": str(Status.DELETED),
        "ttl": int(expires.timestamp()),
        **note,
    }
    try:
        IMAGES.put(tombstone, when=when)
    except ConditionFailedError:
        return False
    return True


def _delete_files(user_id: str, upload_prefix: str, variant_prefix: str) -> None:
    objects.discard_all(config.get("S3_INPUT_BUCKET"), f"uploads/{user_id}/{upload_prefix}")
    objects.discard_all(config.get("S3_OUTPUT_BUCKET"), f"processed/{user_id}/{variant_prefix}")
