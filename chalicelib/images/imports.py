"""Pictures that Darkroom itself brings into the input bucket: fetched from a URL, or sent within a request.

What is there within a few seconds is stored at once. A slower URL goes to a queue, and the function `import_worker`
fetches it. Either way the image is PENDING until S3's event for its file, as with every upload. The URL is in the
message alone, and goes with it.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib.accounts.models import find_user
from chalicelib.core import clients, ids, log
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SQSOperation, required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import DarkroomError, InvalidRequestError, TooManyRequestsError, raises
from chalicelib.core.http import budgets, limits
from chalicelib.core.http.operations import Caller, Replay, only_fields
from chalicelib.core.image_values import normalize_media_type
from chalicelib.core.observing.tracking import Account
from chalicelib.core.settings import Settings
from chalicelib.images import acceptance, deletion, presets, sources, states, stuck
from chalicelib.images.acceptance import FileTooLargeError
from chalicelib.images.models import Image, ImageNotFoundError, get
from chalicelib.images.schemas import MAX_CONTENT_BYTES
from chalicelib.images.sources import FIELD, SourceTooLargeError, SourceTooSlowError
from chalicelib.images.states import IMPORT_FAILED

# A request takes much longer than a presigned link, and makes a foreign server work. Both doors count together.
LIMIT = limits.Limit(60, limits.Window.MINUTE)
_COUNTED_AS = "import_image"

# How long a caller waits, and the largest file that the API holds in memory for one; the rest is the queue's.
SECONDS_AT_ONCE = 3.0
BYTES_AT_ONCE = 16 * 1024 * 1024
# The worker has 90 seconds (.chalice/config.json); the rest is for writing the file, or the image's end.
WORKER_SECONDS, _RESERVED_SECONDS = 60.0, 20.0
# The queue's number (infra/resources.yaml): after so many tries it moves a message to the dead-letter queue.
TRIES = 5

_STORED, _QUEUED, _REPEATED = "The picture is stored", "The picture is being fetched", "The picture came before"


@dataclass(frozen=True)
class _Picture:
    data: bytes = field(repr=False)
    media_type: str


# ------------------------------------------------------------------------------ at once


@required_env_vars(
    budgets.check_storage,
    sources.check,
    sources.fetch,
    presets.require,
    {
        "IMAGES_TABLE": [DynamoDBOperation.PUT_ITEM, DynamoDBOperation.GET_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.PUT_OBJECT],
        "IMPORTS_QUEUE_URL": [SQSOperation.SEND_MESSAGE],
        "LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "ALLOWED_TYPES": [],
        "MAX_FILE_SIZE": [],
        "MAX_PIXELS": [],
    },
)
@raises(TooManyRequestsError, InvalidRequestError, *acceptance.REFUSALS)
def import_image(user: Caller, data: Mapping[str, Any], rate: dict[str, str]) -> dict[str, Any]:
    """Brings in the picture at `sourceUrl`, or the one whose bytes are in `content` (base64).

    `fileName`, `fileType` and `preset` are optional. `rate` gets the response's RateLimit headers.

    Raises:
        TooManyRequestsError: the user has imported LIMIT pictures.
        InvalidRequestError: the URL is not one that is called, `content` is not base64, or there is no such preset.
        SourceError: the picture could not be fetched.
        StorageLimitError, DarkroomError: the file is refused (see `acceptance.identify`).
    """
    presets.require(data.get(presets.FIELD))
    limits.count_operation(user, _COUNTED_AS, LIMIT).require(rate)
    if "fileType" in data:
        acceptance.check_type(normalize_media_type(data["fileType"]))
    budgets.check_storage(user, 0)
    return _import_content(user, data) if "content" in data else _import_source(user, data)


def _import_content(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    content = _decoded(data["content"])
    acceptance.check_size(len(content))
    budgets.check_storage(user, len(content))
    media_type = acceptance.identify(content, data.get("fileType"), "content")
    return _store(user, data.get("fileName", "image"), _Picture(content, media_type), data.get(presets.FIELD))


def _decoded(content: str) -> bytes:
    try:
        decoded = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequestError(details=[{"field": "content", "message": "is not base64"}]) from None
    if len(decoded) > MAX_CONTENT_BYTES:
        raise InvalidRequestError(details=[{"field": "content", "message": "has more than 4 MiB"}])
    return decoded


def _import_source(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    url = data[FIELD]
    sources.check(url)
    name = data.get("fileName") or sources.file_name(url)
    try:
        most = min(BYTES_AT_ONCE, _most_bytes(user))
        picture = _fetched(url, data.get("fileType"), Deadline.within(SECONDS_AT_ONCE), most)
    except SourceTooSlowError:
        return _leave_to_queue(user, name, data)
    except SourceTooLargeError:
        if most == BYTES_AT_ONCE:
            return _leave_to_queue(user, name, data)
        raise _too_large(user, most) from None
    return _store(user, name, picture, data.get(presets.FIELD))


def _most_bytes(user: Caller) -> int:
    """How many bytes a picture of the user may have: what is accepted at all, and what the user may still store."""
    return min(Settings.MAX_FILE_SIZE.get(), max(0, budgets.storage_limit(user) - user.stored_bytes))


def _too_large(user: Caller, most: int) -> DarkroomError:
    """Why a picture of more than `most` bytes is not taken."""
    try:
        budgets.check_storage(user, most + 1)
    except budgets.StorageLimitError as error:
        return error
    fault = f"has more than {most:,} bytes"
    return FileTooLargeError(f"The file {fault}.", details=[{"field": FIELD, "message": fault}])


def _fetched(url: str, declared_type: str | None, deadline: Deadline, most: int) -> _Picture:
    data = sources.fetch(url, deadline, most)
    return _Picture(data, acceptance.identify(data, declared_type, FIELD))


def _store(user: Caller, name: str, picture: _Picture, preset: str | None) -> dict[str, Any]:
    image = states.announce(user, name, picture.media_type, len(picture.data), preset=preset, importing=True)
    with _withdrawn_on_error(image):
        objects.write(Settings.S3_INPUT_BUCKET.get(), image.s3_key, picture.data, image.file_type)
    log.info("IMAGE_IMPORTED", imageId=image.image_id, userId=user.id, fileType=image.file_type)
    return _answer(image, _STORED)


def _leave_to_queue(user: Caller, file_name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    declared_type = normalize_media_type(data.get("fileType", states.UNKNOWN_TYPE))
    image = states.announce(user, file_name, declared_type, preset=data.get(presets.FIELD), importing=True)
    message = {
        "userId": user.id,
        "imageId": image.image_id,
        "apiKeyId": user.api_key_id,
        "correlationId": image.correlation_id,
        **{name: data[name] for name in (FIELD, "fileType") if name in data},
    }
    with _withdrawn_on_error(image):
        url = Settings.IMPORTS_QUEUE_URL.get()
        clients.client("sqs").send_message(QueueUrl=url, MessageBody=ids.to_json(message))
    log.info("IMPORT_LEFT_TO_QUEUE", imageId=image.image_id, userId=user.id)
    return _answer(image, _QUEUED)


@contextmanager
def _withdrawn_on_error(image: Image) -> Iterator[None]:
    """Leaves no image behind an error. A file that arrived in spite of it is removed by its own event."""
    try:
        yield
    except Exception:
        try:
            deletion.expire(image)
        except Exception as second_error:
            # The sweeper fails the image.
            log.warning("IMPORT_NOT_WITHDRAWN", second_error, imageId=image.image_id)
        raise


def _answer(image: Image, how: str) -> dict[str, Any]:
    message = f"{how}: wait_for_image, or GET /images/{image.image_id}, shows how it goes on."
    return {"imageId": image.image_id, "status": str(image.status), "message": message}


@raises(ImageNotFoundError)
def answer_again(user: Caller, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The same image, as it is by now.

    Raises:
        ImageNotFoundError: it was deleted since.
    """
    return _answer(get(user.id, kept["imageId"]), _REPEATED)


REPLAY = Replay(stores=only_fields("imageId"), rebuild=lambda user, data, kept: answer_again(user, kept))


# ---------------------------------------------------------------------------- the worker


def account(event: Mapping[str, Any]) -> Account:
    """Whose picture the event's one message is about, and the API key that asked for it: they pay for the run."""
    try:
        (record,) = event["Records"]
        message = json.loads(record["body"])
        return message["userId"], message.get("apiKeyId")
    except (KeyError, TypeError, ValueError):
        return None, None


@required_env_vars(
    sources.fetch,
    budgets.storage_limit,
    {
        "IMAGES_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.PUT_OBJECT],
        "MAX_FILE_SIZE": [],
        "MAX_PIXELS": [],
    },
)
def fetch_queued(event: Mapping[str, Any], context: Any = None) -> None:
    """Fetches the picture of each message and stores it, or fails its image with the reason.

    A message that comes again changes nothing once the file is there; before that, the file is fetched once more.

    Raises:
        Exception: a fault on our side. After the last try the image is FAILED and its message is in the dead-letter
            queue; when that is sent on, the import begins anew.
    """
    for record in event["Records"]:
        message = json.loads(record["body"])
        image = states.begin_import(message["userId"], message["imageId"])
        owner = None if image is None else find_user(image.user_id)
        if image is None or owner is None:
            log.info("IMPORT_NOT_NEEDED", imageId=message["imageId"])
            continue
        deadline = Deadline.within(WORKER_SECONDS, context, _RESERVED_SECONDS)
        is_last_try = int(record["attributes"]["ApproximateReceiveCount"]) >= TRIES
        _fetch_queued(image, owner.as_caller(), message, deadline, is_last_try=is_last_try)


def _fetch_queued(
    image: Image, owner: Caller, message: Mapping[str, Any], deadline: Deadline, *, is_last_try: bool
) -> None:
    try:
        _fetch_and_store(image, owner, message, deadline)
    except Exception as error:
        # What is wrong with the picture or its server is told to its owner. A fault of ours is tried again.
        if isinstance(error, DarkroomError) and not error.is_transient:
            _fail(image, f"{error.code}: {error.message}")
            return
        if is_last_try:
            _fail(image, IMPORT_FAILED)
        raise


def _fetch_and_store(image: Image, owner: Caller, message: Mapping[str, Any], deadline: Deadline) -> None:
    most = _most_bytes(owner)
    try:
        picture = _fetched(message[FIELD], message.get("fileType"), deadline, most)
    except SourceTooLargeError:
        raise _too_large(owner, most) from None
    named = states.name_file(image, picture.media_type, len(picture.data))
    if named is None:
        log.info("IMPORT_NOT_NEEDED", imageId=image.image_id)
        return
    # If the image is deleted by now, the event of this file removes it.
    objects.write(Settings.S3_INPUT_BUCKET.get(), named.s3_key, picture.data, named.file_type)
    log.info("IMAGE_IMPORTED", imageId=named.image_id, userId=named.user_id, fileType=named.file_type)


def _fail(image: Image, reason: str) -> None:
    failed = stuck.fail(image, reason, ids.now(), original_gone=True)
    if failed is not None:
        log.info("IMPORT_REFUSED", imageId=image.image_id, userId=image.user_id, reason=reason)
