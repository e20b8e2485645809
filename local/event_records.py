"""The records in which Lambda gives a function messages of a queue, and changes of a table."""

import base64
from datetime import UTC, datetime
from typing import Any

from local.aws import REGION


def queue_record(message: Any, arn: str) -> dict[str, Any]:
    """A message of the queue with this ARN."""
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    trace = message.system_attributes.get("AWSTraceHeader")
    if trace:
        attributes["AWSTraceHeader"] = trace["StringValue"]
    record = {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _message_attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }
    if message.message_attributes:
        record["md5OfMessageAttributes"] = message.attribute_md5
    return record


def _message_attribute(value: dict[str, Any]) -> dict[str, Any]:
    binary = value.get("BinaryValue")
    if isinstance(binary, bytes):
        binary = base64.b64encode(binary).decode()
    values = {"stringValue": value.get("StringValue"), "binaryValue": binary}
    return {name: each for name, each in values.items() if each is not None} | {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }


def stream_record(item: Any, arn: str) -> dict[str, Any]:
    """A change of the table with this stream."""
    record: dict[str, Any] = item.to_json()
    details = dict(record["dynamodb"])
    created = details.get("ApproximateCreationDateTime")
    if isinstance(created, datetime):
        details["ApproximateCreationDateTime"] = _in_utc(created).timestamp()
    return record | {"dynamodb": details, "eventSourceARN": arn, "awsRegion": REGION}


def iso(created: Any) -> str:
    """The time of a change, as Lambda's dead letters have it."""
    return _in_utc(created).strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(created, datetime) else str(created)


def _in_utc(created: datetime) -> datetime:
    """moto's times have no zone, and are in UTC."""
    return created.replace(tzinfo=UTC)
