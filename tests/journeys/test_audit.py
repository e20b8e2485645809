"""The audit trail: what it records, and who can read, write and delete it."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import app as manifest
from chalicelib import accounts
from chalicelib.core import log
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation
from chalicelib.jobs import runner
from chalicelib.jobs.reconciler import RECONCILER
from infra import triggers
from local.machine import Machine
from tests.journeys.audit_trail import all_items, audit_entries, audit_entries_of
from tests.journeys.gateway import call, calls_made
from tests.journeys.issuing_keys import issue_key
from tests.journeys.user import PASSWORD, User
from tests.waiting import wait_for


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url)


def begun_entry(machine: Machine, user_id: str) -> dict[str, Any]:
    """The one entry of the user that waits in the inbox once the stream was read."""
    wait_for(lambda: machine.records_waiting("audit_entries") == 0, "the stream to be read")
    (waiting,) = [item for item in all_items(machine, "AUDIT_INBOX_TABLE") if item["userId"] == user_id]
    assert waiting["outcome"] == "begun"
    return waiting


# ------------------------------------------------------------------------- entries


def test_the_trail_records_what_a_user_changes(machine: Machine, ann: User, admin: User) -> None:
    user_id = ann.id
    key_id, _ = issue_key(ann, "file_upload")
    assert ann.post(f"/keys/{key_id}/rotate").status_code == 200
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 200
    assert (
        ann.request("PATCH", "/auth/profile", json={"name": "Ann", "preferences": {"webhook": None}}).status_code == 200
    )
    missing = ann.request("DELETE", "/images/img_none")
    rights = {"role": "USER", "canExportData": True, "limits": {"requestsPerHour": 500, "dollarsPerDay": 2.5}}
    assert admin.request("PATCH", f"/admin/users/{user_id}", json=rights).status_code == 200
    assert ann.post("/auth/signout").status_code == 200

    entries = audit_entries_of(machine, user_id)
    assert [(entry["operation"], entry["outcome"], entry["target"]) for entry in entries] == [
        ("sign_in", "ok", {}),
        ("create_key", "ok", {"keyId": key_id, "accessTypes": "file_upload"}),
        ("rotate_key", "ok", {"keyId": key_id}),
        ("revoke_key", "ok", {"keyId": key_id}),
        ("change_profile", "ok", {"changed": "name preferences.webhook"}),
        ("delete_image", "IMAGE_NOT_FOUND", {"imageId": "img_none"}),
        ("sign_out", "ok", {}),
    ]
    assert entries[5]["requestId"] == missing.json()["requestId"]
    assert {entry["source"] for entry in entries} == {"127.0.0.1"}
    assert [entry["timestamp"] for entry in entries] == sorted(entry["timestamp"] for entry in entries)
    (granted,) = [entry for entry in audit_entries(machine) if entry["target"].get("userId") == user_id]
    assert (granted["operation"], granted["userId"]) == ("change_rights", admin.id)
    assert granted["target"] == {
        "userId": user_id,
        "role": "USER",
        "canExportData": True,
        "limits": "dollarsPerDay=2.5 requestsPerHour=500",
        "changed": "canExportData limits.dollarsPerDay limits.requestsPerHour role",
    }


def test_an_anonymous_caller_is_recorded_by_a_hash_of_the_address_and_a_user_by_their_id(
    machine: Machine, ann: User
) -> None:
    user_id, email = ann.id, ann.email.upper()
    assert ann.post("/auth/signin", email=email, password="Wrong-One-2026!").status_code == 401
    assert ann.post("/auth/reset-password", email=email, code="1", password="weak").status_code == 400
    assert ann.post("/auth/forgot-password", email=email).status_code == 200
    assert ann.post("/auth/reset-password", email=email, code="1", password=PASSWORD).status_code == 200
    known = hashlib.sha256(ann.email.encode()).hexdigest()
    failed = [entry for entry in audit_entries(machine) if entry["target"].get("addressHash") == known]
    assert [(entry["operation"], entry["outcome"]) for entry in failed] == [
        ("sign_in", "NOT_AUTHENTICATED"),
        ("reset_password", "INVALID_REQUEST"),
    ]
    assert not any("userId" in entry for entry in failed)
    assert [(entry["operation"], entry["target"]) for entry in audit_entries_of(machine, user_id)] == [
        ("sign_in", {}),
        ("reset_password", {}),
    ], "of who is known no address is kept"


def test_erasing_an_account_is_recorded_in_the_trail(machine: Machine, ann: User) -> None:
    user_id = ann.id
    assert ann.request("DELETE", "/auth/profile").status_code == 200
    assert [entry["operation"] for entry in audit_entries_of(machine, user_id)] == ["sign_in", "erase_account"]


def test_every_refusal_is_recorded_for_routes_tools_and_mcp(machine: Machine, ann: User) -> None:
    user_id = ann.id
    key_id, robot = issue_key(ann, "file_upload")
    assert ann.get("/admin/users").status_code == 403
    assert robot.get("/keys").status_code == 403
    assert robot.post("/agent/delete_image", data={"imageId": "img_none"}).status_code == 403
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    params = {"name": "delete_image", "arguments": {"imageId": "img_none"}}
    assert robot.post("/mcp", **message, params=params).json()["result"]["isError"] is True
    assert ann.post("/mcp", **message, params=params).json()["result"]["isError"] is True
    assert robot.get("/images").status_code == 200
    assert robot.post("/agent/list_images").status_code == 200

    noted = audit_entries_of(machine, user_id)[2:]
    assert [(entry["operation"], entry["outcome"], entry.get("keyId")) for entry in noted] == [
        ("list_users", "PERMISSION_DENIED", None),
        ("list_keys", "PERMISSION_DENIED", key_id),
        ("delete_image", "PERMISSION_DENIED", key_id),
        ("delete_image", "PERMISSION_DENIED", key_id),
        ("delete_image", "IMAGE_NOT_FOUND", None),
    ]
    assert noted[4]["target"] == {"imageId": "img_none"}


def test_a_request_refused_before_it_runs_writes_no_audit_entry(function: pytest.MonkeyPatch, ann: User) -> None:
    made = calls_made()
    assert call("DELETE /images/{imageId}", {"Authorization": "Bearer x.y.z"}, imageId="img_a").status == 401
    assert made == []
    assert call("POST /keys", ann.headers, {"odd": 1}).status == 400
    assert made.count("PutItem") == 1, "its usage record"
    function.setenv("AUTH_PER_SOURCE_PER_MINUTE", "0")
    made.clear()
    assert call("POST /auth/signin", {}, {"email": ann.email, "password": PASSWORD}).status == 429
    assert "PutItem" not in made


def test_a_request_that_meets_a_limit_after_it_has_begun_leaves_no_entry(
    machine: Machine, function: pytest.MonkeyPatch, ann: User
) -> None:
    before = len(audit_entries(machine))
    function.setenv("WRONG_PASSWORDS_PER_MINUTE", "0")
    assert call("POST /auth/signin", {}, {"email": ann.email, "password": PASSWORD}).status == 429
    assert len(audit_entries(machine)) == before


def test_the_trail_holds_no_address_and_no_secret(machine: Machine, ann: User) -> None:
    answer = ann.post("/keys", name=f"of {ann.email}", accessTypes=["full_access"])
    ann.request("DELETE", f"/images/{ann.email}")
    ann.post("/auth/signin", email=ann.email, password=PASSWORD + "!")
    noted = audit_entries(machine)
    assert {"create_key", "delete_image", "sign_in"} <= {each["operation"] for each in noted}
    trail = json.dumps(noted)
    for secret in (ann.email, "@", PASSWORD, answer.json()["key"], "drk_", ann.tokens["accessToken"][:20], "eyJ"):
        assert secret not in trail


def test_nothing_is_done_if_the_trail_cannot_say_that_it_begins(
    machine: Machine, function: pytest.MonkeyPatch, ann: User
) -> None:
    function.setenv("AUDIT_INBOX_TABLE", "no-such-table")
    answer = call("PATCH /auth/profile", ann.headers, {"name": "Somebody"})
    assert (answer.status, answer.body["error"]["code"]) == (503, "UNAVAILABLE")
    assert ann.get("/auth/profile").json()["profile"]["name"] != "Somebody"


def test_a_request_that_is_cut_off_stands_in_the_trail_as_begun(
    machine: Machine, function: pytest.MonkeyPatch, ann: User, admin: User
) -> None:
    def end_the_process(*_: Any, **__: Any) -> None:
        raise SystemExit

    with function.context() as here:
        here.setattr("chalicelib.accounts.service.change_user", end_the_process)
        with pytest.raises(SystemExit):
            call("PATCH /auth/profile", ann.headers, {"name": "Somebody"})
    assert begun_entry(machine, ann.id)["operation"] == "change_profile"
    answer = runner.run(RECONCILER, {}, now=datetime.now(UTC) + timedelta(minutes=16))
    assert answer["counts"]["requestsCutOff"] == 1
    entries = audit_entries_of(machine, ann.id)
    assert [(entry["operation"], entry["outcome"], entry["target"]) for entry in entries] == [
        ("sign_in", "ok", {}),
        ("change_profile", "begun", {"changed": "name"}),
    ]
    shown = admin.get("/admin/audit", userId=ann.id).json()["items"][0]
    assert (shown["operation"], shown["outcome"]) == ("change_profile", "begun")
    assert admin.get("/admin/audit/verification").json()["intact"] is True


def test_an_outcome_that_cannot_be_written_is_logged_and_leaves_the_entry_begun(
    machine: Machine, function: pytest.MonkeyPatch, ann: User, caplog: pytest.LogCaptureFixture
) -> None:
    user_id = ann.id
    url = machine.client("sqs").create_queue(
        QueueName="aside.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )["QueueUrl"]
    function.setenv("CRITICAL_ERRORS_SQS_QUEUE_NAME", "aside.fifo")
    function.setattr("chalicelib.core.observing.alerts._queue_url", lambda name: url)
    begun = accounts.models.change_user

    def then_the_inbox_is_gone(*args: Any, **named: Any) -> Any:
        function.setenv("AUDIT_INBOX_TABLE", "no-such-table")
        return begun(*args, **named)

    function.setattr("chalicelib.accounts.service.change_user", then_the_inbox_is_gone)
    answer = call("PATCH /auth/profile", ann.headers, {"name": "Somebody"})
    assert (answer.status, answer.body["profile"]["name"]) == (200, "Somebody")
    (line,) = [record for record in caplog.records if record.message == "AUDIT_NOT_WRITTEN"]
    kept = log.redact(line.__dict__["metadata"])["entry"]
    assert (kept["userId"], kept.get("keyId"), kept["outcome"]) == (user_id, None, "ok"), "the entry is not lost"
    (message,) = machine.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["operation"] == "audit"
    function.undo()
    machine.client("dynamodb").delete_item(
        TableName=machine.environment["AUDIT_INBOX_TABLE"], Key={"id": {"S": begun_entry(machine, user_id)["id"]}}
    )


def test_only_one_function_writes_the_trail_and_none_can_delete_from_it() -> None:
    declared = {view.operation.name: grants.of(view) for _, _, view in triggers.routes(manifest.app)}
    declared |= {name: grants.of(function) for _, name, function in triggers.functions(manifest.app)}
    touching = {name: needs["AUDIT_TABLE"] for name, needs in declared.items() if "AUDIT_TABLE" in needs}
    assert touching.pop("health_check") == {DynamoDBOperation.DESCRIBE_TABLE}
    assert set(touching) == {"list_audit", "verify_audit", "audit_entries"}
    assert touching["list_audit"] == {DynamoDBOperation.QUERY}
    assert touching["verify_audit"] == {DynamoDBOperation.GET_ITEM, DynamoDBOperation.QUERY}
    assert DynamoDBOperation.DELETE_ITEM not in touching["audit_entries"]
    inbox = {name: needs["AUDIT_INBOX_TABLE"] for name, needs in declared.items() if "AUDIT_INBOX_TABLE" in needs}
    assert inbox.pop("audit_entries") == {DynamoDBOperation.DELETE_ITEM}
    assert inbox.pop("reconciler") == {DynamoDBOperation.SCAN, DynamoDBOperation.UPDATE_ITEM}
    assert inbox.pop("health_check") == {DynamoDBOperation.DESCRIBE_TABLE}
    assert set(inbox.values()) == {frozenset({DynamoDBOperation.PUT_ITEM})}
    assert {"sign_in", "call_tool", "get_image"} <= set(inbox)


# ------------------------------------------------------------------------- reading


def test_an_administrator_reads_a_day_in_pages_newest_first(machine: Machine, ann: User, admin: User) -> None:
    user_id = ann.id
    for _ in range(5):
        ann.request("DELETE", "/images/img_none")
    assert ann.get("/admin/audit").status_code == 403
    entries = audit_entries_of(machine, user_id)
    day = entries[-1]["day"]
    every = list(pages(admin, day=day, limit=50))
    numbers = [entry["sequence"] for entry in every]
    assert numbers == sorted(numbers, reverse=True)
    mine = list(pages(admin, day=day, userId=user_id, limit=2))
    assert [entry["sequence"] for entry in mine] == [int(entry["sequence"]) for entry in reversed(entries)]
    assert [entry for entry in every if entry["userId"] == user_id] == mine
    assert mine[0]["hash"] == entries[-1]["hash"]
    assert list(pages(admin, day="2020-01-01")) == []
    for wrong in ({"day": "2026-02-30"}, {"cursor": "%"}, {"cursor": "aGVhZA"}, {"limit": 0}):
        assert admin.get("/admin/audit", **wrong).status_code == 400, wrong


def test_an_administrator_verifies_a_day_of_the_trail(machine: Machine, ann: User, admin: User) -> None:
    ann.request("DELETE", "/images/img_none")
    entry = audit_entries_of(machine, ann.id)[-1]
    day, number = entry["day"], int(entry["sequence"])
    assert ann.get("/admin/audit/verification").status_code == 403
    answer = admin.get("/admin/audit/verification", day=day)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["intact"], found["isComplete"], found["errors"]) == (True, True, []), found
    assert found["firstSequence"] <= number <= found["lastSequence"]
    assert found["entries"] == found["lastSequence"] - found["firstSequence"] + 1
    trail = machine.client("dynamodb"), machine.environment["AUDIT_TABLE"]
    change_operation(*trail, entry, "list_images")
    try:
        found = admin.get("/admin/audit/verification", day=day).json()
    finally:
        change_operation(*trail, entry, entry["operation"])
    assert (found["intact"], [each["sequence"] for each in found["errors"]]) == (False, [number])
    assert "was altered" in found["errors"][0]["message"]
    assert admin.get("/admin/audit/verification", day="2026-02-30").status_code == 400
    assert admin.get("/admin/audit/verification", cursor="aGVhZA").status_code == 400


def change_operation(dynamodb: Any, table: str, entry: dict[str, Any], operation: str) -> None:
    dynamodb.update_item(
        TableName=table,
        Key={"day": {"S": entry["day"]}, "sequence": {"S": entry["sequence"]}},
        UpdateExpression="SET operation = :operation",
        ExpressionAttributeValues={":operation": {"S": operation}},
    )


def pages(admin: User, **asked: Any) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        answer = admin.get("/admin/audit", **asked, **cursor)
        assert answer.status_code == 200, answer.text
        yield from answer.json()["items"]
        if answer.json()["nextCursor"] is None:
            return
        cursor = {"cursor": answer.json()["nextCursor"]}
