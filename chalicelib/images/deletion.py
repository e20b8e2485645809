"""Erasing images: every version of their files, and all of their rows but a tombstone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, required_env_vars
from chalicelib.core.aws.tables import Attr, ConditionFailedError
from chalicelib.core.errors import raises
from chalicelib.core.settings import Settings
from chalicelib.images.models import IMAGES, IS_THERE, Image, ImageNotFoundError, Status, Tombstone, unfinished

_TOMBSTONE_KEPT = timedelta(days=30)


@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
        "S3_OUTPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
    }
)
@raises(ImageNotFoundError)
def delete(user_id: str, image_id: str) -> None:
    """Deletes the image and every version of its files.

    Raises:
        ImageNotFoundError: there is none.
    """
    row = IMAGES.get(user_id, image_id)
    if row is None:
        raise ImageNotFoundError
    was_there = _put_tombstone(user_id, image_id, is_in_use=True)
    # Also if the image was deleted before: that deletion may have been interrupted here.
    delete_files(user_id, image_id)
    if not was_there:
        raise ImageNotFoundError


@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.QUERY, DynamoDBOperation.PUT_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
        "S3_OUTPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
    }
)
def erase_all(user_id: str) -> None:
    """Deletes all images of a user. A run after one that was interrupted finds what is left."""
    for item in IMAGES.all_of(user_id):
        # Version 0.1.0 left more of a deleted image.
        if not set(item) <= Tombstone.attributes():
            is_in_use = item["status"] in (Status.UPLOADED, Status.PROCESSING)
            _put_tombstone(user_id, item["imageId"], Attr("status").exists(), erased=True, is_in_use=is_in_use)
    _delete_all(user_id, "", "")


def expire(image: Image) -> bool:
    """Deletes a PENDING image whose upload never came, without counting it. False: the upload has come."""
    is_pending = Attr("status").eq(Status.PENDING)
    return _put_tombstone(image.user_id, image.image_id, when=is_pending, expired=True)


def delete_files(user_id: str, image_id: str) -> None:
    """Deletes every version of every file of an image, and what actions have made of it."""
    _delete_all(user_id, f"{image_id}.", f"{image_id}-")


def _put_tombstone(
    user_id: str,
    image_id: str,
    when: Any = IS_THERE,
    *,
    erased: bool = False,
    expired: bool = False,
    is_in_use: bool = False,
) -> bool:
    """Replaces the whole row by a tombstone. False: `when` did not hold.

    `is_in_use`: a step or an action may be writing a file of the image, so the sweeper looks for files later.
    """
    ttl = int((datetime.now(UTC) + _TOMBSTONE_KEPT).timestamp())
    tombstone = Tombstone(user_id=user_id, image_id=image_id, ttl=ttl, erased=erased, expired=expired)
    later = unfinished(Status.DELETED, ids.now()) if is_in_use else {}
    try:
        IMAGES.put(tombstone.to_item() | later, when=when)
    except ConditionFailedError:
        return False
    return True


def _delete_all(user_id: str, upload_prefix: str, variant_prefix: str) -> None:
    objects.delete_all(Settings.S3_INPUT_BUCKET.get(), f"uploads/{user_id}/{upload_prefix}")
    objects.delete_all(Settings.S3_OUTPUT_BUCKET.get(), f"processed/{user_id}/{variant_prefix}")
