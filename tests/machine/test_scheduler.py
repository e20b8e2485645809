"""Schedules run on the local clock with EventBridge's events, and are retried like other asynchronous events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.jobs.recurrence import parse
from local.errors import MachineError
from local.machine import Machine
from local.scheduler import MAX_EVENTS_AT_ONCE, _Rule
from tests.conftest import Eventually
from tests.machine.conftest import Tiny

PERIOD = timedelta(minutes=10)


@contextmanager
def enabled(tiny: Tiny, name: str) -> Iterator[None]:
    """The function's rule, switched on."""
    rule = f"darkroom-tiny-{name}-event"
    tiny.client("events").enable_rule(Name=rule)
    try:
        yield
    finally:
        tiny.client("events").disable_rule(Name=rule)


def next_run(tiny: Tiny, name: str) -> float:
    moment = tiny.machine.next_run(name)
    assert moment is not None
    return moment


def pass_times(tiny: Tiny, name: str, count: int, eventually: Eventually) -> list[str]:
    """Advance the clock past the next `count` times of a rule; these times, in the format of the events."""
    first = next_run(tiny, name)
    last = first + (count - 1) * PERIOD.total_seconds()
    tiny.clock.advance(last - tiny.clock.now() + 1)
    eventually(lambda: next_run(tiny, name) > last)
    return [iso(first + index * PERIOD.total_seconds()) for index in range(count)]


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def events(tiny: Tiny, name: str) -> list[Any]:
    return tiny.runs(name, "Scheduled Event")


def event_times(tiny: Tiny, name: str) -> list[str]:
    return sorted(event["time"] for event in events(tiny, name))


def test_an_event_has_the_shape_of_eventbridges_events(tiny: Tiny, eventually: Eventually) -> None:
    before = len(events(tiny, "ticked"))
    with enabled(tiny, "ticked"):
        (time,) = pass_times(tiny, "ticked", 1, eventually)
        eventually(lambda: len(events(tiny, "ticked")) == before + 1)
    event = events(tiny, "ticked")[-1]
    assert len(event.pop("id")) == 36
    assert event.pop("word")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": time,
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/darkroom-tiny-ticked-event"],
        "detail": {},
    }


def test_advancing_the_clock_sends_an_event_for_every_time_passed(tiny: Tiny, eventually: Eventually) -> None:
    before = len(events(tiny, "ticked"))
    with enabled(tiny, "ticked"):
        times = pass_times(tiny, "ticked", 3, eventually)
        eventually(lambda: len(events(tiny, "ticked")) == before + 3)
    assert event_times(tiny, "ticked")[-3:] == times


def test_after_a_long_sleep_only_the_last_times_send_events(tiny: Tiny, eventually: Eventually) -> None:
    before = event_times(tiny, "ticked")
    with enabled(tiny, "ticked"):
        times = pass_times(tiny, "ticked", MAX_EVENTS_AT_ONCE + 4, eventually)
        eventually(lambda: len(events(tiny, "ticked")) >= len(before) + MAX_EVENTS_AT_ONCE)
    assert event_times(tiny, "ticked") == before + times[4:]


def test_a_cron_expression_sends_events_at_its_minute_and_on_its_days(tiny: Tiny, eventually: Eventually) -> None:
    with enabled(tiny, "rang"):
        time = datetime.fromtimestamp(next_run(tiny, "rang"), UTC)
        assert (time.hour, time.minute, time.second) == (4, 30, 0)
        assert time.isoweekday() <= 5
        tiny.clock.advance(time.timestamp() - tiny.clock.now() + 1)
        (event,) = eventually(lambda: events(tiny, "rang"))
        assert event["time"] == time.strftime("%Y-%m-%dT04:30:00Z")


def test_a_disabled_rule_sends_no_events(tiny: Tiny, eventually: Eventually) -> None:
    before = event_times(tiny, "ticked")
    pass_times(tiny, "ticked", 2, eventually)
    with enabled(tiny, "ticked"):
        times = pass_times(tiny, "ticked", 1, eventually)
        eventually(lambda: len(events(tiny, "ticked")) > len(before))
    assert event_times(tiny, "ticked") == before + times


def test_a_run_that_fails_is_retried_and_then_sent_to_the_dead_letters(tiny: Tiny, eventually: Eventually) -> None:
    before = len(events(tiny, "ticked"))
    tiny.client("dynamodb").put_item(
        TableName="darkroom-tiny-daily", Item={"scope": {"S": "fails"}, "day#what": {"S": "fail-ticked"}}
    )
    try:
        with enabled(tiny, "ticked"):
            (time,) = pass_times(tiny, "ticked", 1, eventually)
            eventually(lambda: len(events(tiny, "ticked")) == before + 1 and tiny.machine.events_waiting() == 1)
        tiny.clock.advance(61)
        letter = eventually(lambda: tiny.dead_letter("SchedulesDeadLetterQueue", "Scheduled Event"))
    finally:
        tiny.stop_failing("fail-ticked")
    assert [event["time"] for event in events(tiny, "ticked")[before:]] == [time, time]
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert letter["requestContext"]["functionArn"].endswith(":function:darkroom-tiny-ticked:$LATEST")
    assert letter["requestPayload"]["time"] == time


def test_the_rule_in_eventbridge_has_the_delivery_settings(tiny: Tiny) -> None:
    eventbridge = tiny.client("events")
    rule = eventbridge.describe_rule(Name="darkroom-tiny-ticked-event")
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(10 minutes)", "DISABLED")
    (target,) = eventbridge.list_targets_by_rule(Rule="darkroom-tiny-ticked-event")["Targets"]
    assert target["Arn"].endswith(":function:darkroom-tiny-ticked")
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 3600}
    assert target["DeadLetterConfig"]["Arn"].endswith(":darkroom-tiny-schedules-dead")


def test_the_machine_does_not_start_with_an_expression_that_aws_would_refuse(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from chalice import Chalice\n"
        "app = Chalice(app_name='odd')\n"
        "@app.schedule('rate(1 minutes)')\n"
        "def odd(event): ...\n"
    )
    stage = json.loads((Path(__file__).parent / "app" / ".chalice" / "config.json").read_text())["stages"]["tiny"]
    (tmp_path / ".chalice").mkdir()
    (tmp_path / "chalicelib").mkdir()
    config = {"version": "2.0", "app_name": "odd", "stages": {"odd": stage}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    with (
        pytest.raises(MachineError, match="odd"),
        Machine(tmp_path, stage="odd", api=False, asynchronous={}, streams={}),
    ):
        pass


def test_a_deleted_rule_is_not_enabled(tiny: Tiny) -> None:
    """The scheduler goes on: an error here would end its thread."""
    function: Any = None
    rule = _Rule("a-deleted-rule", function, "rate(1 day)", parse("rate(1 day)"), datetime(2026, 1, 1, tzinfo=UTC))
    assert not rule.is_enabled
