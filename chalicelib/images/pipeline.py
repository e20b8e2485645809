"""The journey of an upload: S3 event → queue → execution → validation, resize, watermark.

The state machine (infra/image_pipeline.asl.json) calls the three steps, and writes the outcome itself.
A step that fails raises: ImageRejectedError where the picture is at fault, anything else is tried again.
"""

import base64
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_plus

from chalicelib import external, images, imaging
from chalicelib.core import clients, config, ids, log
from chalicelib.core.aws import objects
from chalicelib.core.http.operations import Caller, Replay, only_fields
from chalicelib.images import Image, Variant
from chalicelib.imaging import ImageInfo, ImageRejectedError, Mark, Recipe, Rendition, Size
from chalicelib.imaging.values import OUTPUTS, POSITIONS

Step = Mapping[str, Any]

# So small that it goes into the image's row, as a data URI to show while the real one loads.
_PLACEHOLDER = Size("placeholder", 24, 24)
# S3 takes tens of milliseconds for each, and Lambda bills for waiting: side by side, all sizes wait but once.
_OBJECTS_AT_ONCE = 8

# A variant as the steps hand it on, and the object version that it became.
_Stored = tuple[dict[str, Any], dict[str, str]]


# ------------------------------------------------- from the event to the execution


def enqueue_uploads(event: Mapping[str, Any]) -> None:
    """Queues each object of an S3 event for processing, unless it is no upload or was seen before."""
    for record in event.get("Records", ()):
        found = record["s3"]["object"]
        # Keys come URL-encoded, exactly once (Amazon S3, "Event message structure").
        take_upload(unquote_plus(found["key"]), int(found.get("size", 0)), found.get("versionId"))


def take_upload(key: str, size: int, version: str | None) -> bool:
    """Queues an object that was uploaded, of `size` bytes; False where nothing is to be done with it.

    What no image will ever use is removed, and so is what is larger than MAX_FILE_SIZE: its image ends as FAILED.
    """
    image = images.uploaded(key, size, version)
    if image is not None:
        with log.correlated(image.correlation_id):
            if size > config.integer("MAX_FILE_SIZE"):
                _refuse(image, str(images.too_large(size)))
            else:
                _enqueue(image.message())
        return True
    log.info("UPLOAD_IGNORED", s3Key=key)
    if version is not None and images.is_left_over(key, version):
        objects.delete_versions(config.get("S3_INPUT_BUCKET"), [{"Key": key, "VersionId": version}])
    return False


def _refuse(image: Image, reason: str) -> None:
    """Removes the file and ends its image. In this order: cut off in between, the same event does it again."""
    version = image.object_version or "null"
    objects.delete_versions(config.get("S3_INPUT_BUCKET"), [{"Key": image.s3_key, "VersionId": version}])
    failed = images.fail(image, reason, ids.now(), original_gone=True)
    if failed is not None:
        log.info("UPLOAD_REFUSED", imageId=image.image_id, userId=image.user_id, reason=reason)
        announce_failure(failed)


def send_on(image: Image) -> None:
    """Queues the message that leads an unfinished image on: to the execution that its row names, or to its first."""
    before = None if image.execution is None else images.previous_execution(image.execution)
    with log.correlated(image.correlation_id):
        _enqueue(image.message() if before is None else {**image.message(), "retryOf": before})


def send_again(image: Image) -> None:
    """Queues a finished image for one more execution, as its owner's `reprocess` would."""
    _enqueue({**image.message(), "retryOf": image.execution})


def announce_failure(image: Image) -> None:
    """Tells those who listen of an image that FAILED beside the state machine, in the state machine's words."""
    told = {
        "imageId": image.image_id,
        "userId": image.user_id,
        "fileName": image.file_name,
        "status": str(image.status),
        "execution": image.execution,
        "reason": image.reason,
        "correlationId": image.correlation_id or log.correlation_id(),
    }
    clients.client("sns").publish(
        TopicArn=config.get("SNS_TOPIC_ARN"),
        Message=json.dumps(told),
        MessageAttributes={"status": {"DataType": "String", "StringValue": str(image.status)}},
    )


def _enqueue(message: Mapping[str, Any]) -> None:
    body = json.dumps({**message, "correlationId": log.correlation_id()})
    clients.client("sqs").send_message(QueueUrl=config.get("SQS_QUEUE_URL"), MessageBody=body)
    log.info("IMAGE_ENQUEUED", imageId=message["imageId"], userId=message["userId"])


def reprocess(user: Caller, image_id: str) -> dict[str, Any]:
    """Sends a finished image through the pipeline again; the answer shows it under way.

    The message comes first: were we cut off behind it, the orchestrator alone would lead the image on.

    Raises:
        ImageNotFoundError, ImageBusyError: there is none, or it is not finished.
        OriginalGoneError: there is no file to make the variants of.
    """
    image = images.get(user.id, image_id)
    if image.original_gone:
        raise images.OriginalGoneError
    if not image.is_finished:
        raise images.ImageBusyError
    send_again(image)
    return {"image": images.run_again(image).shown()}


def _reprocessed_again(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The image as it is by now, with fresh links. Raises ImageNotFoundError where it was deleted since."""
    return {"image": images.get(user.id, data["imageId"]).shown()}


# The payload names the image.
REPROCESS_REPLAY = Replay(stores=only_fields(), rebuild=_reprocessed_again)


def start_executions(event: Mapping[str, Any]) -> None:
    """Starts an execution for each message that still needs one.

    What succeeded is deleted before the failure of the rest is raised: so nothing is lost or run twice
    whether or not the trigger was told to take partial failures.
    """
    done: list[Mapping[str, Any]] = []
    failures: list[Exception] = []
    for record in event["Records"]:
        try:
            message = json.loads(record["body"])
            with log.correlated(message.get("correlationId")):
                _start(message)
            done.append(record)
        except Exception as error:
            log.error("EXECUTION_NOT_STARTED", error, messageId=record.get("messageId"))
            failures.append(error)
    if failures:
        _delete_messages(done)
        raise ExceptionGroup(f"{len(failures)} of {len(event['Records'])} executions were not started", failures)


def _start(message: Mapping[str, Any]) -> None:
    image = images.claim(message["userId"], message["imageId"], message.get("retryOf"))
    if image is None or image.execution is None:
        log.info("EXECUTION_NOT_NEEDED", imageId=message["imageId"])
        return
    step = {
        **image.message(),
        "objectVersion": image.object_version or "null",
        "execution": image.execution,
        "apiKeyId": image.api_key_id,
        "correlationId": log.correlation_id(),
    }
    clients.client("stepfunctions").start_execution(
        stateMachineArn=config.get("STEP_FUNCTIONS_ARN"), name=image.execution, input=json.dumps(step)
    )
    log.info("EXECUTION_STARTED", imageId=image.image_id, execution=image.execution)


def _delete_messages(taken: Iterable[Mapping[str, Any]]) -> None:
    entries = [{"Id": str(i), "ReceiptHandle": each["receiptHandle"]} for i, each in enumerate(taken)]
    if entries:
        clients.client("sqs").delete_message_batch(QueueUrl=config.get("SQS_QUEUE_URL"), Entries=entries)


# ----------------------------------------------------------------------- the steps
#
# A step can also be called by hand with no more than an image's ids and its key: what an execution hands on besides
# (objectVersion, written, placeholder, …) may be missing. Without an objectVersion, the current version is read.


def validate(step: Step) -> dict[str, Any]:
    """Adds `validationResult` and `imageMetadata`.

    Raises:
        ImageRejectedError: the file is not a picture that we take.
    """
    data = _original(step)
    _scan(data)
    info = imaging.check(data, step["fileType"], images.decoding_limits())
    return {**step, "validationResult": "valid", "imageMetadata": _metadata(info)}


def _metadata(info: ImageInfo) -> dict[str, Any]:
    return {"width": info.width, "height": info.height, "format": info.format, "colorSpace": info.color_space}


def _scan(data: bytes) -> None:
    """Asks the scanner, where the stage has one, before the file is decoded; one that is out lets nothing pass."""
    url = config.get("SCAN_COMMAND_URL")
    if not url:
        return
    answer = external.post(url, data, {"Content-Type": "application/octet-stream"}, trusted=True)
    try:
        clean = json.loads(answer.body)["clean"]
    except (ValueError, KeyError, TypeError):
        clean = None
    if answer.status != 200 or not isinstance(clean, bool):
        raise external.ExternalServiceError("the scanner gave no verdict")
    if not clean:
        raise ImageRejectedError("infected")


def resize(step: Step) -> dict[str, Any]:
    """Adds `resizedImages`: the original, decoded once, in every size and format; and the placeholder."""
    renditions = imaging.render(_original(step), _recipe(), images.decoding_limits())
    tiny = next(each for each in renditions if each.name == _PLACEHOLDER.name)
    stored = _store_all(step, (each for each in renditions if each.name != _PLACEHOLDER.name))
    return {
        **step,
        "resizedImages": [variant for variant, _ in stored],
        "written": [written for _, written in stored],
        "placeholder": f"data:{tiny.media_type};base64,{base64.b64encode(tiny.data).decode()}",
    }


def watermark(step: Step) -> dict[str, Any]:
    """Marks every resized image; adds the `record` that the state machine writes to the image's row."""
    mark = _mark()
    resized = [_whole(each) for each in step["resizedImages"]]
    stored = _store_all(step, _all_marked(resized, mark))
    record = {
        "variants": [*resized, *(variant for variant, _ in stored)],
        "metadata": step.get("imageMetadata"),
        "placeholder": step.get("placeholder"),
        "recipe": _recipe(mark).fingerprint,
    }
    return {
        **step,
        "written": [*step.get("written", ()), *(written for _, written in stored)],
        "watermarkedImages": [variant for variant, _ in stored],
        # In DynamoDB's own form: so the state machine can write it, and the step needs no right on the table.
        "record": {name: clients.marshal(value) for name, value in record.items()},
    }


def _whole(resized: Mapping[str, Any]) -> dict[str, Any]:
    """A resized image in the form of Variant; its format is what its key ends in, where it is not named."""
    extension = str(resized["s3Key"]).rpartition(".")[2]
    named = next((format_ for format_, (_, each) in OUTPUTS.items() if each == extension), extension)
    return Variant.from_item({"format": named, "watermarked": False, **resized}).to_item()


def _all_marked(resized: Iterable[Mapping[str, Any]], mark: Mark) -> Iterator[Rendition]:
    """Each of them marked, in their order, while the next ones are read."""
    with ThreadPoolExecutor(_OBJECTS_AT_ONCE) as threads:
        reading = [(each, threads.submit(log.keep_context(_read), each["s3Key"])) for each in resized]
        for each, data in reading:
            yield _marked(each, data.result(), mark)


def _read(key: str) -> bytes:
    return objects.read(config.get("S3_OUTPUT_BUCKET"), key)


def _marked(resized: Mapping[str, Any], data: bytes, mark: Mark) -> Rendition:
    width, _, height = resized["dimensions"].partition("x")
    media_type, extension = OUTPUTS[resized["format"]]
    return Rendition(
        name=resized["size"],
        format=resized["format"],
        media_type=media_type,
        extension=extension,
        width=int(width),
        height=int(height),
        watermarked=True,
        data=imaging.mark(data, mark, config.integer("QUALITY_SETTING")),
    )


def _original(step: Step) -> bytes:
    return images.original(step["s3Key"], step.get("objectVersion"))


def _store_all(step: Step, made: Iterable[Rendition]) -> list[_Stored]:
    """Writes finished files, all or none: of a step that breaks off nobody would know what it wrote."""
    writing: list[Future[_Stored]] = []
    try:
        # The block ends, by an error too, when nothing is under way any more.
        with ThreadPoolExecutor(_OBJECTS_AT_ONCE) as threads:
            for each in made:
                writing.append(threads.submit(log.keep_context(_store), step, each))
        return [each.result() for each in writing]
    except Exception:
        written = [each.result()[1] for each in writing if each.exception() is None]
        objects.delete_after_failure(config.get("S3_OUTPUT_BUCKET"), written)
        raise


def _store(step: Step, made: Rendition) -> _Stored:
    suffix = "-watermarked" if made.watermarked else ""
    key = f"processed/{step['userId']}/{step['imageId']}-{made.name}{suffix}.{made.extension}"
    written = objects.write(config.get("S3_OUTPUT_BUCKET"), key, made.data, made.media_type)
    variant = Variant(
        size=made.name,
        dimensions=f"{made.width}x{made.height}",
        format=made.format,
        s3_key=key,
        file_size=len(made.data),
        watermarked=made.watermarked,
    )
    return variant.to_item(), written


# -------------------------------------------------------------- settings as values


def _recipe(mark: Mark | None = None) -> Recipe:
    return Recipe(
        sizes=(*sizes(config.get("RESIZE_DIMENSIONS")), _PLACEHOLDER),
        formats=tuple(config.words("OUTPUT_FORMATS")),
        quality=config.integer("QUALITY_SETTING"),
        mark=mark,
    )


_PLAIN_NAMES = ("small", "medium", "large")
_DIMENSIONS = re.compile(r"(?:(?P<name>[A-Za-z0-9_]{1,32})=)?(?P<width>\d{1,5})x(?P<height>\d{1,5})")


def sizes(setting: str) -> tuple[Size, ...]:
    """`small=800x600,…` as sizes; those without a name are small, medium and large in that order.

    Raises:
        ValueError: the setting cannot be read.
    """
    made: list[Size] = []
    for place, text in enumerate(part.strip() for part in setting.split(",")):
        parts = _DIMENSIONS.fullmatch(text)
        if parts is None or (parts["name"] is None and place >= len(_PLAIN_NAMES)):
            raise ValueError(f"RESIZE_DIMENSIONS: {text!r} is not name=WIDTHxHEIGHT")
        made.append(Size(parts["name"] or _PLAIN_NAMES[place], int(parts["width"]), int(parts["height"])))
    return tuple(made)


def _mark() -> Mark:
    """The stage's mark; the log is told once what of its text cannot be drawn.

    Raises:
        InvalidSettingError: a setting of it names nothing that we know.
    """
    key = config.get("WATERMARK_IMAGE_KEY")
    mark = Mark(
        text=config.get("WATERMARK_TEXT"),
        font=config.choice("WATERMARK_FONT", imaging.FONTS),
        color=config.get("WATERMARK_COLOR"),
        position=config.choice("WATERMARK_POSITION", POSITIONS),
        opacity=config.number("WATERMARK_OPACITY"),
        image=objects.read(config.get("S3_OUTPUT_BUCKET"), key) if key else None,
    )
    _tell_of_undrawable(mark)
    return mark


@functools.lru_cache(maxsize=16)
def _tell_of_undrawable(mark: Mark) -> None:
    """Logs what the mark's font lacks; once a container, since each picture of the stage has the same mark."""
    missing = imaging.undrawable(mark)
    if missing:
        characters = [f"U+{ord(character):04X}" for character in missing]
        log.warning("WATERMARK_TEXT_UNDRAWABLE", setting="WATERMARK_TEXT", font=mark.font, characters=characters)
