"""Processing a user's own image: it is resized, converted or analyzed, by the API or by the queue's worker."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib import images, imaging
from chalicelib.actions import lifecycle, schemas
from chalicelib.actions.kinds import ActionKind, ActionRequest
from chalicelib.actions.models import Action, ActionType, File, Status
from chalicelib.core import ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import ConflictError, raises
from chalicelib.core.http.operations import Caller
from chalicelib.core.settings import Settings
from chalicelib.external import services
from chalicelib.images import Image
from chalicelib.imaging import Fit, ImageRejectedError, Transform

# The API does what takes half a second. AVIF takes ten times as long.
_SMALL_PIXELS = 4_000_000
_SMALL_BYTES = 4 * 1024 * 1024
_SLOW_FORMAT = "avif"
# The estimate before any run is measured: a pixel that is read or written, and AVIF's encoder, which speeds up for
# large images and never takes much more than five seconds (chalicelib/imaging/encode.py).
_SECONDS_A_PIXEL = 0.1e-6
_AVIF_SECONDS_A_PIXEL, _AVIF_SECONDS = 0.65e-6, 5.0

_GET_IMAGE = {"IMAGES_TABLE": [DynamoDBOperation.GET_ITEM]}


class ImageNotReadyError(ConflictError):
    code, message = "IMAGE_NOT_READY", "Only an image that is COMPLETED can be processed."
    next_step = "Call wait_for_image with the fileId as imageId, then call again."


@required_env_vars(_GET_IMAGE, images.original_link)
@raises(images.ImageNotFoundError, ImageNotReadyError)
def _prepare(user: Caller, data: Mapping[str, Any]) -> ActionRequest:
    """Raises ImageNotFoundError or ImageNotReadyError."""
    image = _ready_image(user.id, data["fileId"])
    metadata = {name: data[name] for name in ("fileId", "processingType", "options") if name in data}

    def payload() -> dict[str, Any]:
        return {**metadata, "sourceUrl": images.original_link(image)}

    is_small, seconds = _size(image, data.get("options", {}))
    return ActionRequest(
        ActionType.PROCESS_FILE,
        metadata,
        payload,
        lambda: is_small,
        seconds,
        # The image is not read a second time.
        lambda action, _deadline: _run(action, image),
    )


def _ready_image(user_id: str, image_id: str) -> Image:
    image = images.get(user_id, image_id)
    if image.status is not images.Status.COMPLETED:
        raise ImageNotReadyError
    return image


def _size(image: Image, options: Mapping[str, Any]) -> tuple[bool, float]:
    """Whether the work is small, and how many seconds it may take, by the pixels that are read and made."""
    width, height = int(image.metadata.get("width", 0)), int(image.metadata.get("height", 0))
    pixels = width * height
    made = _pixels_made(width, height, options) if pixels else 0
    is_slow = options.get("format") == _SLOW_FORMAT
    is_small = 0 < pixels <= _SMALL_PIXELS >= made and (image.file_size or 0) <= _SMALL_BYTES and not is_slow
    encoding = min(_AVIF_SECONDS, made * _AVIF_SECONDS_A_PIXEL) if is_slow else 0
    return is_small, (pixels + made) * _SECONDS_A_PIXEL + encoding


def _pixels_made(width: int, height: int, options: Mapping[str, Any]) -> float:
    """The pixels of the result for an image of these sides. Only `cover` and `fill` enlarge."""
    if options.get("fit", Fit.CONTAIN) == Fit.CONTAIN:
        return width * height
    # A side that is not given follows in proportion.
    new_width = options.get("width") or width * int(options["height"]) / height
    new_height = options.get("height") or height * int(options["width"]) / width
    return float(new_width * new_height)


@dataclass(frozen=True)
class _Output:
    """The file that processing made, and the action's `result`."""

    data: bytes
    media_type: str
    extension: str
    result: dict[str, Any]


@required_env_vars(
    lifecycle.complete,
    _GET_IMAGE,
    {
        "IMAGES_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "S3_INPUT_BUCKET": [S3Operation.GET_OBJECT_VERSION],
        "S3_OUTPUT_BUCKET": [S3Operation.PUT_OBJECT, S3Operation.DELETE_OBJECTS],
        "MAX_FILE_SIZE": [],
        "MAX_PIXELS": [],
        "ALLOWED_TYPES": [],
    },
)
@raises(images.ImageNotFoundError, ImageNotReadyError, images.ImageNotProcessableError)
def run(action: Action, deadline: Deadline) -> Action:
    """Processes the image as the action's metadata says, and ends the action. The work is bounded without `deadline`.

    Raises:
        ImageNotFoundError: the image is gone.
        ImageNotReadyError: it is not COMPLETED.
        ImageNotProcessableError: it cannot be decoded, or not be made into what the metadata says.
    """
    return _run(action, _ready_image(action.user_id, str(action.metadata["fileId"])))


def _run(action: Action, image: Image) -> Action:
    output = _process(action, image)
    key = f"processed/{image.user_id}/{image.image_id}-{action.action_id}.{output.extension}"
    bucket = Settings.S3_OUTPUT_BUCKET.get()
    version = objects.write(bucket, key, output.data, output.media_type)
    # A deletion first marks the row and then lists the files: it may have missed this file.
    if images.find(image.user_id, image.image_id) is None:
        objects.delete_after_failure(bucket, [version])
        raise images.ImageNotFoundError
    name = f"{image.image_id}-{action.metadata['processingType']}.{output.extension}"
    file = File(name, output.extension, key, len(output.data))
    return lifecycle.complete(action, files=[file], result=output.result, also=[images.action_time_update(image)])


def _process(action: Action, image: Image) -> _Output:
    limits = images.decoding_limits()
    try:
        data = images.original(image.s3_key, image.object_version)
        if action.metadata["processingType"] == "analyze":
            result = imaging.analyze(data, image.file_type, limits).to_dict()
            return _Output(ids.to_json(result).encode(), "application/json", "json", result)
        made = imaging.transform(data, image.file_type, _transform(image, action.metadata.get("options", {})), limits)
    except ImageRejectedError as error:
        raise images.ImageNotProcessableError(error.message) from error
    result = {"format": made.format, "width": made.width, "height": made.height, "fileSize": len(made.data)}
    if made.is_first_frame:
        result["note"] = "The original is animated; this is its first frame."
    return _Output(made.data, made.media_type, made.extension, result)


def _transform(image: Image, options: Mapping[str, Any]) -> Transform:
    # Numbers in an action's metadata are Decimal.
    numbers: dict[str, Any] = {name: int(options[name]) for name in ("width", "height", "quality") if name in options}
    transform = Transform(fit=Fit(options.get("fit", Fit.CONTAIN)), format=options.get("format"), **numbers)
    if image.focal_point is None:
        return transform
    return replace(transform, focus=image.focal_point.place)


_MESSAGES = {
    Status.COMPLETED: "The file is processed.",
    Status.PENDING: "The file is being processed.",
    Status.FAILED: "The file could not be processed.",
}


KIND = ActionKind(
    schema=schemas.PROCESS,
    returns=schemas.PROCESSED,
    id_name="jobId",
    service_path=services.PROCESS_FILE,
    prepare=_prepare,
    run=run,
    message=lambda action: _MESSAGES[action.status],
    details=lambda action: {"resultUrl": action.result_url, "result": action.result},
)
