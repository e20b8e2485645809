"""Tracking of functions: what triggered them, what a run costs, and its usage record.

The payloads are the examples of the AWS Lambda Developer Guide ("Using AWS Lambda with other services") and of
"Event message structure" of the Amazon S3 User Guide, shortened where a part repeats.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import clients
from chalicelib.core.observing import event_sources, memory, tracking
from chalicelib.core.observing.tracking import USAGE
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


# The usage records of a test's runs.
Written = list[dict[str, Any]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """The usage records of the test, kept here instead of in the table; alarms go nowhere."""
    records: Written = []
    for name, value in {
        "USAGE_METRICS_DYNAMO_TABLE": "usage",
        "USAGE_KEEP_DAYS": "90",
        "CRITICAL_ERRORS_SQS_QUEUE_NAME": "unreachable.fifo",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(type(USAGE), "put", lambda table, item: records.append(dict(item)))
    return records


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_the_event_source_is_found_in_the_payloads_that_aws_documents(name: str, written: Written) -> None:
    @tracking.track_execution
    def handler(event: Any, context: Any) -> Any:
        return event

    assert handler(PAYLOADS[name], None) == PAYLOADS[name], "the handler gets the event as it came"
    assert [run["event_source"] for run in written] == [SOURCES[name]]


@pytest.mark.parametrize(
    ("event", "source"),
    [({"imageId": "img_1", "execution": "img_1-1"}, "Step Functions"), ({"Records": ["odd"]}, "Direct")],
    ids=["a step's input", "a record that is no object"],
)
def test_the_event_source_is_found_in_the_payload(event: dict[str, Any], source: str) -> None:
    assert event_sources.event_source(event) == source


def test_an_execution_is_started_with_input_that_names_its_source_and_account(monkeypatch: pytest.MonkeyPatch) -> None:
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
    monkeypatch.setattr(states, "claim", lambda *_, **__: image)
    monkeypatch.setattr(clients, "client", lambda service: StepFunctions())
    monkeypatch.setenv("STEP_FUNCTIONS_ARN", "arn")
    executions.start_executions({"Records": [{"body": json.dumps({"userId": "u1", "imageId": "img_1"})}]})
    assert event_sources.event_source(sent[0]) == "Step Functions"
    assert (sent[0]["userId"], sent[0]["apiKeyId"]) == ("u1", "key_1"), "whose account, and which key's"


PLAIN = st.none() | st.booleans() | st.text()


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_payload_has_an_event_source(value: Any) -> None:
    for event in ({"Records": value}, {"Records": [value]}, {"Records": [{"eventSource": value}]}, {"source": value}):
        assert event_sources.event_source(event) in {*SOURCES.values(), "Step Functions"}


def queue_event(*identities: str | None) -> dict[str, Any]:
    return {"Records": [{"body": json.dumps({"imageId": "img_1", "correlationId": each})} for each in identities]}


@pytest.mark.parametrize(
    ("event", "identity"),
    [
        ({"correlationId": "a", "execution": "img_1-1"}, "a"),
        (queue_event("a"), "a"),
        (queue_event("a", "a"), "a"),
        (queue_event("a", "b"), None),
        (queue_event("a", None), None),
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
def test_the_correlation_id_is_found_in_the_payload(event: dict[str, Any], identity: str | None) -> None:
    assert event_sources.correlation_of(event) == identity


# ------------------------------------------------------------------------------------ cost


@pytest.mark.parametrize(
    ("architecture", "memory_mb", "milliseconds", "dollars"),
    [
        # 0.5 GB × 0.2 s × 0.0000166667 + 0.0000002
        ("x86_64", 512, 200, "0.00000186667"),
        # 1 GB × 1 s
        ("x86_64", 1024, 1000, "0.0000168667"),
        # 10 GB × 900 s
        ("x86_64", 10240, 900_000, "0.1500005"),
        ("arm64", 512, 200, "0.00000153334"),
        ("arm64", 1024, 1000, "0.0000135334"),
        ("arm64", 10240, 900_000, "0.1200008"),
        ("x86_64", 128, 0, "0.0000002"),
    ],
)
def test_the_cost_of_a_run_is_exact(architecture: str, memory_mb: int, milliseconds: float, dollars: str) -> None:
    assert Decimal(str(tracking.lambda_cost(milliseconds, memory_mb, architecture))) == Decimal(dollars)


# --------------------------------------------------------------------------- usage records


def test_a_usage_record_holds_all_figures_of_a_run(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    before = datetime.now(UTC)
    with tracking.track("resize", "resize", "Step Functions") as execution:
        execution.set_caller("u1", "key_1")
        execution.started = 1000.0
        monkeypatch.setattr(tracking, "time", SimpleNamespace(perf_counter=lambda: 1000.25))
    (run,) = written
    assert run.pop("memory_used_mb") > 10
    started = datetime.fromisoformat(run["timestamp"].partition("#")[0])
    assert before - timedelta(milliseconds=1) <= started <= datetime.now(UTC)
    assert run.pop("ttl") == int((started + timedelta(days=90)).timestamp())
    run.pop("timestamp")
    assert run == {
        "account": "u1",
        "user": "u1",
        "api_key_id": "key_1",
        "operation": "resize",
        "kind": None,
        "endpoint": "resize",
        "event_source": "Step Functions",
        "duration_ms": 250,
        "memory_allocated_mb": 1024,
        "lambda_cost": tracking.lambda_cost(250, 1024),
        "success": True,
        "error_type": None,
    }


@pytest.mark.parametrize("event", [{}, {"userId": None}])
def test_a_run_without_a_user_is_recorded_for_the_system(written: Written, event: dict[str, Any]) -> None:
    @tracking.track_execution(account=lambda event: (event.get("userId"), event.get("apiKeyId")))
    def sweep(event: Any, context: Any) -> None: ...

    sweep(event, None)
    assert [(run["account"], run["user"], run["api_key_id"]) for run in written] == [("system", None, None)]


@pytest.mark.parametrize("error", [LookupError("gone"), SystemExit(1), KeyboardInterrupt()])
def test_a_failure_is_recorded_and_raised_again(written: Written, error: BaseException) -> None:
    @tracking.track_execution
    def fail(event: Any, context: Any) -> None:
        raise error

    with pytest.raises(type(error)):
        fail({}, None)
    assert [(run["success"], run["error_type"]) for run in written] == [(False, type(error).__name__)]


def test_runs_that_start_at_the_same_time_have_separate_usage_records(written: Written) -> None:
    @tracking.track_execution
    def handler(event: Any, context: Any) -> None: ...

    for _ in range(50):
        handler({}, None)
    assert len({run["timestamp"] for run in written}) == 50


def test_a_function_that_is_not_recorded_leaves_no_usage_record(written: Written) -> None:
    @tracking.track_execution(recorded=False)
    def usage_records(event: Any, context: Any) -> int:
        return 1

    assert usage_records(PAYLOADS["dynamodb_stream"], None) == 1
    assert written == []


def _cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(table: Any, item: Any) -> None:
        raise RuntimeError("the table is out")

    monkeypatch.setattr(type(USAGE), "put", put)


def _cannot_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    def peak() -> int:
        raise OSError("no such number")

    monkeypatch.setattr(memory, "peak", peak)


def _cannot_read_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USAGE_KEEP_DAYS", "for ever")


@pytest.mark.parametrize("broken", [_cannot_write, _cannot_measure, _cannot_read_settings])
def test_failing_tracking_hides_neither_a_result_nor_an_error(
    written: Written, monkeypatch: pytest.MonkeyPatch, broken: Callable[[pytest.MonkeyPatch], None]
) -> None:
    @tracking.track_execution
    def halve(event: Any, context: Any) -> float:
        return 1 / float(event["by"])

    # The settings are checked when the function first runs; what breaks then breaks later.
    halve({"by": 2}, None)
    written.clear()
    broken(monkeypatch)
    assert halve({"by": 2}, None) == 0.5
    with pytest.raises(ZeroDivisionError):
        halve({"by": 0}, None)
    assert written == []


def test_a_result_or_error_is_the_functions_own_although_no_service_can_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("USAGE_METRICS_DYNAMO_TABLE", "unreachable")
    monkeypatch.setenv("USAGE_KEEP_DAYS", "90")
    monkeypatch.setenv("CRITICAL_ERRORS_SQS_QUEUE_NAME", "unreachable.fifo")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    @tracking.track_execution
    def halve(event: Any, context: Any) -> float:
        return 1 / float(event["by"])

    assert halve({"by": 2}, None) == 0.5
    with pytest.raises(ZeroDivisionError):
        halve({"by": 0}, None)
