"""What fired a function, and whose work an event is, from payloads as AWS documents them.

The payloads are the examples of the AWS Lambda Developer Guide ("Using AWS Lambda with other services") and of
"Event message structure" of the Amazon S3 User Guide, shortened where a part repeats.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import clients
from chalicelib.core.observing import tracking
from chalicelib.core.observing.event_sources import correlation_of, event_source
from chalicelib.images import executions, states
from chalicelib.images.models import Image, Status

PAYLOADS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "payloads").glob("*.json")}
SOURCES = {
    "api_gateway_rest": "HTTP",
    "sqs": "SQS",
    "sqs_holding_sns": "SQS",
    "s3": "S3",
    "s3_test": "S3",
    "dynamodb_stream": "DynamoDB Stream",
    "sns": "SNS",
    "eventbridge_rule": "Scheduled",
    "eventbridge_scheduler": "Scheduled",
    "direct": "Direct",
    "direct_empty": "Direct",
    "records_empty": "Direct",
}


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_the_event_source_is_read_from_what_aws_sends(name: str, written: list[dict[str, Any]]) -> None:
    @tracking.track_execution
    def handler(event: Any, context: Any) -> Any:
        return event

    assert handler(PAYLOADS[name], None) == PAYLOADS[name], "the handler gets the event as it came"
    assert [run["event_source"] for run in written] == [SOURCES[name]]


def test_a_step_knows_that_the_state_machine_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []

    class StepFunctions:
        def start_execution(self, **request: Any) -> None:
            sent.append(json.loads(request["input"]))

    moment = "2026-11-21T07:00:00.000Z"
    image = Image.from_item(
        {
            "userId": "u1",
            "imageId": "img_1",
            "fileName": "a.jpg",
            "fileKey": "uploads/u1/img_1.jpg",
            "s3Key": "uploads/u1/img_1.jpg",
            "fileType": "image/jpeg",
            "status": str(Status.PROCESSING),
            "createdAt": moment,
            "execution": "img_1-1",
            "apiKeyId": "key_1",
        }
    )
    monkeypatch.setattr(states, "claim", lambda *message: image)
    monkeypatch.setattr(clients, "client", lambda service: StepFunctions())
    monkeypatch.setenv("STEP_FUNCTIONS_ARN", "arn")
    executions.start_executions({"Records": [{"body": json.dumps({"userId": "u1", "imageId": "img_1"})}]})
    assert event_source(sent[0]) == "Step Functions"
    assert (sent[0]["userId"], sent[0]["apiKeyId"]) == ("u1", "key_1"), "whose account, and which key's"


PLAIN = st.none() | st.booleans() | st.text()


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_every_payload_has_an_event_source(value: Any) -> None:
    for event in ({"Records": value}, {"Records": [value]}, {"Records": [{"eventSource": value}]}, {"source": value}):
        assert event_source(event) in {*SOURCES.values(), "Step Functions"}


@pytest.mark.parametrize(
    ("event", "source"),
    [
        ({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, "SQS"),
        ({"Records": [{"eventSource": "aws:s3", "s3": {}}]}, "S3"),
        ({"Records": [{"eventSource": "aws:dynamodb", "dynamodb": {}}]}, "DynamoDB Stream"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "SNS"),
        ({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, "Scheduled"),
        ({"httpMethod": "GET", "requestContext": {}}, "HTTP"),
        ({"imageId": "img_1", "execution": "img_1-1"}, "Step Functions"),
        ({}, "Direct"),
        ({"Records": []}, "Direct"),
        ({"Records": ["odd"]}, "Direct"),
    ],
)
def test_the_event_source_is_read_from_the_payload(event: dict[str, Any], source: str) -> None:
    assert event_source(event) == source


def _of_queue(*correlation_ids: str | None) -> dict[str, Any]:
    return {"Records": [{"body": json.dumps({"imageId": "img_1", "correlationId": each})} for each in correlation_ids]}


@pytest.mark.parametrize(
    ("event", "correlation_id"),
    [
        ({"correlationId": "a", "execution": "img_1-1"}, "a"),
        (_of_queue("a"), "a"),
        (_of_queue("a", "a"), "a"),
        (_of_queue("a", "b"), None),
        (_of_queue("a", None), None),
        ({"Records": [{"Sns": {"Message": '{"correlationId": "a"}'}}]}, "a"),
        ({"Records": [{"dynamodb": {"NewImage": {"correlationId": {"S": "a"}}}}]}, "a"),
        ({"Records": [{"dynamodb": {"OldImage": {"correlationId": {"S": "a"}}}}]}, None),
        ({"Records": [{"s3": {"object": {"key": "uploads/a"}}}]}, None),
        ({"Records": [{"body": "no JSON"}]}, None),
        ({"Records": [{"body": "[]"}]}, None),
        ({"Records": ["odd", 7]}, None),
        ({"Records": []}, None),
        ({"correlationId": "not fit for a line"}, None),
        ({}, None),
    ],
)
def test_the_correlation_id_is_read_from_the_payload(event: dict[str, Any], correlation_id: str | None) -> None:
    assert correlation_of(event) == correlation_id
