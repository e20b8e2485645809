"""The event source and cost of a run, and how a failure is reported."""

import json
from typing import Any

import pytest

from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, SQSOperation, required_env_vars
from chalicelib.core.observing import tracking
from chalicelib.core.observing.event_sources import correlation_of, event_source


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


def _of_queue(*identities: str | None) -> dict[str, Any]:
    return {"Records": [{"body": json.dumps({"imageId": "img_1", "correlationId": each})} for each in identities]}


@pytest.mark.parametrize(
    ("event", "identity"),
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
def test_the_correlation_id_is_read_from_the_payload(event: dict[str, Any], identity: str | None) -> None:
    assert correlation_of(event) == identity


def test_cost_is_gigabyte_seconds_and_a_fee_a_request() -> None:
    # AWS's own example: one GB-second on x86 costs 0.0000166667 dollars.
    assert tracking.lambda_cost(1000, 1024, "x86_64") == pytest.approx(0.0000166667 + 0.0000002)
    assert tracking.lambda_cost(500, 2048, "x86_64") == tracking.lambda_cost(1000, 1024, "x86_64")
    assert tracking.lambda_cost(1000, 1024, "arm64") < tracking.lambda_cost(1000, 1024, "x86_64")


def test_a_function_that_cannot_be_tracked_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_METRICS_DYNAMO_TABLE", "unreachable")
    monkeypatch.setenv("USAGE_KEEP_DAYS", "90")
    monkeypatch.setenv("CRITICAL_ERRORS_SQS_QUEUE_NAME", "unreachable.fifo")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    @tracking.track_execution
    def answer(event: Any, context: Any) -> int:
        return 42

    assert answer({}, None) == 42


def test_a_failure_goes_on_to_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_METRICS_DYNAMO_TABLE", "unreachable")
    monkeypatch.setenv("USAGE_KEEP_DAYS", "90")
    monkeypatch.setenv("CRITICAL_ERRORS_SQS_QUEUE_NAME", "unreachable.fifo")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    @tracking.track_execution
    def fail(event: Any, context: Any) -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        fail({}, None)


def test_what_decorators_declare_adds_up() -> None:
    @required_env_vars({"TABLE": [DynamoDBOperation.GET_ITEM], "BUCKET": []})
    @required_env_vars({"TABLE": [DynamoDBOperation.PUT_ITEM]})
    @tracking.track_execution
    def handler(event: Any, context: Any) -> None: ...

    assert grants.of(handler) == {
        "TABLE": {DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM},
        "BUCKET": frozenset(),
        "USAGE_METRICS_DYNAMO_TABLE": {DynamoDBOperation.PUT_ITEM},
        "USAGE_KEEP_DAYS": frozenset(),
        "CRITICAL_ERRORS_SQS_QUEUE_NAME": {SQSOperation.GET_QUEUE_URL, SQSOperation.SEND_MESSAGE},
    }


def test_only_known_operations_can_be_declared() -> None:
    with pytest.raises(TypeError, match="GetObject"):
        required_env_vars({"BUCKET": ["GetObject"]})  # type: ignore[list-item]
    required_env_vars({"BUCKET": [S3Operation.GET_OBJECT]})
