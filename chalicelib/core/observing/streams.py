"""Batches of a DynamoDB stream: a record that cannot be handled because of itself holds up no other.

Lambda repeats a failed batch until its records are too old (infra/event_delivery.py). That is right for an outage. A
record that can never be handled would hold up all after it for a day, so it is sent to the function's dead-letter queue
with its content, in the form of Lambda's own dead letters, and can be given to the function again.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.core import clients, ids, log
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.aws.writes import ConditionFailedError
from chalicelib.core.errors import DarkroomError
from chalicelib.core.observing import alerts
from chalicelib.core.settings import Settings

Record = Mapping[str, Any]
# Handles records that may have come before.
Handle = Callable[[Sequence[Record]], None]


@required_env_vars(alerts.report, {"DEAD_LETTER_QUEUE_URLS": []})
def handle(function: str, event: Mapping[str, Any], handle_some: Handle) -> None:
    """Gives the records of an event to `handle_some`. Those that it can never handle go to the function's dead letters.

    Operators are told of them, as of errors of `function`. The role of the function may send there, because Lambda
    sends with it what it gives up.

    Raises:
        Exception: `handle_some` failed for another reason than its records: the batch must come again.
    """
    # Set aside only after the others are handled: a batch that comes again would set its bad records aside each time.
    for record, error in list(_failing(event["Records"], handle_some)):
        _set_aside(function, record, error)


def _failing(records: Sequence[Record], handle_some: Handle) -> Iterator[tuple[Record, Exception]]:
    """Handles the records, in halves if some of them are bad; gives those that are, each with its error."""
    if not records:
        return
    try:
        handle_some(records)
    except Exception as error:
        if not is_records_fault(error):
            raise
        if len(records) == 1:
            yield records[0], error
            return
        half = len(records) // 2
        yield from _failing(records[:half], handle_some)
        yield from _failing(records[half:], handle_some)


def is_records_fault(error: Exception) -> bool:
    """Whether the error follows from what was handled, and would come again: no outage, conflict or missing grant."""
    if clients.is_from_aws(error):
        return clients.is_invalid_call(error)
    return not isinstance(error, DarkroomError | ConditionFailedError | MemoryError)


def _set_aside(function: str, record: Record, error: Exception) -> None:
    letter = {
        "version": "1.0",
        "timestamp": ids.now(),
        "requestContext": {
            "requestId": log.request_id(),
            "functionName": log.function_name(),
            "condition": "RecordSetAside",
        },
        "requestPayload": {"Records": [record]},
        "responsePayload": {"errorType": type(error).__name__, "errorMessage": log.redact(str(error))},
    }
    clients.client("sqs").send_message(QueueUrl=_dead_letters(function), MessageBody=json.dumps(letter, default=str))
    log.error("RECORD_SET_ASIDE", error, eventId=record.get("eventID"))
    alerts.report(error, function)


def _dead_letters(function: str) -> str:
    """The URL of the function's queue, which is named after it."""
    end = f"-{function.replace('_', '-')}-dead"
    return next(url for url in Settings.DEAD_LETTER_QUEUE_URLS.get() if url.endswith(end))
