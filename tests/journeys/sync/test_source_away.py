"""A source that is away for two days: dead letters of the schedules go as soon as nobody needs them."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.core import ids, schedules
from chalicelib.core.deadline import Deadline
from chalicelib.external import circuit_breaker
from chalicelib.jobs import health, leases, recurrence, rounds, runner, sync
from chalicelib.jobs.sweeper.dead_letters import sweep_dead_letters
from local.fake_api import FakeApi
from local.fake_api.faults import Fault
from local.machine import Machine
from local.scheduler import _event
from tests.journeys.sync.syncing import FakeClock

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
JOBS = {job.name: job for job in (sync.NIGHTLY, sync.BUSINESS_HOURS)}


class Letters:
    """A queue of dead letters, as the sweeper and the health check know it."""

    def __init__(self, machine: Machine) -> None:
        self._sqs = machine.client("sqs")
        self.url = str(self._sqs.create_queue(QueueName=f"schedules-{secrets.token_hex(4)}")["QueueUrl"])

    def add(self, body: Any) -> None:
        self._sqs.send_message(QueueUrl=self.url, MessageBody=body if isinstance(body, str) else json.dumps(body))

    def read(self) -> list[Any]:
        """The letters that can be seen, in any order; they stay."""
        found: dict[str, str] = {}
        while messages := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            found |= {each["ReceiptHandle"]: each["Body"] for each in messages}
        for handle in found:
            self._sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)
        return [json.loads(body) if body.startswith("{") else body for body in found.values()]

    def times(self) -> list[tuple[str, str]]:
        """The job and the time of each failed run."""
        events = [letter["requestPayload"] for letter in self.read()]
        return sorted((event["resources"][0].rpartition("-local-")[2], event["time"]) for event in events)


@pytest.fixture
def letters(machine: Machine, function: pytest.MonkeyPatch) -> Iterator[Letters]:
    """An empty queue, in a stage whose jobs have not run yet."""
    for name in schedules.SCHEDULES:
        leases.JOBS.delete(f"beat#{name}")
    made = Letters(machine)
    function.setenv("SCHEDULES_DEAD_LETTERS_URL", made.url)
    function.setenv("DEAD_LETTER_QUEUE_URLS", made.url)
    yield made
    leases.JOBS.delete("health")


def event_of(name: str, moment: datetime) -> dict[str, Any]:
    """What EventBridge sends for that time."""
    event: dict[str, Any] = json.loads(_event(f"darkroom-local-{name}-event", moment))
    return event


def letter_of(name: str, event: dict[str, Any]) -> dict[str, Any]:
    """What Lambda sends when the last try of an event has failed."""
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:darkroom-local-{name}:$LATEST"
    about = {"functionArn": arn, "condition": "RetriesExhausted", "approximateInvokeCount": 3}
    return {"version": "1.0", "requestContext": about, "requestPayload": event}


def fire(letters: Letters, name: str, moment: datetime) -> None:
    """A scheduled run in a new container, and its dead letter if it fails."""
    circuit_breaker._breakers.clear()
    event = event_of(name, moment)
    try:
        runner.run(JOBS[name], event, deadline=FakeClock().deadline())
    except sync.SyncFailedError:
        letters.add(letter_of(name, event))


def firings(first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """The times of both syncs between two moments."""
    found = []
    for name in JOBS:
        expression = recurrence.parse(schedules.SCHEDULES[name].expression)
        moment = expression.next_after(first, first)
        while moment is not None and moment < last:
            found.append((moment, name))
            moment = expression.next_after(moment, first)
    return sorted(found)


def sweep(**options: Any) -> dict[str, int]:
    run = runner.Run("sweeper", options, datetime.now(UTC), Deadline.within(60))
    counts: dict[str, int] = rounds.go_through(run, sweep_dead_letters)["counts"]
    return counts


def dead_letters_health() -> tuple[str, str]:
    """The whole state, and that of the dead letters."""
    result = runner.run(health.HEALTH_CHECK, {})
    (of_letters,) = [each["status"] for each in result["dependencies"] if each["name"] == "dead-letters"]
    return result["status"], of_letters


def test_letters_of_two_days_are_gone_after_the_next_successful_run(fake_api: FakeApi, letters: Letters) -> None:
    fake_api.fail("/customers", Fault.ERROR, times=None)
    wednesday = MONDAY + timedelta(days=2)
    for moment, name in firings(MONDAY, wednesday):
        fire(letters, name, moment)
    assert len(letters.read()) == 38
    assert dead_letters_health() == ("degraded", "degraded")

    assert sweep() == {"deadLettersDeleted": 36}
    still_fail = [
        ("business_hours_sync-event", "2026-11-24T17:30:00Z"),
        ("nightly_sync-event", "2026-11-24T02:00:00Z"),
    ]
    assert letters.times() == still_fail, "the newest of each job that still fails"
    assert sweep() == {}
    assert letters.times() == still_fail

    fake_api.clear_faults()
    fire(letters, "business_hours_sync", wednesday + timedelta(hours=9))
    assert sweep() == {"deadLettersDeleted": 1}
    assert letters.times() == still_fail[1:], "another job's success says nothing about this one"
    fire(letters, "nightly_sync", wednesday + timedelta(days=1, hours=2))
    assert sweep() == {"deadLettersDeleted": 1}
    assert letters.read() == []
    assert dead_letters_health() == ("ok", "ok")


def test_the_letter_of_a_killed_run_goes_after_the_next_run(letters: Letters) -> None:
    letters.add(letter_of("health_check", event_of("health_check", MONDAY)))
    sweep()
    assert len(letters.read()) == 1, "no run has succeeded"
    runner.run(health.HEALTH_CHECK, event_of("health_check", MONDAY + timedelta(minutes=15)))
    assert sweep() == {"deadLettersDeleted": 1}
    assert dead_letters_health() == ("ok", "ok")


def test_an_event_that_did_not_reach_its_function_is_a_letter_too(letters: Letters) -> None:
    letters.add(event_of("health_check", MONDAY))
    runner.run(health.HEALTH_CHECK, {})
    assert sweep() == {"deadLettersDeleted": 1}, "a run by hand does the same as the schedule's"


def test_letters_that_somebody_may_need_stay(letters: Letters) -> None:
    by_hand = letter_of("health_check", {"since": "2026-11-20"})
    others = ["no JSON", {}, {"requestPayload": None}, by_hand, letter_of("x", event_of("unknown", MONDAY))]
    newer = letter_of("health_check", event_of("health_check", MONDAY + timedelta(minutes=30)))
    for body in [*others, newer]:
        letters.add(body)
    runner.run(health.HEALTH_CHECK, event_of("health_check", MONDAY + timedelta(minutes=15)))
    assert sweep() == {}
    assert len(letters.read()) == len(others) + 1


def test_a_run_that_did_nothing_or_something_else_frees_no_letter(
    letters: Letters, function: pytest.MonkeyPatch, fake_api: FakeApi
) -> None:
    letters.add(letter_of("nightly_sync", event_of("nightly_sync", MONDAY)))
    for options in ({"dryRun": True}, {"since": ids.timestamp(MONDAY)}):
        runner.run(sync.NIGHTLY, options, deadline=FakeClock().deadline())
    function.setenv("EXTERNAL_API_URL", "")
    runner.run(sync.NIGHTLY, event_of("nightly_sync", MONDAY + timedelta(days=1)))
    assert sweep() == {}
    assert len(letters.read()) == 1


def test_a_dry_run_says_what_it_would_delete(letters: Letters) -> None:
    letters.add(letter_of("health_check", event_of("health_check", MONDAY)))
    runner.run(health.HEALTH_CHECK, {})
    assert sweep(dryRun=True) == {"deadLettersDeleted": 1}
    assert len(letters.read()) == 1
