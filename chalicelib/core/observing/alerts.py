"""Alerts to the operators about unexpected errors: one message an error, however often it occurs."""

import functools
import hashlib
import traceback
from typing import Any

from chalicelib.core import clients, ids, log
from chalicelib.core.aws.grants import SQSOperation, required_env_vars
from chalicelib.core.errors import DarkroomError, InvalidSettingError, MissingConfigError, UnexpectedError
from chalicelib.core.settings import Settings

_FRAMES = 5


def is_unexpected(error: BaseException) -> bool:
    """Whether an error is a defect or a wrong set-up, and not a refusal of ours or a transient error."""
    if isinstance(error, DarkroomError):
        return isinstance(error, UnexpectedError | MissingConfigError | InvalidSettingError)
    return not clients.is_transient(error)


@required_env_vars({"CRITICAL_ERRORS_SQS_QUEUE_NAME": [SQSOperation.GET_QUEUE_URL, SQSOperation.SEND_MESSAGE]})
def report(error: BaseException, operation: str) -> None:
    """Queues an alert. The queue drops a fingerprint that it has had within five minutes. Never raises."""
    try:
        alert = _alert(error, operation)
        clients.client("sqs").send_message(
            QueueUrl=_queue_url(Settings.CRITICAL_ERRORS_SQS_QUEUE_NAME.get()),
            MessageBody=ids.to_json(alert),
            MessageGroupId=operation,
            MessageDeduplicationId=alert["fingerprint"],
        )
    except Exception as fault:
        log.error("CRITICAL_ERROR_NOT_REPORTED", fault, operation=operation)


def _alert(error: BaseException, operation: str) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "fingerprint": fingerprint(error, operation),
        "errorType": type(error).__name__,
        "message": log.redact(str(error)),
        "operation": operation,
        "functionName": log.function_name(),
        "stage": Settings.STAGE.get(),
        "correlationId": log.correlation_id(error),
        "timestamp": ids.now(),
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def fingerprint(error: BaseException, operation: str) -> str:
    """Equal for errors of one type from one line of one operation, whatever their messages say."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "nowhere"
    return hashlib.sha256(f"{operation}|{type(error).__name__}|{place}".encode()).hexdigest()


@functools.cache
def _queue_url(name: str) -> str:
    url: str = clients.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url
