"""The table record of an image: its file, its status, and its variants. Owns IMAGES_TABLE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import S3Operation, required_env_vars
from chalicelib.core.aws.records import EXPORTED, LATER, REASON, SHOWN, Exported, Record, Shown, Stored, derived
from chalicelib.core.aws.tables import Attr, Table
from chalicelib.core.errors import NotFoundError
from chalicelib.core.presets.values import DEFAULT
from chalicelib.core.schemas import TEXT
from chalicelib.core.settings import Settings
from chalicelib.images.retries import is_waiting
from chalicelib.images.texts import to_caseless

IMAGES = Table(Settings.IMAGES_TABLE, "userId", "imageId")
# A sparse index: only unfinished images, by status and the time when they got it.
UNFINISHED = Table(Settings.IMAGES_TABLE, "unfinished", "unfinishedSince", index="by-unfinished")

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
}


class Status(StrEnum):
    PENDING = "PENDING"
    UPLOADED = "UPLOADED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    DELETED = "DELETED"


# What a caller can see and ask for.
STATUS = {"enum": [str(status) for status in Status if status is not Status.DELETED]}


def unfinished(status: Status, since: str) -> dict[str, str]:
    """The attributes that put a row into the index of unfinished images."""
    return {"unfinished": str(status), "unfinishedSince": since}


# In place of the status, in that index: a PENDING image whose file is not announced, since Darkroom itself brings it.
IMPORTING = "IMPORTING"

# The attributes to remove when nothing is left to do for an image. The state machine (infra/image_pipeline.asl.json)
# does the same.
FINISHED = ("unfinished", "unfinishedSince")


# What `GET /images` compares with its `name`, since DynamoDB compares case.
CASELESS_NAME, CASELESS_TITLE = "caselessName", "caselessTitle"


def title_in_lists(title: str | None) -> dict[str, str | None]:
    """The attribute by which a list finds the title."""
    return {CASELESS_TITLE: None if title is None else to_caseless(title)}


@required_env_vars(objects.link, {"S3_OUTPUT_BUCKET": [S3Operation.GET_OBJECT]})
def output_link(key: str, file_name: str | None = None) -> str:
    """`objects.link` to a file in the output bucket."""
    return objects.link(Settings.S3_OUTPUT_BUCKET.get(), key, file_name)


@dataclass(frozen=True)
class Variant(Record):
    """One finished file: `size` names it, `dimensions` are its actual ones ("800x533"), `file_size` is in bytes.

    `quality` is the one that was measured, `recipe` the fingerprint of how it was made.
    """

    size: Annotated[str, SHOWN, EXPORTED]
    dimensions: Annotated[str, SHOWN, EXPORTED]
    format: Annotated[str, SHOWN, EXPORTED]
    s3_key: Annotated[str, SHOWN, EXPORTED]
    file_size: Annotated[int, SHOWN, EXPORTED]
    watermarked: Annotated[bool, SHOWN, EXPORTED]
    frames: Annotated[int, SHOWN, EXPORTED, LATER] = 1
    quality: Annotated[int | None, SHOWN] = None
    recipe: str | None = None

    @property
    @derived(TEXT, SHOWN, EXPORTED)
    def name(self) -> str:
        return f"{self.size}-watermarked" if self.watermarked else self.size

    @property
    @derived(TEXT)
    def url(self) -> str:
        """A URL that lets anyone who has it read the file, as long as `objects.link` says."""
        return output_link(self.s3_key)


@dataclass(frozen=True)
class FocalPoint(Record):
    """What matters most in a picture: shares of its width and height, from the top left corner of the upright picture.

    A crop keeps it as near to its middle as the picture allows.
    """

    x: Annotated[float, SHOWN, EXPORTED]
    y: Annotated[float, SHOWN, EXPORTED]

    @property
    def place(self) -> tuple[float, float]:
        return self.x, self.y


@dataclass(frozen=True, kw_only=True)
class Image(Record):
    """One picture of one user. `reason` is "code: sentence" where the image failed; times are ISO 8601 UTC.

    `title`, `tags` and `focal_point` are its owner's words about it (images/descriptions.py).

    `processed_at` is when its variants were finished, `last_action_at` when an action of its owner last used it.

    `last_failure` is the "code: sentence" of a COMPLETED image whose last new processing failed: its variants are those
    of before. `retries` counts the tries after the first one (images/retries.py).

    `wanted_preset` is the one that its owner named last, and `recipe` says by which one its variants were made
    (images/recipes.py).

    `redriven`: the sweeper has had its lost files made again, since its owner last had it processed.
    `correlation_id` is of the request that announced the image, or last had it processed.
    """

    user_id: str
    image_id: Annotated[str, SHOWN, Exported("Image")]
    file_name: Annotated[str, SHOWN, Exported("File name")]
    title: Annotated[str | None, SHOWN, Exported("Title")] = None
    tags: Annotated[tuple[str, ...], SHOWN, Exported("Tags"), LATER] = ()
    focal_point: Annotated[FocalPoint | None, SHOWN, Exported("Focal point")] = None
    file_type: Annotated[str, SHOWN, Exported("Type")]
    file_size: Annotated[int | None, SHOWN, Exported("Size", "bytes")] = None
    s3_key: Annotated[str, Exported("File key", name="fileKey")]
    status: Annotated[Status, Shown(schema=STATUS), Exported("Status")]
    reason: Annotated[str | None, REASON, Exported("Reason")] = None
    last_failure: Annotated[str | None, REASON] = None
    last_failure_at: Annotated[str | None, SHOWN] = None
    metadata: Annotated[Mapping[str, Any], SHOWN, Exported("Metadata"), LATER] = field(default_factory=dict)
    placeholder: Annotated[str | None, SHOWN, Exported("Placeholder")] = None
    variants: Annotated[tuple[Variant, ...], Shown(last=True), Exported("Variants"), LATER] = ()
    api_key_id: Annotated[str | None, Exported("Announced with")] = None
    created_at: Annotated[str, SHOWN, Exported("Created", "time")]
    uploaded_at: Annotated[str | None, SHOWN, Exported("Uploaded", "time")] = None
    processed_at: Annotated[str | None, SHOWN, Exported("Processed", "time")] = None
    last_action_at: Annotated[str | None, SHOWN] = None
    object_version: str | None = None
    execution: str | None = None
    recipe: str | None = None
    wanted_preset: Annotated[str | None, Stored("preset")] = None
    started_at: str | None = None
    unfinished: str | None = None
    unfinished_since: str | None = None
    retries: Annotated[int, LATER] = 0
    redriven: Annotated[bool, LATER] = False
    original_gone: Annotated[bool, LATER] = False
    correlation_id: str | None = None

    @property
    @derived(TEXT, SHOWN, Exported("Preset"), after="placeholder")
    def preset(self) -> str:
        """The preset by which its variants were made; before there are any, the one by which they will be."""
        if self.recipe is None:
            return self.wanted_preset or DEFAULT
        name, _, fingerprint = self.recipe.partition("/")
        return name if fingerprint else DEFAULT

    @property
    def is_finished(self) -> bool:
        return self.status in (Status.COMPLETED, Status.FAILED)

    @property
    def may_run_again(self) -> bool:
        """Whether no execution works on it, so that its owner may have it processed now."""
        return self.is_finished or (self.status is Status.PROCESSING and is_waiting(self.unfinished))

    def to_item(self) -> dict[str, Any]:
        """The row of a new image."""
        in_lists = {CASELESS_NAME: to_caseless(self.file_name)}
        return {**super().to_item(), **in_lists, **unfinished(self.status, self.uploaded_at or self.created_at)}

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


@dataclass(frozen=True, kw_only=True)
class Tombstone(Record):
    """All that is left of a deleted image, so that a late event does not bring it back.

    `ttl` is when it goes, in epoch seconds. A deletion is counted unless it is `erased`, with the whole account, or
    `expired`, because no upload came. It is `unfinished` until nothing can write a file of the image any more.
    """

    user_id: str
    image_id: str
    status: Status = Status.DELETED
    ttl: int
    erased: Annotated[bool, LATER] = False
    expired: Annotated[bool, LATER] = False
    unfinished: str | None = None
    unfinished_since: str | None = None


# A condition on a row.
IS_THERE = Attr("status").exists() & Attr("status").ne(Status.DELETED)


class ImageNotFoundError(NotFoundError):
    code, message = "IMAGE_NOT_FOUND", "There is no such image."
    next_step = "Call list_images for the ids of your images."


def find(user_id: str, image_id: str) -> Image | None:
    item = IMAGES.get(user_id, image_id)
    return None if item is None or item["status"] == Status.DELETED else Image.from_item(item)


def get(user_id: str, image_id: str) -> Image:
    """The image of that user.

    Raises:
        ImageNotFoundError: the user has none of that id; another user may have it.
    """
    image = find(user_id, image_id)
    if image is None:
        raise ImageNotFoundError
    return image


def bytes_kept(item: Mapping[str, Any]) -> int:
    """How many bytes the files of an image's row take: the original, and the variants."""
    if item.get("status") in (None, Status.PENDING, Status.DELETED):
        return 0
    original = 0 if item.get("originalGone") else int(item.get("fileSize", 0))
    return original + sum(int(variant["fileSize"]) for variant in item.get("variants", ()))
