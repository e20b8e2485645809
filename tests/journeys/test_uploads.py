"""Uploading a file: what presigned requests allow, and which names are accepted."""

import secrets
from typing import Any

import pytest
import requests

from local.machine import Machine
from tests.breadth import mostly_slow
from tests.journeys.user import User
from tests.pictures import jpeg
from tests.waiting import wait_for

NAMES = [
    "my holiday photo.jpg",
    "100%.jpg",
    "a+b=c&d.jpg",
    "../../etc/passwd",
    "dir/inner/photo.jpg",
    "\"quoted\" 'name'.jpg",
    "🎞 été 写真.jpg",
    "%2e%2e%2fphoto.jpg",
    "x" * 300,
    "<script>alert(1)</script>.jpg",
    "new\nline\ttab\x00nul.jpg",
]


def test_the_answer_holds_the_complete_upload_request(ann: User) -> None:
    data = jpeg(320, 240)
    answer = ann.announce(data, fileSize=len(data))
    assert answer["fileKey"] == f"uploads/{ann.id}/{answer['imageId']}.jpg"
    assert 0 < answer["expiresIn"] <= 3600
    assert answer["method"] == "PUT"
    assert answer["headers"] == {"Content-Type": "image/jpeg"}
    assert "X-Amz-Expires=3600" in answer["uploadUrl"]
    assert ann.image(answer["imageId"])["status"] == "PENDING"


@pytest.mark.parametrize("name", mostly_slow(NAMES, quick=3))
def test_a_file_name_is_never_part_of_an_object_key(ann: User, name: str) -> None:
    data = jpeg(320, 240)
    answer = ann.announce(data, name=name)
    assert answer["fileKey"] == f"uploads/{ann.id}/{answer['imageId']}.jpg"
    requests.put(answer["uploadUrl"], data=data, headers=answer["headers"], timeout=30)
    image = ann.finished(answer["imageId"])
    assert (image["status"], image["fileName"]) == ("COMPLETED", name)
    assert all(name not in variant["s3Key"] for variant in image["variants"])


@pytest.mark.parametrize(
    ("announced", "headers", "length"),
    [
        ({}, {"Content-Type": "image/png"}, 100),
        ({}, {}, 100),
        ({"fileSize": 100}, {"Content-Type": "image/jpeg"}, 99),
        ({"fileSize": 100}, {"Content-Type": "image/jpeg"}, 101),
    ],
    ids=["another type", "no type", "too short", "too long"],
)
def test_s3_refuses_an_upload_that_differs_from_what_was_signed(
    ann: User, announced: dict[str, Any], headers: dict[str, str], length: int
) -> None:
    answer = ann.announce(b"", **announced)
    put = requests.put(answer["uploadUrl"], data=b"x" * length, headers=headers, timeout=30)
    assert put.status_code == 403
    assert ann.image(answer["imageId"])["status"] == "PENDING"


def test_a_form_upload_is_processed(ann: User) -> None:
    data = jpeg(320, 240)
    answer = ann.announce(data, method="POST")
    sent = requests.post(answer["uploadUrl"], data=answer["fields"], files={"file": ("a.jpg", data)}, timeout=30)
    assert sent.status_code in (200, 204), sent.text
    assert ann.finished(answer["imageId"])["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("announced", "changed", "length"),
    [
        ({}, {}, 0),
        ({}, {}, 10_485_761),
        ({"fileSize": 100}, {}, 101),
        ({"fileSize": 100}, {}, 99),
        ({}, {"key": "uploads/somebody/img_x.jpg"}, 100),
        ({}, {"Content-Type": "text/html"}, 100),
    ],
    ids=["empty", "too large", "over", "under", "another key", "another type"],
)
def test_a_form_upload_that_breaks_its_policy_is_refused(
    ann: User, announced: dict[str, Any], changed: dict[str, str], length: int
) -> None:
    answer = ann.announce(b"", method="POST", **announced)
    fields = {**answer["fields"], **changed}
    sent = requests.post(answer["uploadUrl"], data=fields, files={"file": b"x" * length}, timeout=30)
    assert sent.status_code in (400, 403), sent.text
    assert ann.image(answer["imageId"])["status"] == "PENDING"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"fileType": "image/tiff"}, 415, "FILE_TYPE_NOT_ALLOWED"),
        ({"fileType": "text/html"}, 415, "FILE_TYPE_NOT_ALLOWED"),
        ({"fileType": "image/jpeg", "fileSize": 10_485_761}, 413, "FILE_TOO_LARGE"),
        ({"fileType": "image/jpeg", "fileSize": 10**15}, 413, "FILE_TOO_LARGE"),
    ],
)
def test_an_unsupported_file_is_refused_at_once(ann: User, body: dict[str, Any], status: int, code: str) -> None:
    answer = ann.post("/upload", fileName="a", **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("announced", "canonical", "extension"),
    [
        ("image/jpg", "image/jpeg", "jpg"),
        ("image/pjpeg", "image/jpeg", "jpg"),
        ("image/mpo", "image/jpeg", "jpg"),
        ("image/x-png", "image/png", "png"),
        (" Image/WebP ; charset=binary", "image/webp", "webp"),
        ("image/heif", "image/heic", "heic"),
        ("image/heic-sequence", "image/heic", "heic"),
        ("image/avif", "image/avif", "avif"),
    ],
)
def test_a_media_type_may_be_given_by_any_of_its_names(
    ann: User, announced: str, canonical: str, extension: str
) -> None:
    for method in ("PUT", "POST"):
        answer = ann.post("/upload", fileName="a", fileType=announced, method=method).json()
        assert answer.get("headers", answer.get("fields"))["Content-Type"] == canonical
        assert answer["fileKey"].endswith(f"{answer['imageId']}.{extension}")
        assert ann.image(answer["imageId"])["fileType"] == canonical


def test_a_file_of_the_largest_size_is_accepted(ann: User) -> None:
    assert ann.post("/upload", fileName="a", fileType="IMAGE/JPEG", fileSize=10_485_760).status_code == 200


# ----------------------------------------------------------------------------- sent once


def test_a_single_use_link_works_once(ann: User) -> None:
    data = jpeg(320, 240)
    answer = ann.announce(data, fileSize=len(data), singleUse=True)
    assert answer["headers"]["If-None-Match"] == "*"

    def send(headers: dict[str, str]) -> int:
        return requests.put(answer["uploadUrl"], data=data, headers=headers, timeout=30).status_code

    unsigned = {name: value for name, value in answer["headers"].items() if name != "If-None-Match"}
    assert send(unsigned) == 403, "a signed header is required"
    assert send(answer["headers"]) == 200
    assert send(answer["headers"]) == 412, "it was used already"
    assert ann.finished(answer["imageId"])["status"] == "COMPLETED"


def test_a_repeated_request_for_a_single_use_link_is_still_single_use(ann: User) -> None:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    body = {"fileName": "a.jpg", "fileType": "image/jpeg", "singleUse": True}
    answers = [ann.request("POST", "/upload", json=body, headers=headers).json() for _ in range(2)]
    assert answers[1]["headers"] == answers[0]["headers"]


def test_a_form_upload_cannot_be_single_use(ann: User) -> None:
    answer = ann.post("/upload", fileName="a.jpg", fileType="image/jpeg", method="POST", singleUse=True)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == [{"field": "singleUse", "message": "is for the method PUT alone"}]


# ------------------------------------------------------------------------- what may be kept


def test_stored_bytes_of_a_user_are_counted_and_limited(machine: Machine, admin: User) -> None:
    user, data = User.new(machine.api_url), jpeg(320, 240)

    def kept() -> int:
        return int(user.get("/usage").json()["storage"]["bytes"])

    def allow(number: int) -> None:
        answer = admin.request("PATCH", f"/admin/users/{user.id}", json={"limits": {"storedBytes": number}})
        assert answer.status_code == 200, answer.text

    assert user.get("/usage").json()["storage"] == {"bytes": 0, "limit": 10 * 1024**3}
    image = user.finished(user.upload(data))
    variants = sum(variant["fileSize"] for variant in image["variants"])
    wait_for(lambda: kept() == len(data) + variants, "the original and its variants to be counted")
    failed = user.finished(user.upload(b"no picture"))
    wait_for(lambda: kept() == len(data) + variants + 10, "a failed image's original to be counted")
    assert user.post(f"/images/{image['imageId']}/reprocess").status_code == 200
    user.finished(image["imageId"])

    allow(kept() + 100)
    announced = {"fileName": "a.jpg", "fileType": "image/jpeg"}
    assert user.post("/upload", **announced, fileSize=100).status_code == 200
    full = user.post("/upload", **announced, fileSize=101)
    assert (full.status_code, full.json()["error"]["code"]) == (409, "STORAGE_LIMIT_EXCEEDED")
    allow(kept())
    assert user.post("/upload", **announced).status_code == 409, "also for a file of unknown size"

    for each in (image, failed):
        assert user.request("DELETE", f"/images/{each['imageId']}").status_code == 200
    wait_for(lambda: kept() == 0, "what was deleted to count no more")
    assert user.post("/upload", **announced, fileSize=100).status_code == 200


def test_a_key_cannot_have_a_limit_of_stored_bytes(ann: User) -> None:
    answer = ann.post("/keys", name="a", accessTypes=["file_upload"], limits={"storedBytes": 1})
    assert answer.status_code == 400


def test_deleting_an_image_that_was_never_counted_leaves_the_sum_at_zero(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image = user.finished(user.upload(jpeg(320, 240)))
    wait_for(lambda: user.get("/usage").json()["storage"]["bytes"] > 0, "the image to be counted")
    row = {"TableName": machine.environment["USERS_TABLE"], "Key": {"userId": {"S": user.id}}}
    machine.client("dynamodb").update_item(**row, UpdateExpression="REMOVE storedBytes")
    assert user.request("DELETE", f"/images/{image['imageId']}").status_code == 200

    def is_none() -> bool:
        found = machine.client("dynamodb").get_item(**row, ConsistentRead=True)["Item"]
        return bool(found.get("storedBytes") == {"N": "0"})

    wait_for(is_none, "the deletion to be counted")
