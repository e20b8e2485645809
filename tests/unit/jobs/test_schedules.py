"""When each stage runs its schedules, and which payloads they accept by hand."""

from typing import Any

import pytest

from chalicelib.core.errors import InvalidRequestError, InvalidSettingError
from chalicelib.jobs import runner, schedules
from tests.scheduled_jobs import JOBS

FIRED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-21T02:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/darkroom-prod-nightly_sync-event"],
    "detail": {},
}


@pytest.mark.parametrize(
    ("stage", "name", "expected"),
    [
        ("prod", "nightly_sync", "cron(0 2 * * ? *)"),
        ("staging", "nightly_sync", "cron(0 0/6 * * ? *)"),
        ("dev", "nightly_sync", "rate(15 minutes)"),
        ("somebodys", "nightly_sync", "cron(0 2 * * ? *)"),
        ("prod", "business_hours_sync", "cron(0/30 9-17 ? * MON-FRI *)"),
        ("prod", "weekly_cleanup", "cron(0 3 ? * SUN *)"),
        ("prod", "monthly_report", "cron(0 1 1 * ? *)"),
        ("prod", "quarterly_archive", "cron(0 2 1 JAN,APR,JUL,OCT ? *)"),
        ("prod", "health_check", "rate(15 minutes)"),
        ("prod", "sweeper", "rate(15 minutes)"),
    ],
)
def test_each_stage_has_its_own_schedule_times(
    monkeypatch: pytest.MonkeyPatch, stage: str, name: str, expected: str
) -> None:
    monkeypatch.setenv("STAGE", stage)
    assert schedules.expression(name) == expected


def test_a_stage_can_switch_off_a_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULES_OFF", " nightly_sync,sweeper ,")
    assert schedules.expression("nightly_sync") is None
    assert schedules.expression("sweeper") is None
    assert schedules.expression("weekly_cleanup") == "cron(0 3 ? * SUN *)"


def test_a_stage_cannot_switch_off_an_unknown_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULES_OFF", "nightly_synch")
    with pytest.raises(InvalidSettingError, match=r"SCHEDULES_OFF must be .* not 'nightly_synch'"):
        schedules.expression("sweeper")


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("nightly_sync", FIRED, {}),
        ("nightly_sync", {}, {}),
        ("nightly_sync", {"syncType": "incremental"}, {"syncType": "incremental"}),
        ("weekly_cleanup", {"operation": "cleanup", "dryRun": True}, {"operation": "cleanup", "dryRun": True}),
        ("nightly_sync", {"since": "2026-02-28"}, {"since": "2026-02-28T00:00:00.000Z"}),
        ("nightly_sync", {"since": "2026-02-28T10:11:12.5Z"}, {"since": "2026-02-28T10:11:12.500Z"}),
    ],
)
def test_payloads_of_a_schedule_are_read(name: str, event: dict[str, Any], expected: dict[str, Any]) -> None:
    assert runner.options_of(JOBS[name], event) == expected


@pytest.mark.parametrize(
    ("name", "event", "field"),
    [
        ("nightly_sync", {"syncType": "everything"}, "syncType"),
        ("nightly_sync", {"sincee": "2026-02-28"}, "sincee"),
        ("nightly_sync", {"since": "2026-02-30"}, "since"),
        ("nightly_sync", {"since": "yesterday"}, "since"),
        ("nightly_sync", {"operation": "cleanup"}, "operation"),
        ("weekly_cleanup", {"dryRun": "true"}, "dryRun"),
        ("weekly_cleanup", {"syncType": "incremental"}, "syncType"),
        ("health_check", {"dryRun": True}, "dryRun"),
        # It resembles the schedule's own event, so `dryRun` in it must not be ignored silently.
        ("weekly_cleanup", {**FIRED, "dryRun": True}, "source"),
    ],
)
def test_invalid_payloads_of_a_schedule_are_refused(name: str, event: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        runner.options_of(JOBS[name], event)
    assert field in {detail["field"] for detail in refused.value.details}
