"""What fired a function, and the work that the event belongs to, read from the payload as AWS sends it."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core import log

HTTP = "HTTP"

_BY_RECORD = {"aws:sqs": "SQS", "aws:s3": "S3", "aws:dynamodb": "DynamoDB Stream", "aws:sns": "SNS"}


def event_source(event: Mapping[str, Any]) -> str:
    """The kind of trigger; "Direct" for a function that was called by hand."""
    records = event.get("Records")
    if isinstance(records, list) and records and isinstance(records[0], Mapping):
        return _BY_RECORD.get(str(records[0].get("eventSource") or records[0].get("EventSource")), "Direct")
    if event.get("Service") == "Amazon S3":
        # The test event, which S3 sends when the trigger is made, has no records.
        return "S3"
    if "httpMethod" in event or "requestContext" in event:
        return HTTP
    if event.get("source") == "aws.events" or event.get("detail-type") == "Scheduled Event":
        return "Scheduled"
    # Our state machine passes every function the name of its execution.
    return "Step Functions" if "execution" in event else "Direct"


def correlation_of(event: Mapping[str, Any]) -> str | None:
    """The correlation id of the work that an event is about; None if it is about several, or names none."""
    records = event.get("Records")
    named = [_in_record(each) for each in records] if isinstance(records, list) else [event.get("correlationId")]
    only = named[0] if named and named.count(named[0]) == len(named) else None
    return log.valid_correlation_id(only)


def _in_record(record: Any) -> Any:
    """The correlation id in a message of a queue or topic, or in a row from a stream."""
    try:
        if "Sns" in record:
            return json.loads(record["Sns"]["Message"])["correlationId"]
        if "body" in record:
            return json.loads(record["body"])["correlationId"]
        return record["dynamodb"]["NewImage"]["correlationId"]["S"]
    except (KeyError, TypeError, ValueError):
        return None
