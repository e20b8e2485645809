"""Importing a picture: from somebody's server, at once or by the queue, and in bytes."""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from chalicelib import images
from chalicelib.accounts.models import find_user
from chalicelib.core import ids
from chalicelib.core.aws import objects
from chalicelib.core.clients import ClientError
from chalicelib.core.errors import DarkroomError, InvalidRequestError
from chalicelib.core.http.limits import Limit, Window
from chalicelib.core.http.operations import Caller
from chalicelib.images import Image, imports, sources, states
from chalicelib.images.sources import SourceAddressError
from chalicelib.jobs import retention, runner, sweeper
from chalicelib.jobs.sweeper import stuck
from local.machine import Machine
from tests.journeys.picture_server import Answer, PictureServer, gives, gives_chunks, redirects
from tests.journeys.subscriber import subscribe
from tests.journeys.user import User
from tests.pictures import jpeg, png
from tests.waiting import wait_for

PHOTO = jpeg(320, 240)
PNG = png()
LARGEST = 10_485_760
METADATA = "http://169.254.169.254/latest/meta-data/"


@pytest.fixture(scope="module")
def server() -> Iterator[PictureServer]:
    with PictureServer() as started:
        yield started


@pytest.fixture
def worker(function: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process plays the worker."""
    return function


@pytest.fixture(scope="module")
def bob(machine: Machine) -> User:
    """Another user: a minute has no place for all imports of this module."""
    return User.new(machine.api_url)


def caller(user: User) -> Caller:
    """The user as the API's function knows them."""
    owner = find_user(user.id)
    assert owner is not None
    return owner.as_caller()


def imported(user: User, url: str, **more: Any) -> dict[str, Any]:
    response = user.post("/upload", sourceUrl=url, **more)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def image_ids(user: User) -> list[str]:
    return [each["imageId"] for each in user.get("/images").json()["items"]]


def files(machine: Machine, image: Image) -> list[str]:
    """The keys of all versions of the image's original."""
    prefix = f"uploads/{image.user_id}/{image.image_id}"
    listed = machine.client("s3").list_object_versions(Bucket=machine.environment["S3_INPUT_BUCKET"], Prefix=prefix)
    return [each["Key"] for each in [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]]


# ------------------------------------------------------------------------------ at once


def test_a_picture_at_a_url_becomes_an_image(ann: User, server: PictureServer) -> None:
    # The type that the server names does not count.
    url = server.put("/a/my%20photo.jpg", gives(PHOTO, Content_Type="text/html"))
    answer = imported(ann, f"{url}?token=abc")
    assert set(answer) == {"success", "imageId", "status", "message"}
    assert answer["status"] == "PENDING"
    image = ann.finished(answer["imageId"])
    assert (image["status"], image["fileName"], image["fileType"]) == ("COMPLETED", "my photo.jpg", "image/jpeg")
    assert (image["fileSize"], len(image["variants"])) == (len(PHOTO), 6)


@pytest.mark.parametrize(
    "answer",
    [gives_chunks(PHOTO), redirects("/moved"), redirects("/moved", 308)],
    ids=["chunked", "redirect", "permanent redirect"],
)
def test_a_picture_may_come_in_chunks_or_by_a_redirect(ann: User, server: PictureServer, answer: Answer) -> None:
    server.put("/moved", gives(PHOTO))
    image_id = imported(ann, server.put("/there", answer), fileName="mine.jpg", fileType="image/jpg")["imageId"]
    image = ann.finished(image_id)
    assert (image["status"], image["fileName"]) == ("COMPLETED", "mine.jpg")


REFUSED: dict[str, tuple[Answer, int, str]] = {
    "an error": (gives(PHOTO, 503), 400, "SOURCE_ANSWERED_ERROR"),
    "nothing there": (gives(PHOTO, 404), 400, "SOURCE_ANSWERED_ERROR"),
    "a part only": (gives(PHOTO, 206), 400, "SOURCE_ANSWERED_ERROR"),
    "redirect inside": (redirects(METADATA), 400, "SOURCE_REDIRECT_NOT_ALLOWED"),
    "redirect to another scheme": (redirects("ftp://127.0.0.1/"), 400, "SOURCE_REDIRECT_NOT_ALLOWED"),
    "redirect in a circle": (redirects("/picture"), 400, "SOURCE_REDIRECT_NOT_ALLOWED"),
    "connection lost": (gives(PHOTO[:-100], announced=len(PHOTO)), 400, "SOURCE_UNREACHABLE"),
    "a page": (gives(b"<html>A picture!</html>", Content_Type="image/jpeg"), 415, "FILE_TYPE_NOT_ALLOWED"),
    "nothing": (gives(b""), 415, "NOT_AN_IMAGE"),
    "a document": (gives(b"%PDF-1.7 ..."), 415, "FILE_TYPE_NOT_ALLOWED"),
    "a cut picture": (gives(PHOTO[:100]), 400, "IMAGE_NOT_PROCESSABLE"),
    "too large by its length": (gives(b"", announced=LARGEST + 1), 413, "FILE_TOO_LARGE"),
    "too large in fact": (gives_chunks(bytes(65_536), 65_536, times=LARGEST // 65_536 + 1), 413, "FILE_TOO_LARGE"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_picture_there_is_refused_and_nothing_is_stored(ann: User, server: PictureServer, what: str) -> None:
    answer, status, code = REFUSED[what]
    before = image_ids(ann)
    response = ann.post("/upload", sourceUrl=server.put("/picture", answer))
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code), response.text
    assert [each["field"] for each in error["details"]] == ["sourceUrl"]
    assert "169.254" not in response.text
    assert "127.0.0.1" not in response.text
    assert image_ids(ann) == before


def test_a_type_that_was_given_must_be_that_of_the_picture(ann: User, server: PictureServer) -> None:
    url = server.put("/picture", gives(PNG))
    response = ann.post("/upload", sourceUrl=url, fileType="image/jpeg")
    assert (response.status_code, response.json()["error"]["code"]) == (415, "FILE_TYPE_MISMATCH")
    assert response.json()["error"]["details"] == [
        {"field": "fileType", "message": "must be image/png, or be left out"}
    ]
    asked = len(server.asked)
    response = ann.post("/upload", sourceUrl=url, fileType="text/html")
    assert (response.status_code, response.json()["error"]["code"]) == (415, "FILE_TYPE_NOT_ALLOWED")
    assert len(server.asked) == asked, "a type that is not taken is refused without fetching"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:9/photo.jpg", "SOURCE_UNREACHABLE"),
        ("https://127.0.0.1:9/photo.jpg", "SOURCE_UNREACHABLE"),
        ("https://no-such-host.invalid/photo.jpg", "SOURCE_UNREACHABLE"),
        (METADATA, "SOURCE_ADDRESS_NOT_ALLOWED"),
        ("https://[fd00:ec2::254]/", "SOURCE_ADDRESS_NOT_ALLOWED"),
        ("https://user@example.com/", "INVALID_REQUEST"),
        ("https://", "INVALID_REQUEST"),
        ("ftp://example.com/photo.jpg", "INVALID_REQUEST"),
        (f"https://example.com/{'x' * 2048}", "INVALID_REQUEST"),
    ],
)
def test_a_url_that_cbobot_be_called_is_refused(bob: User, url: str, code: str) -> None:
    error = bob.post("/upload", sourceUrl=url).json()["error"]
    assert (error["code"], [each["field"] for each in error["details"]]) == (code, ["sourceUrl"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"sourceUrl": "https://example.com/a.jpg", "fileSize": 10, "singleUse": True}, ["fileSize", "singleUse"]),
        ({"sourceUrl": "https://example.com/a.jpg", "method": "PUT"}, ["method"]),
        ({"fileName": "a.jpg"}, ["fileType"]),
        ({}, ["fileName", "fileType"]),
    ],
)
def test_the_fields_of_an_announcement_and_of_an_import_do_not_mix(
    ann: User, body: dict[str, Any], fields: list[str]
) -> None:
    response = ann.post("/upload", **body)
    assert response.status_code == 400
    assert [each["field"] for each in response.json()["error"]["details"]] == fields


def test_a_repeated_request_answers_with_the_same_image(machine: Machine, ann: User, server: PictureServer) -> None:
    url = server.put("/repeated.jpg", gives(PHOTO))
    secret = secrets.token_hex(8)
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    body = {"sourceUrl": f"{url}?secret={secret}"}
    answers = [ann.request("POST", "/upload", json=body, headers=headers) for _ in range(2)]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert answers[0].json()["imageId"] == answers[1].json()["imageId"]
    assert server.asked.count("/repeated.jpg") == 1
    image_id = answers[0].json()["imageId"]
    ann.finished(image_id)
    assert ann.request("POST", "/upload", json=body, headers=headers).json()["status"] == "COMPLETED"
    for table in (
        "IDEMPOTENCY_TABLE",
        "IMAGES_TABLE",
        "AUDIT_TABLE",
        "AUDIT_INBOX_TABLE",
        "USAGE_METRICS_DYNAMO_TABLE",
    ):
        pages = machine.client("dynamodb").get_paginator("scan").paginate(TableName=machine.environment[table])
        assert not any(secret in str(page["Items"]) for page in pages), table


def test_imports_of_a_user_are_limited(machine: Machine, worker: pytest.MonkeyPatch) -> None:
    user = User.new(machine.api_url)
    worker.setattr(imports, "LIMIT", Limit(3, Window.MINUTE))
    owner, rate = caller(user), dict[str, str]()

    def import_once() -> str:
        with pytest.raises(DarkroomError) as refusal:
            imports.import_image(owner, {"sourceUrl": "http://127.0.0.1:9/"}, rate)
        return refusal.value.code

    # A minute may end meanwhile, but not two.
    codes = [import_once() for _ in range(7)]
    assert codes[:3] == ["SOURCE_UNREACHABLE"] * 3
    assert "TOO_MANY_REQUESTS" in codes
    assert rate["RateLimit-Limit"] == "3"
    assert user.post("/upload", fileName="a.jpg", fileType="image/jpeg").status_code == 200


def test_a_picture_that_does_not_fit_into_a_users_storage_is_refused(
    machine: Machine, admin: User, server: PictureServer
) -> None:
    user = User.new(machine.api_url)
    limits = {"limits": {"storedBytes": len(PHOTO) - 1}}
    assert admin.request("PATCH", f"/admin/users/{user.id}", json=limits).status_code == 200
    response = user.post("/upload", sourceUrl=server.put("/photo.jpg", gives(PHOTO)))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "STORAGE_LIMIT_EXCEEDED")
    assert user.get("/images").json()["items"] == []


# --------------------------------------------------------------------------- by the queue


def test_a_slow_picture_is_fetched_by_the_queue(machine: Machine, ann: User, server: PictureServer) -> None:
    release, secret = threading.Event(), secrets.token_hex(8)
    url = server.put("/slow.png", server.waits(release, PNG))
    answer = imported(ann, f"{url}?secret={secret}")
    assert answer["status"] == "PENDING"
    assert ann.image(answer["imageId"])["fileType"] == "application/octet-stream"
    release.set()
    image = ann.finished(answer["imageId"])
    assert (image["status"], image["fileName"], image["fileType"]) == ("COMPLETED", "slow.png", "image/png")
    assert server.asked.count("/slow.png") == 2

    def is_counted() -> bool:
        usage = {"TableName": machine.environment["USAGE_METRICS_DYNAMO_TABLE"], "ProjectionExpression": "operation"}
        mine = {"KeyConditionExpression": "account = :a", "ExpressionAttributeValues": {":a": {"S": ann.id}}}
        runs = machine.client("dynamodb").query(**usage, **mine)["Items"]
        return {"operation": {"S": "import_worker"}} in runs

    wait_for(is_counted, "the worker's run to be counted for the user")
    assert machine.logs is not None
    logs = [log.read_text() for log in machine.logs.glob("*.log")]
    assert any(answer["imageId"] in log for log in logs)
    assert not any(secret in log for log in logs)
    row = machine.client("dynamodb").get_item(
        TableName=machine.environment["IMAGES_TABLE"],
        Key={"userId": {"S": ann.id}, "imageId": {"S": answer["imageId"]}},
    )
    assert secret not in str(row)


@dataclass
class Queued:
    """An import that was left to the queue."""

    image: Image
    message: dict[str, Any]

    @classmethod
    def of(cls, user: User, url: str) -> "Queued":
        image = states.announce(caller(user), "a.jpg", states.UNKNOWN_TYPE, importing=True)
        return cls(image, {"userId": user.id, "imageId": image.image_id, "sourceUrl": url})

    def send(self, machine: Machine) -> None:
        """To the real worker."""
        queue = machine.environment["IMPORTS_QUEUE_URL"]
        machine.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(self.message))

    def deliver(self, received: int = 1) -> None:
        """To the worker that this process plays."""
        record = {"body": json.dumps(self.message), "attributes": {"ApproximateReceiveCount": str(received)}}
        imports.fetch_queued({"Records": [record]})


def test_a_message_that_comes_again_changes_nothing(
    machine: Machine, worker: pytest.MonkeyPatch, ann: User, server: PictureServer
) -> None:
    queued = Queued.of(ann, server.put("/again.jpg", gives(PHOTO)))
    queued.deliver()
    finished = ann.finished(queued.image.image_id)
    assert finished["status"] == "COMPLETED"
    queued.deliver(2)
    assert server.asked.count("/again.jpg") == 1
    assert ann.image(queued.image.image_id)["processedAt"] == finished["processedAt"]


def test_a_worker_that_was_killed_before_it_wrote_the_file_is_followed_by_another(
    machine: Machine, worker: pytest.MonkeyPatch, ann: User, server: PictureServer
) -> None:
    """The first one had named the file as one of another type."""
    queued = Queued.of(ann, server.put("/killed.jpg", gives(PHOTO)))
    begun = states.begin_import(ann.id, queued.image.image_id)
    assert begun is not None
    assert states.name_file(begun, "image/png", 10) is not None
    queued.deliver(2)
    image = ann.finished(queued.image.image_id)
    assert (image["status"], image["fileType"], image["fileSize"]) == ("COMPLETED", "image/jpeg", len(PHOTO))


def test_an_image_that_was_deleted_is_not_fetched(worker: pytest.MonkeyPatch, ann: User, server: PictureServer) -> None:
    queued = Queued.of(ann, server.put("/deleted.jpg", gives(PHOTO)))
    assert ann.request("DELETE", f"/images/{queued.image.image_id}").status_code == 200
    queued.deliver()
    assert "/deleted.jpg" not in server.asked


def test_nothing_is_left_of_an_image_that_is_deleted_while_it_is_fetched(
    machine: Machine, worker: pytest.MonkeyPatch, ann: User, server: PictureServer
) -> None:
    release = threading.Event()
    queued = Queued.of(ann, server.put("/late.jpg", server.waits(release, PHOTO)))
    queued.send(machine)
    wait_for(lambda: "/late.jpg" in server.asked, "the worker to ask")
    assert ann.request("DELETE", f"/images/{queued.image.image_id}").status_code == 200
    release.set()
    wait_for(lambda: queue_is_empty(machine), "the worker to end")
    assert files(machine, queued.image) == []


def test_a_file_that_is_stored_after_a_deletion_is_removed(
    machine: Machine, worker: pytest.MonkeyPatch, ann: User, server: PictureServer
) -> None:
    queued = Queued.of(ann, server.put("/later.jpg", gives(PHOTO)))
    write = objects.write

    def delete_and_write(*arguments: Any) -> Any:
        assert ann.request("DELETE", f"/images/{queued.image.image_id}").status_code == 200
        return write(*arguments)

    worker.setattr(objects, "write", delete_and_write)
    queued.deliver()
    wait_for(lambda: files(machine, queued.image) == [], "the file to be removed")
    assert ann.get(f"/images/{queued.image.image_id}").status_code == 404


def queue_is_empty(machine: Machine) -> bool:
    return sum(machine.queue_depth(machine.environment["IMPORTS_QUEUE_URL"])) == 0


def test_a_failed_import_tells_its_owner_why(
    machine: Machine, worker: pytest.MonkeyPatch, ann: User, server: PictureServer
) -> None:
    told = subscribe(machine, "SNS_TOPIC_ARN")
    queued = Queued.of(ann, server.put("/gone.jpg", gives(b"", 410)))
    queued.send(machine)
    image = ann.finished(queued.image.image_id)
    assert (image["status"], image["reason"]["code"]) == ("FAILED", "SOURCE_ANSWERED_ERROR")
    assert "410" in image["reason"]["message"]
    messages = wait_for(lambda: [each for each in told() if image["imageId"] in each["Message"]], "the announcement")
    assert json.loads(messages[0]["Message"])["reason"].startswith("SOURCE_ANSWERED_ERROR: ")
    again = ann.post(f"/images/{image['imageId']}/reprocess")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "ORIGINAL_GONE")
    # For good: the same message again does not begin anew.
    queued.deliver(2)
    assert server.asked.count("/gone.jpg") == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/page", "FILE_TYPE_NOT_ALLOWED"),
        ("/inside", "SOURCE_REDIRECT_NOT_ALLOWED"),
        ("/dripping.jpg", "SOURCE_TOO_SLOW"),
    ],
)
def test_the_worker_refuses_what_the_api_refuses(
    worker: pytest.MonkeyPatch, ann: User, server: PictureServer, path: str, code: str
) -> None:
    answers = {"/page": gives(b"<html>"), "/inside": redirects(METADATA), "/dripping.jpg": server.drips(PHOTO)}
    worker.setattr(imports, "WORKER_SECONDS", 0.5)
    queued = Queued.of(ann, server.put(path, answers[path]))
    queued.deliver()
    image = ann.image(queued.image.image_id)
    assert (image["status"], image["reason"]["code"]) == ("FAILED", code)


def test_a_users_storage_limit_holds_in_the_worker_too(
    machine: Machine, worker: pytest.MonkeyPatch, admin: User, server: PictureServer
) -> None:
    user = User.new(machine.api_url)
    queued = Queued.of(user, server.put("/photo.jpg", gives(PHOTO)))
    limits = {"limits": {"storedBytes": len(PHOTO) - 1}}
    assert admin.request("PATCH", f"/admin/users/{user.id}", json=limits).status_code == 200
    queued.deliver()
    assert user.image(queued.image.image_id)["reason"]["code"] == "STORAGE_LIMIT_EXCEEDED"


def test_a_fault_of_ours_is_retried_and_a_dead_letter_begins_the_import_anew(
    worker: pytest.MonkeyPatch, ann: User, server: PictureServer
) -> None:
    queued = Queued.of(ann, server.put("/retried.jpg", gives(PHOTO)))
    with pytest.MonkeyPatch.context() as broken:
        broken.setenv("S3_INPUT_BUCKET", "darkroom-no-such-bucket")
        with pytest.raises(ClientError):
            queued.deliver()
        assert ann.image(queued.image.image_id)["status"] == "PENDING"
        with pytest.raises(ClientError):
            queued.deliver(imports.TRIES)
    image = ann.image(queued.image.image_id)
    assert (image["status"], image["reason"]["code"]) == ("FAILED", "IMPORT_FAILED")
    queued.deliver()
    image = ann.finished(queued.image.image_id)
    assert (image["status"], image["reason"]) == ("COMPLETED", None)


def test_an_import_that_cannot_be_stored_or_queued_leaves_no_image(
    worker: pytest.MonkeyPatch, ann: User, server: PictureServer
) -> None:
    owner = caller(ann)
    before = image_ids(ann)
    url = server.put("/photo.jpg", gives(PHOTO))
    with pytest.MonkeyPatch.context() as broken:
        broken.setenv("S3_INPUT_BUCKET", "darkroom-no-such-bucket")
        with pytest.raises(ClientError):
            imports.import_image(owner, {"sourceUrl": url}, {})
    with pytest.MonkeyPatch.context() as broken:
        broken.setenv("IMPORTS_QUEUE_URL", "http://127.0.0.1:9/darkroom-no-such-queue")
        broken.setattr(imports, "SECONDS_AT_ONCE", 0.2)
        slow = server.put("/slow.jpg", server.drips(PHOTO))
        with pytest.raises(ClientError):
            imports.import_image(owner, {"sourceUrl": slow}, {})
    assert image_ids(ann) == before


# ------------------------------------------------------------------------ what gets lost


def later(**span: float) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


def test_an_import_that_was_lost_fails_after_an_hour(worker: pytest.MonkeyPatch, ann: User) -> None:
    since = {"since": ids.now()}
    queued = Queued.of(ann, "https://example.com/")

    def status() -> str:
        return str(ann.image(queued.image.image_id)["status"])

    runner.run(sweeper.SWEEPER, since, now=later(minutes=55))
    assert status() == "PENDING"
    with pytest.MonkeyPatch.context() as busy:
        busy.setattr(stuck, "_messages_waiting", lambda queue_url: 1)
        runner.run(sweeper.SWEEPER, since, now=later(hours=24))
    assert status() == "PENDING", "its message may be among those that wait"
    runner.run(retention.CLEAN_UP, since, now=later(days=3))
    assert status() == "PENDING", "it is no upload that was announced"
    found = runner.run(sweeper.SWEEPER, since, now=later(minutes=65))["findings"]
    assert {"what": "imagesFailed", "imageId": queued.image.image_id, "userId": ann.id} in found
    assert ann.image(queued.image.image_id)["reason"]["code"] == "IMPORT_FAILED"


def test_a_file_whose_event_was_lost_is_taken(machine: Machine, worker: pytest.MonkeyPatch, ann: User) -> None:
    since = {"since": ids.now()}
    queued = Queued.of(ann, "https://example.com/")
    with events_of_s3_lost(machine):
        named = states.name_file(queued.image, "image/jpeg", len(PHOTO))
        assert named is not None
        objects.write(machine.environment["S3_INPUT_BUCKET"], named.s3_key, PHOTO, "image/jpeg")
    runner.run(sweeper.SWEEPER, since, now=later(minutes=65))
    assert ann.finished(queued.image.image_id)["status"] == "COMPLETED"


@contextmanager
def events_of_s3_lost(machine: Machine) -> Iterator[None]:
    s3, bucket = machine.client("s3"), machine.environment["S3_INPUT_BUCKET"]
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    notifications.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=notifications)


# -------------------------------------------------------------------- as agents call it


def use(user: User, **data: Any) -> requests.Response:
    """A call of the tool."""
    return user.post("/agent/import_image", data=data)


def in_base64(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


LONGEST_CONTENT = images.IMPORT["properties"]["content"]["maxLength"]
# The most that an agent may send. What follows the end of a JPEG does not count.
LARGEST_CONTENT = PHOTO + bytes(images.MAX_CONTENT_BYTES - len(PHOTO))


@pytest.mark.parametrize("picture", [PHOTO, LARGEST_CONTENT], ids=["small", "largest"])
def test_an_agent_may_send_a_picture_in_bytes(robot: User, picture: bytes) -> None:
    answer = use(robot, content=in_base64(picture), fileName="sent.jpg")
    assert answer.status_code == 200, answer.text
    image = robot.finished(answer.json()["imageId"])
    assert (image["status"], image["fileName"], image["fileType"]) == ("COMPLETED", "sent.jpg", "image/jpeg")
    assert image["fileSize"] == len(picture)


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        ({}, "INVALID_REQUEST", "sourceUrl"),
        ({"content": "AAAA", "sourceUrl": "https://example.com/"}, "INVALID_REQUEST", "sourceUrl"),
        ({"sourceUrl": "http://example.com/"}, "INVALID_REQUEST", "sourceUrl"),
        ({"content": ""}, "INVALID_REQUEST", "content"),
        ({"content": "A" * (LONGEST_CONTENT + 4)}, "INVALID_REQUEST", "content"),
        ({"content": "A" * LONGEST_CONTENT}, "INVALID_REQUEST", "content"),
        ({"content": "AAA"}, "INVALID_REQUEST", "content"),
        ({"content": "AA\nAA"}, "INVALID_REQUEST", "content"),
        ({"content": "AA-_"}, "INVALID_REQUEST", "content"),
        ({"content": "data:image/jpeg;base64,AAAA"}, "INVALID_REQUEST", "content"),
        ({"content": in_base64(b"hello")}, "NOT_AN_IMAGE", "content"),
        ({"content": in_base64(PHOTO), "fileType": "image/png"}, "FILE_TYPE_MISMATCH", "fileType"),
    ],
)
def test_what_is_no_picture_in_bytes_is_refused(bob: User, data: dict[str, Any], code: str, field: str) -> None:
    response = use(bob, **data)
    error = response.json()["error"]
    assert (error["code"], [each["field"] for each in error["details"]]) == (code, [field])


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost:1/", "https://10.0.0.1/", "https://[::1]/"])
def test_addresses_inside_are_refused_where_the_stage_is_not_local(
    worker: pytest.MonkeyPatch, bob: User, url: str
) -> None:
    worker.setenv("ALLOW_PRIVATE_ADDRESSES", "false")
    with pytest.raises(SourceAddressError) as refusal:
        images.import_image(caller(bob), {"sourceUrl": url}, {})
    assert refusal.value.message == "The picture could not be fetched: its URL does not lead to a public address."


def test_plain_http_is_refused_where_the_stage_is_not_local(worker: pytest.MonkeyPatch, bob: User) -> None:
    worker.setenv("ALLOW_PRIVATE_ADDRESSES", "false")
    with pytest.raises(InvalidRequestError) as refusal:
        images.create_upload(caller(bob), {"sourceUrl": "http://example.com/photo.jpg"}, {})
    assert refusal.value.details == [{"field": "sourceUrl", "message": "must begin with https://"}]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/a/photo.jpg?x=1", "photo.jpg"),
        ("https://example.com/%C3%A9t%C3%A9.webp", "été.webp"),
        ("https://example.com/a%2Fb%5Cc.png", "c.png"),
        ("https://example.com/x%00y%0A.gif", "xy.gif"),
        ("https://example.com/files/8f14e45fceea167a", "image"),
        ("https://example.com/.jpg", "image"),
        ("https://example.com", "image"),
    ],
)
def test_the_name_of_a_file_is_that_of_its_url(url: str, name: str) -> None:
    assert sources.file_name(url) == name
