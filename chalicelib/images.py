"""Images: their states, their variants, and who sees them. Owns IMAGES_TABLE.

    PENDING → UPLOADED → PROCESSING → COMPLETED | FAILED(reason)
    COMPLETED | FAILED → PROCESSING (run again);  any → DELETED

Every transition is one conditional write, so events that come twice or late change nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from chalicelib.core import aws, config, records
from chalicelib.core.errors import ConflictError, NotFoundError
from chalicelib.core.table import Attr, ConditionFailedError, Page, Table

IMAGES = Table("IMAGES_TABLE", "userId", "imageId")

# What is deleted leaves a stone for this long, so that a late event does not bring it back.
_TOMBSTONE_DAYS = 30
MAX_PAGE = 100
DEFAULT_PAGE = 20
# S3 takes at most this many keys in one deletion.
_KEYS_A_DELETION = 1000

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}
_UPLOAD_KEY = re.compile(
    r"uploads/(?P<user_id>[\w-]{1,64})/(?P<image_id>[\w-]{1,64})\.(?P<extension>[a-z]{3,4})", re.ASCII
)


class Status(StrEnum):
    PENDING = "PENDING"
    UPLOADED = "UPLOADED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    DELETED = "DELETED"


_IMAGE_ID = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,64}$"}
_ONE = {"type": "object", "properties": {"imageId": _IMAGE_ID}, "required": ["imageId"], "additionalProperties": False}
GET = DELETE = REPROCESS = _ONE
GET_VARIANT = {
    "type": "object",
    "properties": {"imageId": _IMAGE_ID, "name": {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,80}$"}},
    "required": ["imageId", "name"],
    "additionalProperties": False,
}
LIST = {
    "type": "object",
    "properties": {
        "status": {"enum": [str(status) for status in Status if status is not Status.DELETED]},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
        "cursor": {"type": "string", "maxLength": 200},
    },
    "additionalProperties": False,
}


class ImageNotFoundError(NotFoundError):
    code, message = "IMAGE_NOT_FOUND", "There is no such image."


class VariantNotFoundError(NotFoundError):
    code, message = "VARIANT_NOT_FOUND", "This image has no such variant."


class ImageBusyError(ConflictError):
    code, message = "IMAGE_NOT_FINISHED", "Only an image that is COMPLETED or FAILED can be processed again."


@dataclass(frozen=True)
class Variant:
    """One finished file: `size` names it, `dimensions` are its actual ones ("800x533"), `file_size` is in bytes."""

    size: str
    dimensions: str
    format: str
    s3_key: str
    file_size: int
    watermarked: bool

    @property
    def name(self) -> str:
        return f"{self.size}-watermarked" if self.watermarked else self.size

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        return cls(
            size=item["size"],
            dimensions=item["dimensions"],
            format=item["format"],
            s3_key=item["s3Key"],
            file_size=int(item["fileSize"]),
            watermarked=item["watermarked"] is True,
        )

    def to_item(self) -> dict[str, Any]:
        return {
            "size": self.size,
            "dimensions": self.dimensions,
            "format": self.format,
            "s3Key": self.s3_key,
            "fileSize": self.file_size,
            "watermarked": self.watermarked,
        }


@dataclass(frozen=True)
class Image:
    """One picture of one user. `reason` is "code: sentence" where the image failed; times are ISO 8601 UTC."""

    user_id: str
    image_id: str
    file_name: str
    file_type: str
    s3_key: str
    status: Status
    created_at: str
    file_size: int | None = None
    object_version: str | None = None
    execution: str | None = None
    reason: str | None = None
    uploaded_at: str | None = None
    processed_at: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    placeholder: str | None = None
    recipe: str | None = None
    variants: tuple[Variant, ...] = ()

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        size = item.get("fileSize")
        return cls(
            user_id=item["userId"],
            image_id=item["imageId"],
            file_name=item["fileName"],
            file_type=item["fileType"],
            s3_key=item["s3Key"],
            status=Status(item["status"]),
            created_at=item["createdAt"],
            file_size=None if size is None else int(size),
            object_version=item.get("objectVersion"),
            execution=item.get("execution"),
            reason=item.get("reason"),
            uploaded_at=item.get("uploadedAt"),
            processed_at=item.get("processedAt"),
            metadata=item.get("metadata", {}),
            placeholder=item.get("placeholder"),
            recipe=item.get("recipe"),
            variants=tuple(Variant.from_item(variant) for variant in item.get("variants", ())),
        )

    def to_item(self) -> dict[str, Any]:
        return {
            "userId": self.user_id,
            "imageId": self.image_id,
            "fileName": self.file_name,
            "fileType": self.file_type,
            "s3Key": self.s3_key,
            "status": str(self.status),
            "createdAt": self.created_at,
            "fileSize": self.file_size,
            "objectVersion": self.object_version,
            "uploadedAt": self.uploaded_at,
        }

    def message(self) -> dict[str, Any]:
        """The image as the upload queue's message, and as the input of the pipeline's steps."""
        return {
            "imageId": self.image_id,
            "userId": self.user_id,
            "s3Key": self.s3_key,
            "fileName": self.file_name,
            "fileSize": self.file_size or 0,
            "fileType": self.file_type,
        }

    def shown(self) -> dict[str, Any]:
        """The image as its owner sees it."""
        code, _, sentence = (self.reason or "").partition(": ")
        return {
            "imageId": self.image_id,
            "fileName": self.file_name,
            "fileType": self.file_type,
            "fileSize": self.file_size,
            "status": self.status,
            "reason": {"code": code, "message": sentence} if self.reason else None,
            "metadata": self.metadata,
            "placeholder": self.placeholder,
            "createdAt": self.created_at,
            "uploadedAt": self.uploaded_at,
            "processedAt": self.processed_at,
            "variants": [
                {**variant.to_item(), "name": variant.name, "url": link_to(variant)} for variant in self.variants
            ],
        }


def link_to(variant: Variant) -> str:
    """A URL that lets anyone who has it read the file, for LINK_EXPIRY_SECONDS."""
    url: str = aws.client("s3").generate_presigned_url(
        "get_object",
        Params={"Bucket": config.get("S3_OUTPUT_BUCKET"), "Key": variant.s3_key},
        ExpiresIn=config.integer("LINK_EXPIRY_SECONDS"),
    )
    return url


# ------------------------------------------------------------------ reading


def find(user_id: str, image_id: str) -> Image | None:
    item = IMAGES.get(user_id, image_id)
    return None if item is None or item["status"] == Status.DELETED else Image.from_item(item)


def get(user_id: str, image_id: str) -> Image:
    """The caller's own image.

    Raises:
        ImageNotFoundError: there is none of that id, or it is another user's: the same to the caller.
    """
    found = find(user_id, image_id)
    if found is None:
        raise ImageNotFoundError
    return found


def listed(user_id: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the caller's images, newest first, of one status where asked."""
    keep = Attr("status").eq(data["status"]) if "status" in data else Attr("status").ne(Status.DELETED)
    after = records.from_cursor(data["cursor"]) if "cursor" in data else None
    page = IMAGES.page(user_id, limit=data.get("limit", DEFAULT_PAGE), after=after, keep=keep)
    return {
        "items": [Image.from_item(item).shown() for item in page.items],
        "nextCursor": None if page.next_after is None else records.to_cursor(page.next_after),
    }


def variant(user_id: str, image_id: str, name: str, accept: str) -> Variant:
    """The variant of that name in the format that the `Accept` header likes best, ours first where it does not care.

    Raises:
        ImageNotFoundError, VariantNotFoundError: there is none.
    """
    of_name = [found for found in get(user_id, image_id).variants if found.name == name]
    if not of_name:
        raise VariantNotFoundError
    asked = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    return next((found for media in asked for found in of_name if media == f"image/{found.format}"), of_name[0])


# ------------------------------------------------------------- transitions


def create(image: Image) -> None:
    """Writes a new image's row; ConditionFailedError where the id is taken."""
    IMAGES.create(image.to_item())


def uploaded(key: str, size: int, version: str | None) -> Image | None:
    """Notes that the object is there, and gives the image that should now be processed.

    None where the key is not an upload's, the image is deleted, or another version of the object came first:
    an image is what its first upload was. An object that nobody announced gets a row (bulk import).
    """
    parts = _UPLOAD_KEY.fullmatch(key)
    if parts is None:
        return None
    user_id, image_id = parts["user_id"], parts["image_id"]
    arrived = {"fileSize": size, "objectVersion": version, "uploadedAt": records.now()}
    try:
        item = IMAGES.update(
            user_id,
            image_id,
            when=Attr("status").eq(Status.PENDING) & Attr("s3Key").eq(key),
            change={"status": Status.UPLOADED, **arrived},
        )
        return Image.from_item(item)
    except ConditionFailedError:
        return _imported(parts, key, arrived) or _awaiting_same(user_id, image_id, key, version)


def _imported(parts: re.Match[str], key: str, arrived: Mapping[str, Any]) -> Image | None:
    types = {extension: media_type for media_type, extension in EXTENSIONS.items()} | {"jpeg": "image/jpeg"}
    image = Image(
        user_id=parts["user_id"],
        image_id=parts["image_id"],
        file_name=f"{parts['image_id']}.{parts['extension']}",
        file_type=types.get(parts["extension"], f"image/{parts['extension']}"),
        s3_key=key,
        status=Status.UPLOADED,
        created_at=arrived["uploadedAt"],
        file_size=arrived["fileSize"],
        object_version=arrived["objectVersion"],
        uploaded_at=arrived["uploadedAt"],
    )
    try:
        create(image)
    except ConditionFailedError:
        return None
    return image


def _awaiting_same(user_id: str, image_id: str, key: str, version: str | None) -> Image | None:
    """The image whose first event was noted but perhaps never queued: the same event again may queue it."""
    image = find(user_id, image_id)
    same = image is not None and (image.s3_key, image.object_version) == (key, version)
    return image if same and image is not None and image.status is Status.UPLOADED else None


def first_execution(image_id: str) -> str:
    return f"{image_id}-1"


def next_execution(execution: str) -> str:
    """The name of the attempt after that one: `img_x-1` → `img_x-2`."""
    image_id, _, attempt = execution.rpartition("-")
    return f"{image_id}-{int(attempt) + 1}"


def claim(user_id: str, image_id: str, retry_of: str | None) -> Image | None:
    """Takes the image for one execution, and records its name: the gate against events that come twice.

    None where there is nothing to run: it runs or ran already, was deleted, or never was. A claim whose
    execution was not yet begun is given again, so that a claimer who died does not leave it stuck.
    """
    name = first_execution(image_id) if retry_of is None else next_execution(retry_of)
    ready: Any = Attr("status").eq(Status.UPLOADED)
    if retry_of is not None:
        finished = Attr("status").is_in([Status.COMPLETED, Status.FAILED])
        ready = finished & Attr("execution").eq(retry_of)
    not_begun = Attr("status").eq(Status.PROCESSING) & Attr("execution").eq(name) & Attr("startedAt").not_exists()
    try:
        return Image.from_item(_to_processing(user_id, image_id, name, ready | not_begun))
    except ConditionFailedError:
        return None


def _to_processing(user_id: str, image_id: str, execution: str, when: Any) -> dict[str, Any]:
    return IMAGES.update(
        user_id,
        image_id,
        when=when,
        change={"status": Status.PROCESSING, "execution": execution},
        remove=["startedAt", "reason"],
    )


def run_again(user_id: str, image_id: str) -> tuple[Image, str]:
    """Leads a finished image back to PROCESSING; gives it and the execution that the new one follows.

    Raises:
        ImageNotFoundError: there is none.
        ImageBusyError: it is not finished.
    """
    image = get(user_id, image_id)
    if image.status not in (Status.COMPLETED, Status.FAILED) or image.execution is None:
        raise ImageBusyError
    unchanged = Attr("status").eq(image.status) & Attr("execution").eq(image.execution)
    try:
        again = _to_processing(user_id, image_id, next_execution(image.execution), unchanged)
    except ConditionFailedError:
        raise ImageBusyError from None
    return Image.from_item(again), image.execution


def put_back(image: Image, execution: str) -> None:
    """Undoes `run_again` where the new execution could not be asked for."""
    IMAGES.update(
        image.user_id,
        image.image_id,
        when=Attr("status").eq(Status.PROCESSING) & Attr("execution").eq(next_execution(execution)),
        change={"status": image.status, "execution": execution, "reason": image.reason},
    )


# ------------------------------------------------------------------ erasing


def delete(user_id: str, image_id: str) -> None:
    """Deletes the image and every version of its files.

    Raises:
        ImageNotFoundError: there is none.
    """
    get(user_id, image_id)
    try:
        _bury(user_id, image_id)
    except ConditionFailedError:
        raise ImageNotFoundError from None
    _delete_files(user_id, f"{image_id}.", f"{image_id}-")


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


def _bury(user_id: str, image_id: str) -> None:
    """Leaves of the row only that it is deleted; what it said of the picture and its owner goes."""
    expires = datetime.now(UTC) + timedelta(days=_TOMBSTONE_DAYS)
    told = ("fileName", "metadata", "placeholder", "variants", "reason", "objectVersion", "startedAt")
    IMAGES.update(
        user_id,
        image_id,
        when=Attr("status").exists() & Attr("status").ne(Status.DELETED),
        change={"status": Status.DELETED, "ttl": int(expires.timestamp())},
        remove=told,
    )


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
