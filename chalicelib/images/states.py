"""The states of an image. Each change is one conditional write: an event that comes twice or late changes nothing.

    PENDING → UPLOADED → PROCESSING → COMPLETED | FAILED(reason)
    COMPLETED | FAILED → PROCESSING (run again);  any → DELETED
    PENDING → FAILED (an import; → PENDING again if the fault was ours)

An image that was COMPLETED never becomes FAILED because a new processing fails: it is COMPLETED again, with the files
that it had, and its `lastFailure` says why. After a fault of ours an image waits for its next try (images/retries.py),
COMPLETED if it was that before, else PROCESSING.

The state machine (infra/image_pipeline.asl.json) writes the change from PROCESSING to COMPLETED or FAILED.
"""

import re
from collections.abc import Mapping
from typing import Any

from chalicelib.core import ids, log
from chalicelib.core.aws.tables import Attr, ConditionFailedError
from chalicelib.core.errors import ConflictError
from chalicelib.core.http import deeds
from chalicelib.core.http.operations import Caller
from chalicelib.images.models import EXTENSIONS, IMAGES, IMPORTING, Image, Status, find, get, unfinished

_UPLOAD_KEY = re.compile(
    r"uploads/(?P<user_id>[\w-]{1,64})/(?P<image_id>\w{1,64})\.(?P<extension>[a-z]{3,4})", re.ASCII
)

# Other file extensions of accepted types.
_OTHER_EXTENSIONS = {**dict.fromkeys(("jpeg", "jpe", "jfif", "mpo"), "image/jpeg"), "apng": "image/png"}

# The type of a picture that is not fetched yet.
UNKNOWN_TYPE = "application/octet-stream"
IMPORT_FAILED = "IMPORT_FAILED: The picture was not fetched because of a fault on our side; it can be imported again."


class OriginalGoneError(ConflictError):
    code, message = "ORIGINAL_GONE", "The file of this image was refused and is not stored: upload it anew."
    next_step = "Send another picture with import_image or create_upload."


class ImageBusyError(ConflictError):
    code = "IMAGE_NOT_FINISHED"
    message = "Only an image that is finished, or waits for another try, can be processed again."
    next_step = "Call wait_for_image with its imageId, then call again."


def announce(
    user: Caller,
    file_name: str,
    file_type: str,
    file_size: int | None = None,
    *,
    preset: str | None = None,
    importing: bool = False,
) -> Image:
    """Writes the row of a new image, PENDING until its file comes. `importing`: Darkroom itself brings the file.

    If an earlier try of the request has written it, gives that image.
    """
    image = _new_image(user, deeds.new_id("img"), file_name, file_type, file_size, preset)
    more = {"unfinished": IMPORTING} if importing else {}
    try:
        IMAGES.create(image.to_item() | more)
    except ConditionFailedError:
        if (before := find(user.id, image.image_id)) is not None:
            return before
        # It was withdrawn or deleted since, and leaves its tombstone.
        image = _new_image(user, ids.new_id("img"), file_name, file_type, file_size, preset)
        IMAGES.create(image.to_item() | more)
    return image


def _new_image(
    user: Caller, image_id: str, file_name: str, file_type: str, file_size: int | None, preset: str | None
) -> Image:
    return Image(
        user_id=user.id,
        image_id=image_id,
        file_name=file_name,
        file_type=file_type,
        s3_key=_upload_key(user.id, image_id, file_type),
        status=Status.PENDING,
        created_at=ids.now(),
        file_size=file_size,
        api_key_id=user.api_key_id,
        wanted_preset=preset,
        correlation_id=log.correlation_id(),
    )


def _upload_key(user_id: str, image_id: str, file_type: str) -> str:
    return f"uploads/{user_id}/{image_id}.{EXTENSIONS.get(file_type, 'bin')}"


def create(image: Image) -> None:
    """Writes a new image's row; ConditionFailedError where the id is taken."""
    IMAGES.create(image.to_item())


def begin_import(user_id: str, image_id: str) -> Image | None:
    """The image whose file is to be fetched, PENDING again if its import failed for a fault of ours.

    None: its file came, it failed for good, or it is deleted.
    """
    waits = Attr("status").eq(Status.PENDING) & Attr("unfinished").eq(IMPORTING)
    may_pass = Attr("status").eq(Status.FAILED) & Attr("reason").eq(IMPORT_FAILED)
    change = {"status": Status.PENDING, "unfinished": IMPORTING, "unfinishedSince": ids.now()}
    # What `stuck.fail` has set.
    remove = ("reason", "processedAt", "execution", "originalGone")
    try:
        return Image.from_item(IMAGES.update(user_id, image_id, when=waits | may_pass, change=change, remove=remove))
    except ConditionFailedError:
        return None


def name_file(image: Image, file_type: str, file_size: int) -> Image | None:
    """Writes the type and the key of a fetched file, before it is stored. None: the image waits for it no more."""
    waits = Attr("status").eq(Status.PENDING) & Attr("unfinished").eq(IMPORTING)
    key = _upload_key(image.user_id, image.image_id, file_type)
    change = {"fileType": file_type, "fileSize": file_size, "s3Key": key}
    try:
        return Image.from_item(IMAGES.update(image.user_id, image.image_id, when=waits, change=change))
    except ConditionFailedError:
        return None


def mark_uploaded(key: str, size: int, version: str | None) -> Image | None:
    """Marks the image of an uploaded object UPLOADED; gives it if it should now be processed.

    None: the key is not that of an upload, the image is deleted, or another version of the object came first. An
    object that was not announced gets a row (bulk import).
    """
    parts = _UPLOAD_KEY.fullmatch(key)
    if parts is None:
        return None
    user_id, image_id = parts["user_id"], parts["image_id"]
    now = ids.now()
    arrived = {"fileSize": size, "objectVersion": version, "uploadedAt": now}
    try:
        item = IMAGES.update(
            user_id,
            image_id,
            when=Attr("status").eq(Status.PENDING) & Attr("s3Key").eq(key),
            change={"status": Status.UPLOADED, **arrived, **unfinished(Status.UPLOADED, now)},
        )
        return Image.from_item(item)
    except ConditionFailedError:
        return _import(parts, key, arrived) or _same_upload(user_id, image_id, key, version)


def _import(parts: re.Match[str], key: str, arrived: Mapping[str, Any]) -> Image | None:
    types = {extension: media_type for media_type, extension in EXTENSIONS.items()} | _OTHER_EXTENSIONS
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
        unfinished_since=arrived["uploadedAt"],
        correlation_id=log.correlation_id(),
    )
    try:
        create(image)
    except ConditionFailedError:
        return None
    return image


def _same_upload(user_id: str, image_id: str, key: str, version: str | None) -> Image | None:
    """The image, if the same event came before: its message was perhaps never queued."""
    image = find(user_id, image_id)
    same = image is not None and (image.s3_key, image.object_version) == (key, version)
    return image if same and image is not None and image.status is Status.UPLOADED else None


def is_unused(key: str, version: str | None) -> bool:
    """Whether no image will use that version of the object: it came after the first one, or after the deletion."""
    parts = _UPLOAD_KEY.fullmatch(key)
    row = None if parts is None or version is None else IMAGES.get(parts["user_id"], parts["image_id"])
    return row is not None and (row["status"] == Status.DELETED or row.get("objectVersion") not in (None, version))


def first_execution(image_id: str) -> str:
    return f"{image_id}-1"


def next_execution(execution: str) -> str:
    """The name of the attempt after that one: `img_x-1` → `img_x-2`."""
    image_id, _, attempt = execution.rpartition("-")
    return f"{image_id}-{int(attempt) + 1}"


def previous_execution(execution: str) -> str | None:
    """The name of the attempt before that one; None before the first."""
    image_id, _, attempt = execution.rpartition("-")
    return None if int(attempt) <= 1 else f"{image_id}-{int(attempt) - 1}"


def variant_prefix(user_id: str, image_id: str, execution: str | None) -> str:
    """How the keys of the variants begin that an execution makes.

    A later execution overwrites nothing: the files that the row names are its image's until the row names the new ones.
    """
    is_first = execution is None or previous_execution(execution) is None
    return f"processed/{user_id}/{image_id if is_first else execution}-"


def claim(
    user_id: str,
    image_id: str,
    retry_of: str | None,
    *,
    retries: int = 0,
    redriven: bool = False,
    preset: str | None = None,
) -> Image | None:
    """Claims the image for one execution, and writes the execution's name to its row, with `retries` and `redriven`.

    `preset`: another one than before.

    `retry_of`: the execution before, which has ended: it may have ended so that it could write nothing. None: there is
    none, or it is not known.

    None: there is nothing to run, as it runs or ran already, is deleted or does not exist. A claim whose execution
    has not begun is given again: the run that claimed it may have been killed.
    """
    name = first_execution(image_id) if retry_of is None else next_execution(retry_of)
    is_processing = Attr("status").eq(Status.PROCESSING)
    ready: Any = Attr("status").eq(Status.UPLOADED)
    if retry_of is not None:
        ended = Attr("status").is_in([Status.COMPLETED, Status.FAILED]) | (is_processing & Attr("startedAt").exists())
        ready = ended & Attr("execution").eq(retry_of)
    not_begun = is_processing & Attr("execution").eq(name) & Attr("startedAt").not_exists()
    try:
        return Image.from_item(
            _mark_processing(
                user_id, image_id, name, ready | not_begun, retries=retries, redriven=redriven, preset=preset
            )
        )
    except ConditionFailedError:
        return None


def _mark_processing(
    user_id: str,
    image_id: str,
    execution: str,
    when: Any,
    *,
    retries: int = 0,
    redriven: bool = False,
    preset: str | None = None,
) -> dict[str, Any]:
    return IMAGES.update(
        user_id,
        image_id,
        when=when,
        change={
            "status": Status.PROCESSING,
            "execution": execution,
            "correlationId": log.correlation_id(),
            "retries": retries or None,
            "redriven": redriven or None,
            **({} if preset is None else {"preset": preset}),
            **unfinished(Status.PROCESSING, ids.now()),
        },
        remove=["startedAt", "startedBy", "reason"],
    )


def action_time_update(image: Image) -> dict[str, Any]:
    """The write, for a transaction, of the time when an action last used the image."""
    key = IMAGES.key(image.user_id, image.image_id)
    return IMAGES.to_update(key, {"lastActionAt": ids.now()}, where={"status": str(image.status)})


def run_again(image: Image, preset: str | None = None) -> Image:
    """Marks an image PROCESSING, before its next execution starts; gives the image as it then is.

    `preset`: another one than before.

    Raises:
        ImageBusyError: an execution works on it, or has yet to begin.
    """
    if not image.may_run_again or image.execution is None:
        raise ImageBusyError
    unchanged = Attr("status").eq(image.status) & Attr("execution").eq(image.execution)
    try:
        following = next_execution(image.execution)
        again = _mark_processing(image.user_id, image.image_id, following, unchanged, preset=preset)
    except ConditionFailedError:
        # The execution has already started.
        return get(image.user_id, image.image_id)
    return Image.from_item(again)
