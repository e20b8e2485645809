"""The cost of a run, its usage record, and how a failure is reported."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.core.observing import memory, tracking
from chalicelib.core.observing.tracking import USAGE

# The usage records of a test's runs.
Written = list[dict[str, Any]]

# ------------------------------------------------------------------------------------ its cost


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
def test_cost_is_computed_by_the_formula(architecture: str, memory_mb: int, milliseconds: float, dollars: str) -> None:
    assert Decimal(str(tracking.lambda_cost(milliseconds, memory_mb, architecture))) == Decimal(dollars)


# --------------------------------------------------------------------------- what is written


def test_a_usage_record_has_duration_memory_and_cost(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_run_without_an_owner_belongs_to_the_system(written: Written, event: dict[str, Any]) -> None:
    @tracking.track_execution(account=lambda event: (event.get("userId"), event.get("apiKeyId")))
    def sweep(event: Any, context: Any) -> None: ...

    sweep(event, None)
    assert [(run["account"], run["user"], run["api_key_id"]) for run in written] == [("system", None, None)]


@pytest.mark.parametrize("error", [LookupError("gone"), SystemExit(1), KeyboardInterrupt()])
def test_a_failure_is_recorded_and_raised(written: Written, error: BaseException) -> None:
    @tracking.track_execution
    def fail(event: Any, context: Any) -> None:
        raise error

    with pytest.raises(type(error)):
        fail({}, None)
    assert [(run["success"], run["error_type"]) for run in written] == [(False, type(error).__name__)]


def test_two_runs_that_start_at_once_have_two_records(written: Written) -> None:
    @tracking.track_execution
    def handler(event: Any, context: Any) -> None: ...

    for _ in range(50):
        handler({}, None)
    assert len({run["timestamp"] for run in written}) == 50


def test_the_reader_of_usage_records_writes_none(written: Written) -> None:
    @tracking.track_execution(recorded=False)
    def usage_records(event: Any, context: Any) -> int:
        return 1

    assert usage_records({"Records": []}, None) == 1
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
def test_tracking_that_fails_hides_neither_success_nor_failure(
    written: Written, monkeypatch: pytest.MonkeyPatch, broken: Callable[[pytest.MonkeyPatch], None]
) -> None:
    broken(monkeypatch)

    @tracking.track_execution
    def halve(event: Any, context: Any) -> float:
        return 1 / float(event["by"])

    assert halve({"by": 2}, None) == 0.5
    with pytest.raises(ZeroDivisionError):
        halve({"by": 0}, None)
    assert written == []


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
