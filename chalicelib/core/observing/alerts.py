"""Telling the operators of what nobody foresaw: one record a fault, however often it strikes."""

import functools
import hashlib
import traceback
from typing import Any

from chalicelib.core import clients, config, ids, log
from chalicelib.core.aws.grants import SQSOperation
from chalicelib.core.errors import DarkroomError, InvalidSettingError, MissingConfigError, UnexpectedError

_FRAMES = 5


def is_unforeseen(error: BaseException) -> bool:
    """Whether an error is a defect or a wrong set-up, and not a refusal of ours or a fault that passes."""
    if isinstance(error, DarkroomError):
        return isinstance(error, UnexpectedError | MissingConfigError | InvalidSettingError)
    return not clients.is_passing_fault(error)


NEEDS = {"CRITICAL_ERRORS_SQS_QUEUE_NAME": [SQSOperation.GET_QUEUE_URL, SQSOperation.SEND_MESSAGE]}


def report(error: BaseException, operation: str) -> None:
    """Queues a record of the error. The queue drops what bears the fingerprint of one of the last five minutes.

    Never raises: whoever fails already must not fail for this.
    """
    try:
        record = _record(error, operation)
        clients.client("sqs").send_message(
            QueueUrl=_queue_url(config.get("CRITICAL_ERRORS_SQS_QUEUE_NAME")),
            MessageBody=ids.to_json(record),
            MessageGroupId=operation,
            MessageDeduplicationId=record["fingerprint"],
        )
    except Exception as fault:
        log.error("CRITICAL_ERROR_NOT_REPORTED", fault, operation=operation)


def _record(error: BaseException, operation: str) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "fingerprint": fingerprint(error, operation),
        "errorType": type(error).__name__,
        "message": log.redact(str(error)),
        "operation": operation,
        "functionName": config.function_name(),
        "stage": config.stage(),
        "correlationId": log.correlation_id(error),
        "timestamp": ids.now(),
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def fingerprint(error: BaseException, operation: str) -> str:
    """The same for the same kind of error from the same line of the same operation, whatever its message says."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    return hashlib.sha256(f"{operation}|{type(error).__name__}|{place}".encode()).hexdigest()


@functools.cache
def _queue_url(name: str) -> str:
    url: str = clients.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url
