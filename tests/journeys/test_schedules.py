"""Scheduled functions: fired by the clock, invoked by hand, and overdue."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.jobs import heartbeats, leases
from local.__main__ import main
from local.machine import Machine
from tests.journeys.subscriber import subscribe
from tests.waiting import wait_for


@contextmanager
def enabled(machine: Machine, name: str) -> Iterator[None]:
    """The name of the schedule's rule, enabled for the test."""
    rule = f"darkroom-local-{name}-event"
    machine.client("events").enable_rule(Name=rule)
    try:
        yield
    finally:
        machine.client("events").disable_rule(Name=rule)


def heartbeat(name: str) -> dict[str, Any]:
    return leases.JOBS.get(f"beat#{name}") or {}


def forget(name: str) -> None:
    """A stage where the schedule never ran and was never checked."""
    leases.JOBS.delete(f"beat#{name}")


def overdue(now: datetime) -> dict[str, heartbeats.Overdue]:
    return {each.name: each for each in heartbeats.list_overdue(now)}


# -------------------------------------------------------------------------------- fired


def test_a_schedule_that_fires_leaves_a_heartbeat_and_a_usage_record(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    forget("sweeper")
    due = machine.next_run("sweeper")
    assert due is not None
    with enabled(machine, "sweeper"):
        machine.clock.advance(due - machine.clock.now() + 1)
        wait_for(lambda: "endedAt" in heartbeat("sweeper"), "the sweeper to have run")
    seen = heartbeat("sweeper")
    assert seen["startedAt"] <= seen["endedAt"]
    assert seen["outcome"] in {"success", "partial", "skipped"}
    page = machine.client("dynamodb").query(
        TableName=machine.environment["USAGE_METRICS_DYNAMO_TABLE"],
        KeyConditionExpression="account = :system",
        FilterExpression="operation = :sweeper",
        ExpressionAttributeValues={":system": {"S": "system"}, ":sweeper": {"S": "sweeper"}},
    )
    assert "Scheduled" in {item["event_source"]["S"] for item in page["Items"]}


# ------------------------------------------------------------------------------ by hand


def test_a_schedule_can_be_invoked_by_hand_without_a_payload(
    machine: Machine, function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "sweeper"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


@pytest.mark.parametrize("payload", [{"dryrun": True}, {"operation": "sync"}, {"since": "2026-02-30"}])
def test_an_invalid_payload_is_refused_and_nothing_runs(
    machine: Machine, function: pytest.MonkeyPatch, payload: dict[str, Any]
) -> None:
    before = heartbeat("weekly_cleanup")
    answer, errored = machine.invoke("weekly_cleanup", payload)
    assert errored
    assert answer["errorType"] == "InvalidRequestError"
    assert heartbeat("weekly_cleanup") == before


# ------------------------------------------------------------------------------- missed


def test_a_schedule_is_overdue_when_its_time_passed_without_a_run(function: pytest.MonkeyPatch) -> None:
    for name in ("sweeper", "weekly_cleanup"):
        forget(name)
    now = datetime.now(UTC)
    assert not {"sweeper", "weekly_cleanup"} & set(overdue(now))
    heartbeats.record("sweeper", heartbeats.RUNNING)
    heartbeats.record("sweeper", "success")
    started = datetime.fromisoformat(heartbeat("sweeper")["startedAt"])
    assert "sweeper" not in overdue(started + timedelta(minutes=24))
    late = overdue(started + timedelta(minutes=26))["sweeper"]
    assert (late.why, late.last_outcome) == ("missed", "success")
    assert datetime.fromisoformat(late.expected_at) == started + timedelta(minutes=15)
    assert "weekly_cleanup" not in overdue(started + timedelta(minutes=26))
    never = overdue(now + timedelta(days=8))["weekly_cleanup"]
    assert never.last_start is None
    assert datetime.fromisoformat(never.expected_at).strftime("%a %H:%M") == "Sun 03:00"


def test_a_run_that_never_ended_is_reported(function: pytest.MonkeyPatch) -> None:
    forget("sweeper")
    now = datetime.now(UTC)
    overdue(now)
    heartbeats.record("sweeper", heartbeats.RUNNING)
    assert "sweeper" not in overdue(now + timedelta(minutes=9))
    assert overdue(now + timedelta(minutes=11))["sweeper"].why == "unfinished"
    heartbeats.record("sweeper", "failed")
    assert "sweeper" not in overdue(now + timedelta(minutes=11))


def test_a_disabled_schedule_is_never_overdue_and_counts_from_when_it_is_enabled(function: pytest.MonkeyPatch) -> None:
    forget("sweeper")
    now = datetime.now(UTC)
    overdue(now)
    function.setenv("SCHEDULES_OFF", "sweeper")
    assert "sweeper" not in overdue(now + timedelta(days=1))
    assert "sweeper" not in overdue(now + timedelta(days=2))
    function.delenv("SCHEDULES_OFF")
    assert "sweeper" not in overdue(now + timedelta(days=3))
    assert "sweeper" in overdue(now + timedelta(days=3, minutes=26))
    forget("sweeper")


# ------------------------------------------------------------------- the month's report


@pytest.fixture
def announced(machine: Machine) -> Callable[[], list[str]]:
    """The subjects that a subscriber of the operators' topic received."""
    received = subscribe(machine, "OPERATORS_TOPIC_ARN")
    return lambda: [notification["Subject"] for notification in received()]


def files(machine: Machine, month: str) -> set[str]:
    listed = machine.client("s3").list_objects_v2(
        Bucket=machine.environment["S3_OUTPUT_BUCKET"], Prefix=f"reports/system/{month}"
    )
    return {each["Key"] for each in listed.get("Contents", ())}


def test_a_monthly_report_is_stored_and_announced_once(machine: Machine, announced: Callable[[], list[str]]) -> None:
    tried, errored = machine.invoke("monthly_report", {"since": "2024-02-10", "dryRun": True})
    assert not errored
    assert tried["figures"]["requests"] == 0
    assert files(machine, "2024-02") == set()
    for _ in range(2):
        answer, errored = machine.invoke("monthly_report", {"since": "2024-02-10"})
        assert not errored
        assert answer["period"] == {"start": "2024-02-01", "end": "2024-02-29"}
    assert files(machine, "2024-02") == {f"reports/system/2024-02.{each}" for each in ("html", "pdf", "json")}
    # A later report: a second one on February would arrive before it.
    machine.invoke("monthly_report", {"since": "2024-03-31T23:59:59Z"})
    wait_for(lambda: [each for each in announced() if "2024-03" in each], "the report on March")
    assert len([each for each in announced() if "2024-02" in each]) == 1


def test_without_a_month_the_report_is_on_the_last_month(machine: Machine) -> None:
    answer, errored = machine.invoke("monthly_report", {"dryRun": True})
    assert not errored
    end = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
    assert answer["period"] == {"start": end.replace(day=1).isoformat(), "end": end.isoformat()}
