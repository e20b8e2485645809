"""The health check: each dependency is checked, the result is stored and served, and a change is reported once."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from chalicelib.core import ids
from chalicelib.jobs import health, leases, runner, schedules
from chalicelib.jobs.health import service
from chalicelib.jobs.health.check import ask, overall
from chalicelib.jobs.health.dependencies import Dependency, Finding, State
from infra import template
from local.machine import Machine
from tests.journeys.gateway import call
from tests.journeys.issuing_keys import issue_key
from tests.journeys.subscriber import subscribe
from tests.journeys.user import User
from tests.waiting import wait_for

Notifications = Callable[[], list[dict[str, Any]]]


def check(now: datetime | None = None) -> dict[str, Any]:
    return runner.run(health.HEALTH_CHECK, {}, now=now)


@pytest.fixture(autouse=True)
def dead_letters(machine: Machine, function: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty dead-letter queue, before any check: other tests leave messages in other queues.

    The machine's schedules are off. Without their heartbeats they are watched from now on, so that none is overdue,
    however long the machine has been running.
    """
    for name in schedules.SCHEDULES:
        leases.JOBS.delete(f"beat#{name}")
    leases.JOBS.delete("health")
    service._cached.clear()
    url = machine.client("sqs").create_queue(QueueName=f"dead-{secrets.token_hex(4)}")["QueueUrl"]
    function.setenv("DEAD_LETTER_QUEUE_URLS", url)
    yield str(url)
    leases.JOBS.delete("health")
    service._cached.clear()


@pytest.fixture
def notifications(machine: Machine) -> Notifications:
    """The notifications about health that operators got during the test, oldest first."""
    received = subscribe(machine, "OPERATORS_TOPIC_ARN")

    def of_health() -> list[dict[str, Any]]:
        messages = [json.loads(notification["Message"]) for notification in received()]
        return [message for message in messages if "unwell" in message]

    return of_health


def states(result: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["status"] for each in result["dependencies"]}


def test_a_healthy_machine_is_ok_and_every_dependency_was_checked(
    machine: Machine, notifications: Notifications
) -> None:
    result = check()
    assert result["status"] == "ok", result
    assert set(states(result).values()) == {"ok"}
    assert {"users-table", "input-bucket", "uploads-queue", "dead-letters", "user-pool", "image-pipeline"} <= set(
        states(result)
    )
    assert notifications() == [], "an unchanged state is not reported"


def test_every_table_and_dead_letter_queue_of_the_template_is_checked(machine: Machine) -> None:
    resources = template.load()["Resources"]
    tables = {name for name, each in resources.items() if each["Type"] == "AWS::DynamoDB::Table"}
    # Only a deploy writes it, and only people read it.
    assert len(health.TABLES) + 2 == len(tables), "all except the declarations and the table that holds the result"
    urls = {made.ref for name, made in machine.resources.items() if name.endswith("DeadLetterQueue")}
    assert set(machine.environment["DEAD_LETTER_QUEUE_URLS"].split(",")) == urls


def test_a_change_of_state_and_its_end_are_each_reported_once(
    machine: Machine, notifications: Notifications, dead_letters: str
) -> None:
    machine.client("sqs").send_message(QueueUrl=dead_letters, MessageBody="{}")
    for _ in range(3):
        assert check()["status"] == "degraded"
    assert [each["status"] for each in notifications()] == ["degraded"]
    assert notifications()[0]["unwell"]["dead-letters"].endswith(f"{dead_letters.rpartition('/')[2]}: 1")
    machine.client("sqs").purge_queue(QueueUrl=dead_letters)
    for _ in range(2):
        assert check()["status"] == "ok"
    assert [(each["before"], each["status"]) for each in notifications()] == [
        ("unknown", "degraded"),
        ("degraded", "ok"),
    ]


def test_a_failed_notification_is_sent_by_the_next_check(
    machine: Machine, notifications: Notifications, function: pytest.MonkeyPatch, dead_letters: str
) -> None:
    machine.client("sqs").send_message(QueueUrl=dead_letters, MessageBody="{}")
    topic = machine.environment["OPERATORS_TOPIC_ARN"]
    function.setenv("OPERATORS_TOPIC_ARN", f"{topic}-gone")
    with pytest.raises(Exception, match="NotFound"):
        check()
    function.setenv("OPERATORS_TOPIC_ARN", topic)
    check()
    assert [each["status"] for each in notifications()] == ["degraded"]


@pytest.mark.parametrize(
    ("variable", "value", "name", "whole"),
    [
        ("USERS_TABLE", "no-such-table", "users-table", "down"),
        ("S3_INPUT_BUCKET", "no-such-bucket", "input-bucket", "down"),
        ("COGNITO_USER_POOL_ID", "us-east-1_nothing00", "user-pool", "down"),
        ("STEP_FUNCTIONS_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:none", "image-pipeline", "down"),
        ("AUDIT_TABLE", "no-such-table", "audit-table", "degraded"),
        ("EXTERNAL_API_URL", "http://127.0.0.1:9", "external-api", "degraded"),
        ("CRITICAL_ERRORS_SQS_QUEUE_NAME", "none.fifo", "errors-queue", "degraded"),
    ],
)
def test_a_failed_dependency_affects_only_what_depends_on_it(
    function: pytest.MonkeyPatch, variable: str, value: str, name: str, whole: str
) -> None:
    function.setenv(variable, value)
    result = check()
    assert result["status"] == whole
    assert {each for each, state in states(result).items() if state != "ok"} == {name}


def test_a_dependency_that_never_answers_ends_at_its_deadline() -> None:
    hanging = threading.Event()

    def hangs() -> str:
        hanging.wait(30)
        return ""

    asked = [Dependency("slow", hangs, essential=True), Dependency("quick", lambda: "")]
    try:
        found = ask(asked, seconds=0.2)
        assert not hanging.is_set()
    finally:
        hanging.set()
    assert [(each.name, each.state) for each in found] == [("slow", State.DOWN), ("quick", State.OK)]
    assert "0.2" in found[0].detail


def test_the_overall_state_is_the_worst_one() -> None:
    ok, degraded, down = (Finding("x", state) for state in State)
    assert overall([]) is overall([ok]) is State.OK
    assert overall([ok, degraded]) is State.DEGRADED
    assert overall([degraded, down, ok]) is State.DOWN


def test_an_overdue_schedule_is_in_the_result(machine: Machine) -> None:
    now = datetime.now(UTC)
    check(now)
    result = check(now + timedelta(days=8))
    detail = next(each["detail"] for each in result["dependencies"] if each["name"] == "schedules")
    assert "weekly_cleanup missed" in detail


def test_messages_that_wait_too_long_are_reported_as_a_backlog(machine: Machine, function: pytest.MonkeyPatch) -> None:
    url = machine.client("sqs").create_queue(QueueName=f"slow-{secrets.token_hex(4)}")["QueueUrl"]
    function.setenv("ACTIONS_QUEUE_URL", url)
    machine.client("sqs").send_message(QueueUrl=url, MessageBody="{}")
    key = {"userId": f"u{secrets.token_hex(4)}", "actionId": "act_waits"}
    since = ids.timestamp(datetime.now(UTC) - timedelta(minutes=16))
    table = machine.environment["ACTIONS_TABLE"]
    item = {**key, "status": "PENDING", "unfinished": "PENDING", "unfinishedSince": since, "createdAt": since}
    machine.client("dynamodb").put_item(TableName=table, Item={name: {"S": text} for name, text in item.items()})
    try:
        assert states(check())["actions-queue"] == "degraded"
        machine.client("sqs").purge_queue(QueueUrl=url)
        assert states(check())["actions-queue"] == "ok"
    finally:
        machine.client("dynamodb").delete_item(TableName=table, Key={name: {"S": text} for name, text in key.items()})


# --------------------------------------------------------------------------- GET /health


def test_the_public_health_answer_reveals_no_internals(machine: Machine) -> None:
    url = machine.environment["DEAD_LETTER_QUEUE_URLS"].split(",")[0]
    sqs = machine.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    answer, errored = machine.invoke("health_check")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"])
    assert not errored, answer

    def served() -> dict[str, Any] | None:
        shown: dict[str, Any] = requests.get(f"{machine.api_url}/health", timeout=30).json()
        return shown if shown.get("checkedAt") == answer["checkedAt"] else None

    shown = wait_for(served, "the result to be served")
    assert shown["success"] is True
    assert {"name": "dead-letters", "status": "degraded"} in shown["dependencies"]
    assert shown["status"] == "degraded"
    text = json.dumps(shown)
    for telling in ("arn:", "123456789012", "darkroom-local", "http://", "uploads-dead"):
        assert telling not in text


def test_without_a_stored_result_the_state_is_unknown(function: pytest.MonkeyPatch) -> None:
    assert health.get_health()["status"] == "unknown"
    assert health.get_health()["dependencies"] == []
    assert health.get_health()["checkedAt"] is None


def test_an_old_result_counts_as_unknown() -> None:
    now = datetime.now(UTC)
    check(now)
    assert health.get_health(now + timedelta(minutes=44))["status"] == "ok"
    assert health.get_health(now + timedelta(minutes=46))["status"] == "unknown"


def test_a_failed_state_is_answered_with_503(function: pytest.MonkeyPatch) -> None:
    function.setenv("USERS_TABLE", "no-such-table")
    check()
    with pytest.raises(service.DownError) as caught:
        health.get_health()
    assert caught.value.status == 503
    assert caught.value.details == [{"field": "users-table", "message": "down"}]
    assert caught.value.headers() == {"Retry-After": "60"}


def test_the_table_is_read_at_most_once_in_ten_seconds(function: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    get = type(leases.JOBS).get

    def counted(table: Any, *key: Any) -> Any:
        reads.append(key[0])
        return get(table, *key)

    function.setattr(type(leases.JOBS), "get", counted)
    for _ in range(50):
        health.get_health()
    assert reads == ["health"]


# --------------------------------------------------------------------- GET /admin/health


def named(listed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in listed}


def test_an_administrator_sees_each_dependency_job_and_queue(machine: Machine, admin: User) -> None:
    url = machine.environment["DEAD_LETTER_QUEUE_URLS"].split(",")[0]
    sqs = machine.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    result, errored = machine.invoke("health_check")
    assert not errored, result

    shown = admin.get("/admin/health").json()
    sqs.delete_message(QueueUrl=url, ReceiptHandle=sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"])
    assert (shown["status"], shown["dependencies"]) == (result["status"], result["dependencies"])
    dead = url.rpartition("/")[2]
    assert f"{dead}: 1" in named(shown["dependencies"])["dead-letters"]["detail"]
    assert named(shown["deadLetterQueues"])[dead]["waiting"] == 1
    assert len(shown["deadLetterQueues"]) == len(machine.environment["DEAD_LETTER_QUEUE_URLS"].split(","))
    assert set(named(shown["queues"])) == {"uploads-queue", "actions-queue", "imports-queue", "errors-queue"}
    jobs = named(shown["jobs"])
    assert set(jobs) == set(schedules.SCHEDULES)
    last = jobs["health_check"]["lastRun"]
    assert last["outcome"] == "degraded"
    assert 0 <= last["seconds"] < 60
    due = datetime.fromisoformat(jobs["health_check"]["nextRunAt"])
    assert due == datetime.fromisoformat(last["startedAt"]) + timedelta(minutes=15)
    assert datetime.fromisoformat(jobs["weekly_cleanup"]["nextRunAt"]).strftime("%a %H:%M") == "Sun 03:00"


def test_only_administrators_see_the_details_of_health(ann: User, admin: User) -> None:
    assert ann.get("/admin/health").status_code == 403
    assert "get_system_health" in {tool["name"] for tool in admin.get("/agent/tools").json()["tools"]}
    assert issue_key(admin, "full_access")[1].get("/admin/health").status_code == 403
    assert issue_key(admin, "admin")[1].get("/admin/health").status_code == 200


def test_a_queue_that_does_not_answer_is_unknown_and_the_others_are_shown(
    machine: Machine, admin: User, function: pytest.MonkeyPatch
) -> None:
    function.setenv("ACTIONS_QUEUE_URL", f"{machine.aws_url}/123456789012/no-such-queue")
    answer = call("GET /admin/health", admin.headers)
    assert answer.status == 200, answer.body
    queues = named(answer.body["queues"])
    actions = queues["actions-queue"]
    assert (actions["waiting"], actions["inFlight"], actions["oldestSince"]) == (None, None, None)
    assert "NonExistentQueue" in actions["detail"]
    assert (queues["uploads-queue"]["waiting"], queues["uploads-queue"]["detail"]) == (0, "")


def test_a_job_that_is_overdue_or_switched_off_is_shown_so(admin: User, function: pytest.MonkeyPatch) -> None:
    long_ago = ids.timestamp(datetime.now(UTC) - timedelta(days=2))
    beat = {"startedAt": long_ago, "endedAt": long_ago, "outcome": "success", "watchedSince": long_ago}
    leases.JOBS.put({"name": "beat#sweeper", "watched": "rate(15 minutes)", **beat})
    function.setenv("SCHEDULES_OFF", "weekly_cleanup")
    jobs = named(call("GET /admin/health", admin.headers).body["jobs"])
    assert jobs["sweeper"]["overdue"]["why"] == "missed"
    assert jobs["sweeper"]["lastRun"]["outcome"] == "success"
    assert jobs["sweeper"]["nextRunAt"] > ids.now()
    off = jobs["weekly_cleanup"]
    assert (off["schedule"], off["nextRunAt"], off["overdue"], off["lastRun"]) == (None, None, None, None)
