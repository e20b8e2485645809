"""Getting a file in: what the presigned requests allow, and what names may be."""

from typing import Any

import pytest
import requests

from local.machine import Machine
from tests.journeys.user import User
from tests.pictures import jpeg

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


@pytest.fixture(scope="module")
def ann(machine: Machine) -> User:
    return User.new(machine.api_url)


def test_the_answer_holds_the_whole_request(ann: User) -> None:
    data = jpeg(320, 240)
    answer = ann.announce(data, fileSize=len(data))
    assert answer["fileKey"] == f"uploads/{ann.id}/{answer['imageId']}.jpg"
    assert 0 < answer["expiresIn"] <= 3600
    assert answer["method"] == "PUT"
    assert answer["headers"] == {"Content-Type": "image/jpeg", "Content-Length": str(len(data))}
    assert "X-Amz-Expires=3600" in answer["uploadUrl"]
    assert ann.image(answer["imageId"])["status"] == "PENDING"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_is_data_and_never_part_of_a_key(ann: User, name: str) -> None:
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
def test_s3_holds_the_client_to_what_was_signed(
    ann: User, announced: dict[str, Any], headers: dict[str, str], length: int
) -> None:
    answer = ann.announce(b"", **announced)
    put = requests.put(answer["uploadUrl"], data=b"x" * length, headers=headers, timeout=30)
    assert put.status_code == 403
    assert ann.image(answer["imageId"])["status"] == "PENDING"


def test_a_presigned_request_serves_its_own_key_and_method_only(ann: User) -> None:
    answer = ann.announce(b"")
    elsewhere = answer["uploadUrl"].replace(answer["imageId"], "img_another")
    assert requests.put(elsewhere, data=b"x", headers=answer["headers"], timeout=30).status_code == 403
    assert requests.get(answer["uploadUrl"], timeout=30).status_code == 403
    assert requests.delete(answer["uploadUrl"], timeout=30).status_code == 403
    unsigned = answer["uploadUrl"].partition("?")[0]
    assert requests.put(unsigned, data=b"x", timeout=30).status_code == 403


def test_a_form_upload_goes_through(ann: User) -> None:
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
def test_a_form_upload_is_held_to_its_policy(
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
def test_what_the_platform_does_not_take_is_said_at_once(
    ann: User, body: dict[str, Any], status: int, code: str
) -> None:
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
    ],
)
def test_a_type_by_any_of_its_names_is_answered_with_the_usual_one(
    ann: User, announced: str, canonical: str, extension: str
) -> None:
    for method in ("PUT", "POST"):
        answer = ann.post("/upload", fileName="a", fileType=announced, method=method).json()
        assert answer.get("headers", answer.get("fields"))["Content-Type"] == canonical
        assert answer["fileKey"].endswith(f"{answer['imageId']}.{extension}")
        assert ann.image(answer["imageId"])["fileType"] == canonical


def test_the_largest_file_is_announced(ann: User) -> None:
    assert ann.post("/upload", fileName="a", fileType="IMAGE/JPEG", fileSize=10_485_760).status_code == 200
