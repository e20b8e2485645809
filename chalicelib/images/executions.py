"""From an upload to its execution: S3 event → queue → Step Functions; and what sends an image on again.

The state machine (infra/image_pipeline.asl.json) calls the steps (steps.py), and writes the outcome itself.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core import clients, ids, log
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import (
    DynamoDBOperation,
    S3Operation,
    SQSOperation,
    StepFunctionsOperation,
    required_env_vars,
)
from chalicelib.core.settings import Settings
from chalicelib.images import presets, retries, reuse, states, stuck
from chalicelib.images.models import Image
from chalicelib.images.originals import too_large


@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "SQS_QUEUE_URL": [SQSOperation.SEND_MESSAGE],
        "S3_INPUT_BUCKET": [S3Operation.DELETE_OBJECTS],
        "MAX_FILE_SIZE": [],
    }
)
def take_upload(key: str, size: int, version: str | None) -> bool:
    """Queues an uploaded object of `size` bytes. False: there is nothing to do with it.

    An object that no image will use is removed. One larger than MAX_FILE_SIZE is removed too, and its image fails.
    """
    image = states.mark_uploaded(key, size, version)
    if image is not None:
        with log.correlated(image.correlation_id):
            if size > Settings.MAX_FILE_SIZE.get():
                _refuse(image, str(too_large(size)))
            else:
                _enqueue(image.message())
        return True
    log.info("UPLOAD_IGNORED", s3Key=key)
    if version is not None and states.is_unused(key, version):
        objects.delete_versions(Settings.S3_INPUT_BUCKET.get(), [{"Key": key, "VersionId": version}])
    return False


@required_env_vars(take_upload)
def enqueue_uploads(event: Mapping[str, Any]) -> None:
    """Queues each object of an S3 event for processing, unless it is no upload or came before."""
    for record in event.get("Records", ()):
        uploaded = record["s3"]["object"]
        # Keys come URL-encoded, exactly once (Amazon S3, "Event message structure").
        take_upload(unquote_plus(uploaded["key"]), int(uploaded.get("size", 0)), uploaded.get("versionId"))


def _refuse(image: Image, reason: str) -> None:
    """Removes the file, then fails its image. In this order an event that is delivered again finishes both."""
    version = image.object_version or "null"
    objects.delete_versions(Settings.S3_INPUT_BUCKET.get(), [{"Key": image.s3_key, "VersionId": version}])
    failed = stuck.fail(image, reason, ids.now(), original_gone=True)
    if failed is not None:
        log.info("UPLOAD_REFUSED", imageId=image.image_id, userId=image.user_id, reason=reason)


def send_again(image: Image, preset: str | None = None) -> None:
    """Queues an image for its next execution, as its owner asked for. With a `preset`, only what differs is made."""
    _enqueue({**image.message(), "retryOf": image.execution, **({} if preset is None else {presets.FIELD: preset})})


def send_on(image: Image) -> None:
    """Queues one more try of an image, after a fault of ours. The one that claims it counts the try."""
    with log.correlated(image.correlation_id):
        _enqueue({**_next_message(image), "retries": image.retries + 1, "redriven": image.redriven})


def send_to_remake(image: Image) -> None:
    """Queues a COMPLETED image whose files are lost. The one that claims it notes that they are made again."""
    with log.correlated(image.correlation_id):
        _enqueue({**_next_message(image), "redriven": True})


def _next_message(image: Image) -> dict[str, Any]:
    """The message for the execution that the row names, or for the one after it if that has begun."""
    has_begun = image.is_finished or image.started_at is not None
    before = image.execution
    if before is not None and not has_begun:
        before = states.previous_execution(before)
    return image.message() if before is None else {**image.message(), "retryOf": before}


def _enqueue(message: Mapping[str, Any]) -> None:
    body = json.dumps({**message, "correlationId": log.correlation_id()})
    clients.client("sqs").send_message(QueueUrl=Settings.SQS_QUEUE_URL.get(), MessageBody=body)
    log.info("IMAGE_ENQUEUED", imageId=message["imageId"], userId=message["userId"])


@required_env_vars(
    {
        "IMAGES_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "STEP_FUNCTIONS_ARN": [StepFunctionsOperation.START_EXECUTION],
        "SQS_QUEUE_URL": [SQSOperation.DELETE_MESSAGE_BATCH],
    }
)
def start_executions(event: Mapping[str, Any]) -> None:
    """Starts an execution for each message that still needs one.

    If some fail, the messages of the others are deleted before the failure is raised: they must not come again.
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
    image = states.claim(
        message["userId"],
        message["imageId"],
        message.get("retryOf"),
        retries=message.get("retries", 0),
        redriven=message.get("redriven", False),
        preset=message.get(presets.FIELD),
    )
    if image is None or image.execution is None:
        log.info("EXECUTION_NOT_NEEDED", imageId=message["imageId"])
        return
    clients.client("stepfunctions").start_execution(
        stateMachineArn=Settings.STEP_FUNCTIONS_ARN.get(),
        name=image.execution,
        input=json.dumps(_input(image, may_keep=presets.FIELD in message)),
    )
    log.info("EXECUTION_STARTED", imageId=image.image_id, execution=image.execution)


def _input(image: Image, *, may_keep: bool) -> dict[str, Any]:
    """The input of the image's execution. `hasVariants` and `retry` say what it does if it fails, by being there.

    `may_keep`: files that would come out the same need not be made again.
    """
    waits_in = retries.waits_in(image.retries)
    return {
        **image.message(),
        "objectVersion": image.object_version or "null",
        "execution": image.execution,
        "apiKeyId": image.api_key_id,
        "correlationId": log.correlation_id(),
        **({} if image.wanted_preset is None else {presets.FIELD: image.wanted_preset}),
        **({} if image.focal_point is None else {"focalPoint": image.focal_point.place}),
        **(reuse.former_files(image) if may_keep else {}),
        **({"hasVariants": True} if image.variants else {}),
        **({} if waits_in is None else {"retry": waits_in}),
    }


def _delete_messages(records: Iterable[Mapping[str, Any]]) -> None:
    entries = [{"Id": str(i), "ReceiptHandle": each["receiptHandle"]} for i, each in enumerate(records)]
    if entries:
        clients.client("sqs").delete_message_batch(QueueUrl=Settings.SQS_QUEUE_URL.get(), Entries=entries)
