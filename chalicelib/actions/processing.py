"""The journey of a file that its owner has processed: resized, converted or analyzed, at once or by the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import actions, images, imaging
from chalicelib.actions import Action, ActionType, File, estimates, external
from chalicelib.actions.external import Service
from chalicelib.core import config, ids
from chalicelib.core.aws import objects
from chalicelib.core.errors import ConflictError, InvalidRequestError
from chalicelib.core.http.operations import Caller, Replay, only_fields
from chalicelib.core.schemas import TEXT, shape
from chalicelib.images import Image
from chalicelib.imaging import FITS, FORMATS, MAX_QUALITY, MAX_SIDE, Fit, ImageRejectedError, Transform

# What the API does while its caller waits: half a second's work. AVIF takes ten times that.
_SMALL_PIXELS = 4_000_000
_SMALL_BYTES = 4 * 1024 * 1024
_SLOW_FORMAT = "avif"
# What the worker takes, before it has been measured: for pixels read and written, and AVIF's encoder beside that
# (chalicelib/imaging/encoding.py), which hurries so that it never takes much more than five seconds.
_SECONDS_A_PIXEL = 0.1e-6
_AVIF_SECONDS_A_PIXEL, _AVIF_SECONDS = 0.65e-6, 5.0

_SIDE = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE}
_QUALITY = {"type": "integer", "minimum": 1, "maximum": MAX_QUALITY}
_FORMAT = {"enum": list(FORMATS)}
_OPTIONS = {
    "resize": {
        **shape(
            {}, {"width": _SIDE, "height": _SIDE, "fit": {"enum": list(FITS)}, "quality": _QUALITY, "format": _FORMAT}
        ),
        "anyOf": [{"required": ["width"]}, {"required": ["height"]}],
    },
    "convert": shape({"format": _FORMAT}, {"quality": _QUALITY}),
    "analyze": shape({}),
}
_NEEDS_OPTIONS = frozenset({"resize", "convert"})


def _where(kind: str) -> dict[str, Any]:
    then = {"properties": {"options": _OPTIONS[kind]}, **({"required": ["options"]} if kind in _NEEDS_OPTIONS else {})}
    return {"if": {"required": ["processingType"], "properties": {"processingType": {"const": kind}}}, "then": then}


PROCESS = {
    **shape(
        {
            "fileId": {"type": "string", "pattern": r"^[A-Za-z0-9_]{1,64}$", "maxLength": 64},
            "processingType": {"enum": list(_OPTIONS)},
        },
        {"options": {"type": "object", "maxProperties": 10}},
    ),
    "allOf": [_where(kind) for kind in _OPTIONS],
}
PROCESSED = shape(
    {"jobId": TEXT, "message": TEXT},
    {
        "status": TEXT,
        "estimatedTime": {"type": ["string", "null"]},
        "resultUrl": {"type": ["string", "null"]},
        "result": {"type": "object"},
    },
)


class ImageNotReadyError(ConflictError):
    code, message = "IMAGE_NOT_READY", "Only an image that is COMPLETED can be processed."


class ImageNotProcessableError(InvalidRequestError):
    code = "IMAGE_NOT_PROCESSABLE"


def process_file(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Does the work on one of the caller's own images, or has it done; `jobId` is the action's id.

    Raises:
        ImageNotFoundError: the caller has no such image.
        ImageNotReadyError: it is not COMPLETED.
        ImageNotProcessableError: it cannot be made into what was asked for.
    """
    image = _ready(user.id, data["fileId"])
    asked = {name: data[name] for name in ("fileId", "processingType", "options") if name in data}
    action = actions.begin(user, ActionType.PROCESS_FILE, asked)
    with actions.failing(action):
        if external.configured():
            source = objects.link(config.get("S3_INPUT_BUCKET"), image.s3_key, version=image.object_version)
            return _answer(external.hand_over(action, Service.FILE_PROCESSOR, {**asked, "sourceUrl": source}))
        if _is_small(image, asked):
            return _answer(_done(action, image))
        actions.enqueue(action)
    return _answer(action, estimates.estimated_time(action, _seconds(image, asked)))


def _ready(user_id: str, image_id: str) -> Image:
    image = images.get(user_id, image_id)
    if image.status is not images.Status.COMPLETED:
        raise ImageNotReadyError
    return image


def _is_small(image: Image, asked: Mapping[str, Any]) -> bool:
    width, height = _sides(image)
    wished = asked.get("options", {})
    return (
        0 < width * height <= _SMALL_PIXELS
        and _pixels_made(width, height, wished) <= _SMALL_PIXELS
        and (image.file_size or 0) <= _SMALL_BYTES
        and wished.get("format") != _SLOW_FORMAT
    )


def _sides(image: Image) -> tuple[int, int]:
    """Width and height in pixels, 0 where they are not known."""
    return int(image.metadata.get("width", 0)), int(image.metadata.get("height", 0))


def _seconds(image: Image, asked: Mapping[str, Any]) -> float:
    """How long the worker may take, by the pixels that are read and made."""
    width, height = _sides(image)
    wished = asked.get("options", {})
    made = _pixels_made(width, height, wished) if width and height else 0
    encoding = min(_AVIF_SECONDS, made * _AVIF_SECONDS_A_PIXEL) if wished.get("format") == _SLOW_FORMAT else 0
    return (width * height + made) * _SECONDS_A_PIXEL + encoding


def _pixels_made(width: int, height: int, wished: Mapping[str, Any]) -> float:
    """How many pixels come of a picture of these sides; only `cover` and `fill` enlarge."""
    if wished.get("fit", Fit.CONTAIN) == Fit.CONTAIN:
        return width * height
    # A side that is not named follows in proportion.
    wide = wished.get("width") or width * int(wished["height"]) / height
    high = wished.get("height") or height * int(wished["width"]) / width
    return float(wide * high)


def run(action: Action) -> Action:
    """Does the work that the action's metadata asks for, and ends it. Errors as `process_file`."""
    return _done(action, _ready(action.user_id, str(action.metadata["fileId"])))


def _done(action: Action, image: Image) -> Action:
    made = _made(action, image)
    key = f"processed/{image.user_id}/{image.image_id}-{action.action_id}.{made.extension}"
    bucket = config.get("S3_OUTPUT_BUCKET")
    written = objects.write(bucket, key, made.data, made.media_type)
    # A deletion first buries the row and then lists the files: what it did not see, we see here.
    if images.find(image.user_id, image.image_id) is None:
        objects.delete_after_failure(bucket, [written])
        raise images.ImageNotFoundError
    name = f"{image.image_id}-{action.metadata['processingType']}.{made.extension}"
    file = File(name, made.extension, key, len(made.data))
    return actions.complete(action, files=[file], result=made.result, notes=[images.action_time_update(image)])


@dataclass(frozen=True)
class _Made:
    """What came of the work: a file, and what there is to say of it."""

    data: bytes
    media_type: str
    extension: str
    result: dict[str, Any]


def _made(action: Action, image: Image) -> _Made:
    options, limits = action.metadata.get("options", {}), images.decoding_limits()
    try:
        data = images.original(image.s3_key, image.object_version)
        if action.metadata["processingType"] == "analyze":
            result = imaging.analyze(data, image.file_type, limits).to_dict()
            return _Made(ids.to_json(result).encode(), "application/json", "json", result)
        made = imaging.transform(data, image.file_type, _transform(options), limits)
    except ImageRejectedError as error:
        raise ImageNotProcessableError(error.message) from error
    result = {"format": made.format, "width": made.width, "height": made.height, "fileSize": len(made.data)}
    if made.is_first_frame:
        result["note"] = "The original is animated; this is its first frame."
    return _Made(made.data, made.media_type, made.extension, result)


def _transform(options: Mapping[str, Any]) -> Transform:
    def side(name: str) -> int | None:
        return int(options[name]) if name in options else None

    return Transform(
        width=side("width"),
        height=side("height"),
        fit=Fit(options.get("fit", Fit.CONTAIN)),
        format=options.get("format"),
        quality=int(options.get("quality", Transform.quality)),
    )


_MESSAGES = {
    actions.Status.COMPLETED: "The file is processed.",
    actions.Status.PENDING: "The file is being processed.",
    actions.Status.FAILED: "The file could not be processed.",
}


def _answer(action: Action, estimated: str | None = None) -> dict[str, Any]:
    shown = action.shown()
    return {
        "jobId": action.action_id,
        "message": _MESSAGES[action.status],
        "status": str(action.status),
        "estimatedTime": estimated,
        "resultUrl": shown["resultUrl"],
        "result": shown["result"],
    }


def _again(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The action as it is by now, with a fresh link."""
    action = actions.get(user.id, kept["jobId"])
    return _answer(action, kept.get("estimatedTime") if action.status is actions.Status.PENDING else None)


REPLAY = Replay(stores=only_fields("jobId", "estimatedTime"), rebuild=_again)
