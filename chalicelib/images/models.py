"""The row of an image: what is known of a picture, its status, and its finished files. Owns IMAGES_TABLE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from chalicelib.core import config
from chalicelib.core.aws import objects
from chalicelib.core.aws.tables import Table

IMAGES = Table("IMAGES_TABLE", "userId", "imageId")
# What is not finished, by its status and since when it has it: the rest of the table is not in there.
UNFINISHED = Table("IMAGES_TABLE", "unfinished", "unfinishedSince", index="by-unfinished")

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}


class Status(StrEnum):
    PENDING = "PENDING"
    UPLOADED = "UPLOADED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    DELETED = "DELETED"


def unfinished(status: Status, since: str) -> dict[str, str]:
    """What puts a row into the index of what is not finished."""
    return {"unfinished": str(status), "unfinishedSince": since}


# What leaves the index goes by; the state machine (infra/image_pipeline.asl.json) removes the same.
FINISHED = ("unfinished", "unfinishedSince")


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
    """One picture of one user. `reason` is "code: sentence" where the image failed; times are ISO 8601 UTC.

    `processed_at` is when its variants were finished, `last_action_at` when an action of its owner last used it.

    `redriven` says that the sweeper has led the image on once, since its owner last had it processed;
    `correlation_id` is of the request that it was announced by, or last processed for.
    """

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
    last_action_at: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    placeholder: str | None = None
    recipe: str | None = None
    variants: tuple[Variant, ...] = ()
    api_key_id: str | None = None
    started_at: str | None = None
    unfinished_since: str | None = None
    redriven: bool = False
    original_gone: bool = False
    correlation_id: str | None = None

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
            last_action_at=item.get("lastActionAt"),
            metadata=item.get("metadata", {}),
            placeholder=item.get("placeholder"),
            recipe=item.get("recipe"),
            variants=tuple(Variant.from_item(variant) for variant in item.get("variants", ())),
            api_key_id=item.get("apiKeyId"),
            started_at=item.get("startedAt"),
            unfinished_since=item.get("unfinishedSince"),
            redriven=item.get("redriven") is True,
            original_gone=item.get("originalGone") is True,
            correlation_id=item.get("correlationId"),
        )

    @property
    def is_finished(self) -> bool:
        return self.status in (Status.COMPLETED, Status.FAILED)

    def to_item(self) -> dict[str, Any]:
        """The row of an image that is new."""
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
            "apiKeyId": self.api_key_id,
            "correlationId": self.correlation_id,
            **unfinished(self.status, self.uploaded_at or self.created_at),
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
            "lastActionAt": self.last_action_at,
            "variants": [
                {**variant.to_item(), "name": variant.name, "url": link_to(variant)} for variant in self.variants
            ],
        }


def bytes_kept(item: Mapping[str, Any]) -> int:
    """What an image's row says that its files take: the original, and the variants."""
    if item.get("status") in (None, Status.PENDING, Status.DELETED):
        return 0
    original = 0 if item.get("originalGone") else int(item.get("fileSize", 0))
    return original + sum(int(variant["fileSize"]) for variant in item.get("variants", ()))


def link_to(variant: Variant) -> str:
    """A URL that lets anyone who has it read the file, as long as `objects.link` says."""
    return objects.link(config.get("S3_OUTPUT_BUCKET"), variant.s3_key)
