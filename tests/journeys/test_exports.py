"""A user exports their data: exact, safe to open, and complete or not at all."""

import csv
import io
import json
import os
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

import pypdf
import pytest
from moto.backends import get_backend

from chalicelib import actions, images
from chalicelib.actions import exporting, service
from chalicelib.actions.exporting import thumbnails
from chalicelib.core import clients
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import PermissionDeniedError
from local.aws import ACCOUNT, REGION
from local.machine import Machine
from tests.breadth import mostly_slow
from tests.journeys import gateway
from tests.journeys.exporter import action_of, begun, downloaded, ended, export, exporter, files_kept
from tests.journeys.issuing_keys import issue_key
from tests.journeys.ledger import runs, settled
from tests.journeys.user import User
from tests.pictures import jpeg
from tests.waiting import wait_for

SENDER = "darkroom@example.com"
NASTY = [
    "été 😀 👩‍👩‍👧.jpg",
    "photo\u202egpj.exe",
    "תמונה.jpg",
    "a\x00b\x07c\r\nd\te.jpg",
    '=HYPERLINK("https://example.com","x").jpg',
    "+1.jpg",
    "-1+1|cmd.jpg",
    "@SUM(A1).jpg",
    "\t=1.jpg",
    "\"a\",'b';</script>\u2028.jpg",
]


@pytest.fixture
def ann(machine: Machine) -> User:
    """A user with nasty names, an API key and a webhook."""
    user = exporter(machine)
    webhook = {"webhook": {"url": "https://example.com/hook"}}
    assert user.request("PATCH", "/auth/profile", json={"name": NASTY[4], "preferences": webhook}).status_code == 200
    assert user.post("/keys", name="=1+1", accessTypes=["exports"]).status_code == 200
    for name in NASTY:
        user.announce(b"", name=name)
    return user


def image_row(user_id: str, number: int) -> dict[str, Any]:
    image_id = f"img_{number:026}"
    return {
        "userId": {"S": user_id},
        "imageId": {"S": image_id},
        "fileName": {"S": f"photo {number}.jpg"},
        "fileType": {"S": "image/jpeg"},
        "fileSize": {"N": str(number)},
        "s3Key": {"S": f"uploads/{user_id}/{image_id}.jpg"},
        "status": {"S": "PENDING"},
        "createdAt": {"S": "2026-03-01T08:00:00.000Z"},
    }


def action_row(user_id: str, number: int) -> dict[str, Any]:
    return {
        "userId": {"S": user_id},
        "actionId": {"S": f"act_{number:026}"},
        "actionType": {"S": "PROCESS_FILE"},
        "status": {"S": "COMPLETED"},
        "createdAt": {"S": "2026-03-01T08:00:00.000Z"},
    }


def sums_row(user_id: str, number: int) -> dict[str, Any]:
    return {"scope": {"S": user_id}, "day#what": {"S": f"2026-03-01#operation:o{number:05}"}, "requests": {"N": "1"}}


ROWS = {"IMAGES_TABLE": image_row, "ACTIONS_TABLE": action_row, "DAILY_TABLE": sums_row}


def put(machine: Machine, table: str, user_id: str, count: int) -> None:
    """Stores as many rows as a user of some years has."""
    name, dynamodb = machine.environment[table], machine.client("dynamodb")
    rows = [{"PutRequest": {"Item": ROWS[table](user_id, number)}} for number in range(count)]
    for start in range(0, count, 25):
        dynamodb.batch_write_item(RequestItems={name: rows[start : start + 25]})


def set_status(machine: Machine, user_id: str, image_id: str, status: str) -> None:
    machine.client("dynamodb").update_item(
        TableName=machine.environment["IMAGES_TABLE"],
        Key={"userId": {"S": user_id}, "imageId": {"S": image_id}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": status}},
    )


# ------------------------------------------------------------------------- contents


def test_a_json_export_holds_exactly_what_was_stored_and_no_secret(machine: Machine, ann: User) -> None:
    settled(machine)
    response = export(ann, "json")
    assert (response["status"], response["deliveryMethod"]) == ("COMPLETED", "download")
    text = downloaded(response["downloadUrl"]).decode()
    said = json.loads(text)
    profile, shown = said["profile"][0], ann.get("/auth/profile").json()["profile"]
    secret = shown.pop("webhookSecret")
    # The webhook's last delivery is shown by the API, and is not part of an export.
    del shown["webhook"]
    # Cognito has it, and no row of ours.
    del shown["mfaEnabled"]
    # The export itself is the user's last action.
    del shown["lastActionAt"]
    assert {name: profile[name] for name in shown} == shown
    assert [row["fileName"] for row in said["files"]] == NASTY
    of_api = {image["imageId"]: image for image in ann.get("/images").json()["items"]}
    for row in said["files"]:
        image = of_api[row["imageId"]]
        assert all(row[name] == image[name] for name in ("fileType", "status", "createdAt", "metadata", "variants"))
    assert [key["name"] for key in said["apiKeys"]] == ["=1+1"]
    assert said["exportId"] == response["exportId"]
    assert response["exportId"] in {row["actionId"] for row in said["actions"]}
    uploads = [row["requests"] for row in said["usage"] if row["what"] == "operation:create_upload"]
    assert sum(uploads) == len(NASTY)
    assert not any(word in text for word in (secret, "webhookSecret", "keyHash", "drk_", "Signature="))


def test_an_export_holds_only_the_requested_data_types(ann: User) -> None:
    response = export(ann, "json", "files")
    assert set(json.loads(downloaded(response["downloadUrl"]))) == {"exportId", "createdAt", "dataTypes", "files"}
    action = action_of(ann, response)
    assert action["metadata"] == {"dataTypes": ["files"], "format": "json"}
    assert action["result"] == {"records": {"files": len(NASTY)}}
    assert action["files"][0]["name"] == f"export-{response['exportId']}.json"


def test_no_cell_of_a_csv_export_is_a_formula(ann: User) -> None:
    archive = zipfile.ZipFile(io.BytesIO(downloaded(export(ann, "csv")["downloadUrl"])))
    assert set(archive.namelist()) == {"profile.csv", "apiKeys.csv", "actions.csv", "usage.csv", "files.csv"}
    tables = {
        name: list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")))
        for name in archive.namelist()
    }
    cells = [cell for rows in tables.values() for row in rows for cell in row.values()]
    assert len(cells) > 100
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    names = [row["File name"] for row in tables["files.csv"]]
    assert len(names) == len(NASTY)
    assert {f"'{NASTY[4]}", f"'{NASTY[5]}", f"'{NASTY[7]}", NASTY[0], NASTY[2]} <= set(names)
    assert tables["profile.csv"][0]["Name"] == f"'{NASTY[4]}"


def test_a_pdf_export_is_readable_for_people(machine: Machine, ann: User) -> None:
    settled(machine)
    bad, good = (ann.upload(data) for data in (b"no picture", jpeg(640, 480)))
    for image_id in (bad, good):
        ann.finished(image_id)
    reader = pypdf.PdfReader(io.BytesIO(downloaded(export(ann, "pdf")["downloadUrl"])), strict=True)
    text = " ".join("\n".join(page.extract_text() for page in reader.pages).split())
    for said in (
        *("Data export", ann.email, "Usage by day", "API keys", "+1.jpg", "@SUM(A1).jpg", "640 × 480", "Failed"),
        *("Create upload", "The file is not a picture", "webhook: url: https://example.com/hook", "Pending"),
    ):
        assert said in text, said
    internal = [ann.id, *(image["imageId"] for image in ann.get("/images").json()["items"])]
    for hidden in (*internal, "img_", "act_", "key_", "uploads/", "processed/", "base64", "{", "}", "operation:"):
        assert hidden not in text, hidden
    (thumbnail,) = [image.image for page in reader.pages for image in page.images]
    assert thumbnail is not None
    assert thumbnail.size == (96, 72)


def test_thumbnails_are_bounded_and_need_no_variant(machine: Machine, function: pytest.MonkeyPatch) -> None:
    user = exporter(machine)
    for _ in range(3):
        user.finished(user.upload(jpeg(320, 240)))
    bucket = machine.environment["S3_OUTPUT_BUCKET"]
    ids = sorted(image["imageId"] for image in user.get("/images").json()["items"])
    # The first file is unreadable, and the third is beyond the limit.
    for each in machine.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"processed/{user.id}/{ids[0]}")["Contents"]:
        machine.client("s3").put_object(Bucket=bucket, Key=each["Key"], Body=b"no picture")
    function.setattr(thumbnails, "MAX_THUMBNAILS", 2)
    answer = gateway.call("POST /actions/export", user.headers, {"dataTypes": ["files"], "format": "pdf"})
    reader = pypdf.PdfReader(io.BytesIO(downloaded(answer.body["downloadUrl"])), strict=True)
    assert len([image for page in reader.pages for image in page.images]) == 1
    assert action_of(user, answer.body)["result"]["records"] == {"files": 3}

    seen = images.get(user.id, ids[1])
    variants = [{"Key": each.s3_key} for each in seen.variants]
    machine.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": variants})
    with pytest.raises(clients.ClientError):
        list(thumbnails.pictured([seen]))
    assert user.request("DELETE", f"/images/{ids[1]}").status_code == 200
    assert list(thumbnails.pictured([seen])) == [(seen, None)], "it went while the export was made"


def test_a_pdf_with_many_thumbnails_is_left_to_the_queue(machine: Machine) -> None:
    user = exporter(machine)
    put(machine, "IMAGES_TABLE", user.id, 26)
    assert export(user, "csv", "files")["status"] == "COMPLETED"
    response = export(user, "pdf", "files")
    assert response["status"] == "PENDING"
    assert ended(user, response)["result"]["records"] == {"files": 26}


# ---------------------------------------------------------------------- permissions


@pytest.mark.parametrize(("kind", "is_open"), [("exports", True), ("actions", False), ("reports", False)])
def test_a_key_sees_only_actions_that_it_could_have_started(machine: Machine, kind: str, is_open: bool) -> None:
    user = exporter(machine)
    robot = issue_key(user, kind)[1]
    response = export(user, "json", "profile")
    shown = robot.get(f"/actions/{response['exportId']}")
    assert shown.status_code == (200 if is_open else 404)
    # Links are signed again for each answer.
    for asked in ({}, {"status": "COMPLETED"}):
        listed = [each["actionId"] for each in robot.get("/actions", **asked).json()["items"]]
        assert listed == ([response["exportId"]] if is_open else [])
    by_agent = robot.post("/agent/get_action", data={"actionId": response["exportId"]})
    assert by_agent.status_code == shown.status_code
    everything = issue_key(user, "full_access")[1].get("/actions").json()["items"]
    assert [each["actionId"] for each in everything] == [response["exportId"]]


def test_a_user_without_the_right_cannot_export(machine: Machine) -> None:
    user = User.new(machine.api_url)
    answer = user.post("/actions/export", dataTypes=["profile"], format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "PERMISSION_DENIED")
    assert answer.json()["message"] == "Data export not enabled for this user"
    assert user.get("/actions").json()["items"] == []


def test_only_a_key_with_exports_access_may_export(machine: Machine, ann: User) -> None:
    asked = {"dataTypes": ["profile"], "format": "json"}
    for kind, status in (("exports", 200), ("actions", 403)):
        key = ann.post("/keys", name=kind, accessTypes=[kind]).json()["key"]
        headers = {"Authorization": f"Bearer {key}"}
        assert ann.request("POST", "/actions/export", json=asked, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("change", "field"),
    mostly_slow(
        [
            ({"dataTypes": ["secrets"]}, "dataTypes.0"),
            ({"format": "exe"}, "format"),
            ({"userId": "somebody"}, "userId"),
            ({"email": "nobody"}, "email"),
            ({"email": "a@b.example\r\nBcc: c@d.example"}, "email"),
            ({"dataTypes": []}, "dataTypes"),
            ({"dataTypes": ["files", "files"]}, "dataTypes"),
            ({"dataTypes": "files"}, "dataTypes"),
            ({"email": "a@b.example\n"}, "email"),
            ({"email": "a@b.example, c@d.example"}, "email"),
            ({"email": "Ann <a@b.example>"}, "email"),
        ],
        quick=5,
    ),
)
def test_an_invalid_export_request_is_refused(machine: Machine, change: dict[str, Any], field: str) -> None:
    user = exporter(machine)
    answer = user.request("POST", "/actions/export", json={"dataTypes": ["files"], "format": "json", **change})
    assert answer.status_code == 400, answer.text
    assert [each["field"] for each in answer.json()["error"]["details"]] == [field]
    assert user.get("/actions").json()["items"] == []


def test_an_export_fails_if_the_right_was_taken_away_before_it_ran(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    action = begun(User.new(machine.api_url))
    with pytest.raises(PermissionDeniedError):
        exporting.run(action, Deadline.within(60))
    assert files_kept(machine, action.user_id) == []


# ------------------------------------------------------------------- large exports


@pytest.mark.parametrize(
    ("table", "count", "status"),
    [
        ("IMAGES_TABLE", 100, "COMPLETED"),
        ("IMAGES_TABLE", 101, "PENDING"),
        # The export is an action too.
        ("ACTIONS_TABLE", 99, "COMPLETED"),
        ("ACTIONS_TABLE", 100, "PENDING"),
        ("DAILY_TABLE", 1050, "PENDING"),
    ],
)
def test_a_small_export_is_finished_in_the_request(machine: Machine, table: str, count: int, status: str) -> None:
    user = exporter(machine)
    put(machine, table, user.id, count)
    response = export(user, "json", "files" if table == "IMAGES_TABLE" else "activities")
    assert response["status"] == status
    name = {"IMAGES_TABLE": "files", "ACTIONS_TABLE": "actions", "DAILY_TABLE": "usage"}[table]
    assert ended(user, response)["result"]["records"][name] >= count


def test_a_large_export_goes_through_the_queue(machine: Machine) -> None:
    user = exporter(machine)
    put(machine, "IMAGES_TABLE", user.id, 1010)
    response = export(user, "json", "profile", "files")
    assert (response["status"], response["downloadUrl"]) == ("PENDING", None)
    assert re.fullmatch(r"About \d+ (second|minute)s?\.", response["estimatedTime"])
    action = ended(user, response)
    assert (action["progress"], action["progressUnit"]) == (1011, "records")
    assert action["result"]["records"] == {"profile": 1, "apiKeys": 0, "files": 1010}
    assert action["files"][0]["format"] == "jsonl"
    lines = [json.loads(line) for line in downloaded(action["resultUrl"]).splitlines()]
    files = [line["data"] for line in lines if line["type"] == "files"]
    assert [(row["fileName"], row["fileSize"]) for row in files] == [(f"photo {n}.jpg", n) for n in range(1010)]


def test_an_export_that_fails_midway_leaves_no_file_and_is_retried(machine: Machine) -> None:
    user = exporter(machine)
    user_id = user.id
    put(machine, "IMAGES_TABLE", user_id, 150)
    broken = f"img_{149:026}"
    set_status(machine, user_id, broken, "NONSENSE")

    def failures() -> int:
        return sum(run["operation"] == "action_worker" and not run["success"] for run in runs(machine, "system"))

    before = failures()
    response = export(user, "json", "files")
    wait_for(lambda: failures() > before, "the worker to fail")
    assert action_of(user, response)["status"] == "PENDING"
    assert files_kept(machine, user_id) == []

    set_status(machine, user_id, broken, "FAILED")
    # The message becomes visible after half an hour on the machine's clock.
    machine.clock.advance(1801)
    rows = json.loads(downloaded(ended(user, response)["resultUrl"]))["files"]
    assert len(rows) == 150
    assert len(files_kept(machine, user_id)) == 1


@pytest.mark.slow
def test_an_export_survives_a_killed_worker(machine: Machine) -> None:
    user = exporter(machine)
    user_id = user.id
    put(machine, "IMAGES_TABLE", user_id, 3000)
    victims = machine.workers("action_worker")
    response = export(user, "pdf", "files")
    wait_for(lambda: action_of(user, response)["progress"], "the first records")
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    wait_for(lambda: set(machine.workers("action_worker")).isdisjoint(victims), "the worker to be gone")
    assert action_of(user, response)["status"] == "PENDING"
    found = machine.client("s3").list_objects_v2(
        Bucket=machine.environment["S3_OUTPUT_BUCKET"], Prefix=f"exports/{user_id}/"
    )
    assert found["KeyCount"] == 0

    machine.clock.advance(1801)
    action = ended(user, response)
    assert action["result"]["records"] == {"files": 3000}
    assert downloaded(action["resultUrl"]).endswith(b"%%EOF\n")


def test_an_export_that_takes_too_long_fails_with_a_reason(
    machine: Machine, ann: User, function: pytest.MonkeyPatch
) -> None:
    kept, action = len(files_kept(machine, ann.id)), begun(ann)
    with pytest.raises(exporting.ExportTooLargeError), actions.fail_on_error(action):
        exporting.run(action, Deadline.within(-1))
    shown = ann.get(f"/actions/{action.action_id}").json()["action"]
    assert (shown["status"], shown["reason"]["code"]) == ("FAILED", "EXPORT_TOO_LARGE")
    assert len(files_kept(machine, ann.id)) == kept


def test_what_takes_too_long_for_the_caller_is_left_to_the_queue(ann: User, function: pytest.MonkeyPatch) -> None:
    function.setattr(service, "SECONDS_AT_ONCE", -1.0)
    answer = gateway.call("POST /actions/export", ann.headers, {"dataTypes": ["files"], "format": "csv"})
    assert (answer.status, answer.body["status"]) == (200, "PENDING")
    assert ended(ann, answer.body)["files"][0]["format"] == "zip"


# ------------------------------------------------------------------------------------ e-mail


Mailed = Callable[[], list[EmailMessage]]


@pytest.fixture
def mailed(function: pytest.MonkeyPatch, machine: Machine) -> Iterator[Mailed]:
    """The messages that SES was sent during the test."""
    sent = get_backend("ses")[ACCOUNT][REGION].sent_messages
    before = len(sent)
    yield lambda: [message_from_string(each.raw_data, EmailMessage, policy=policy.default) for each in sent[before:]]
    machine.client("ses").verify_email_identity(EmailAddress=SENDER)


def asked_by_mail(user: User, email: str) -> gateway.Answer:
    return gateway.call(
        "POST /actions/export", user.headers, {"dataTypes": ["files"], "format": "json", "email": email}
    )


def test_the_link_is_mailed_to_the_given_address_only(ann: User, mailed: Mailed) -> None:
    answer = asked_by_mail(ann, ann.email)
    assert answer.status == 200, answer.body
    assert (answer.body["deliveryMethod"], answer.body["status"]) == ("email", "COMPLETED")
    (message,) = mailed()
    assert (message["To"], message["From"]) == (ann.email, SENDER)
    assert (message["Cc"], message["Bcc"]) == (None, None)
    link = next(line for line in message.get_content().splitlines() if line.startswith("http"))
    assert len(json.loads(downloaded(link))["files"]) == len(NASTY)
    assert action_of(ann, answer.body)["result"]["emailSent"] is True


def test_an_export_survives_a_failed_mail(machine: Machine, ann: User, mailed: Mailed) -> None:
    machine.client("ses").delete_identity(Identity=SENDER)
    answer = asked_by_mail(ann, ann.email)
    assert (answer.status, answer.body["status"]) == (200, "COMPLETED")
    assert "could not be sent" in answer.body["message"]
    action = action_of(ann, answer.body)
    assert action["result"]["emailSent"] is False
    assert len(json.loads(downloaded(action["resultUrl"]))["files"]) == len(NASTY)
    assert mailed() == []


def test_a_stage_without_a_sender_refuses_mail_delivery_before_it_starts(
    ann: User, function: pytest.MonkeyPatch
) -> None:
    function.setenv("SENDER_EMAIL", "")
    before = len(ann.get("/actions", limit=100).json()["items"])
    answer = asked_by_mail(ann, ann.email)
    assert (answer.status, answer.body["error"]["code"]) == (409, "EMAIL_NOT_OFFERED")
    assert len(ann.get("/actions", limit=100).json()["items"]) == before


def test_links_are_mailed_only_to_the_owner_or_an_allowed_domain(
    ann: User, function: pytest.MonkeyPatch, mailed: Mailed
) -> None:
    def actions_of_ann() -> int:
        return len(ann.get("/actions", limit=100).json()["items"])

    before = actions_of_ann()
    for domains in ("", "example.org, b.example.com"):
        function.setenv("EXPORT_EMAIL_DOMAINS", domains)
        for address in ("somebody@example.com", "a@sub.example.org", "a@example.org.evil.example"):
            refused = asked_by_mail(ann, address)
            assert (refused.status, refused.body["error"]["code"]) == (403, "EMAIL_NOT_ALLOWED")
    assert actions_of_ann() == before
    assert mailed() == []

    function.setenv("EXPORT_EMAIL_DOMAINS", "example.org, Partner.Example.com")
    for address in (ann.email.upper(), "Ben@partner.example.COM", "ben@example.org"):
        assert asked_by_mail(ann, address).status == 200
    assert [message["To"] for message in mailed()] == [ann.email.upper(), "Ben@partner.example.COM", "ben@example.org"]
