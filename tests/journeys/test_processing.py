"""A user has an image processed: in the request if it is small, by the queue if it is not."""

import json
import re
from typing import Any

import pytest
import requests

from local.machine import Machine
from tests import pictures
from tests.journeys.image_state import download_picture
from tests.journeys.user import User
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def photo(ann: User) -> str:
    """A finished image of 1600 × 1200."""
    image_id = ann.upload(pictures.jpeg(1600, 1200))
    assert ann.finished(image_id)["status"] == "COMPLETED"
    return image_id


def process(user: User, image_id: str, kind: str, **options: Any) -> requests.Response:
    asked = {"options": options} if options else {}
    return user.post("/actions/process", fileId=image_id, processingType=kind, **asked)


def ended(user: User, action_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        action: dict[str, Any] = user.get(f"/actions/{action_id}").json()["action"]
        return action if action["status"] != "PENDING" else None

    return wait_for(look, f"{action_id} to end", 30, 0.05)


def test_a_small_image_is_resized_in_the_request(ann: User, photo: str) -> None:
    answer = process(ann, photo, "resize", width=300, height=300, fit="cover", format="png")
    response = answer.json()
    assert answer.status_code == 200, response
    assert response["success"] is True
    assert (response["status"], response["estimatedTime"]) == ("COMPLETED", None)
    made = download_picture(response["resultUrl"])
    assert (made.format, made.size) == ("PNG", (300, 300))
    action = ann.get(f"/actions/{response['jobId']}").json()["action"]
    assert action["actionType"] == "PROCESS_FILE"
    assert action["metadata"]["options"] == {"width": 300, "height": 300, "fit": "cover", "format": "png"}
    assert action["result"]["width"] == 300


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_an_image_is_converted(ann: User, photo: str, form: str) -> None:
    response = process(ann, photo, "convert", format=form).json()
    made = download_picture(response["resultUrl"])
    assert (str(made.format).lower(), made.size) == (form, (1600, 1200))


def test_a_large_image_goes_to_the_queue_and_its_result_appears_when_it_is_ready(ann: User, photo: str) -> None:
    response = process(ann, photo, "convert", format="avif").json()
    assert (response["status"], response["resultUrl"]) == ("PENDING", None)
    assert re.fullmatch(r"About \d+ (second|minute)s?\.", response["estimatedTime"])
    action = ended(ann, response["jobId"])
    assert action["status"] == "COMPLETED"
    assert download_picture(action["resultUrl"]).size == (1600, 1200)
    assert action["files"][0]["name"].endswith(".avif")


@pytest.mark.parametrize("side", [{"width": 4000}, {"height": 4000}])
def test_a_large_enlargement_goes_to_the_queue(ann: User, photo: str, side: dict[str, int]) -> None:
    response = process(ann, photo, "resize", fit="fill", **side).json()
    assert response["status"] == "PENDING"
    made = download_picture(ended(ann, response["jobId"])["resultUrl"])
    assert made.size in {(4000, 3000), (5333, 4000)}
    assert process(ann, photo, "resize", width=4000).json()["status"] == "COMPLETED", "contain never enlarges"


def test_a_processing_type_without_options_needs_none(ann: User, photo: str) -> None:
    details = ann.post("/actions/process", fileId=photo).json()["error"]["details"]
    assert details == [{"field": "processingType", "message": "is required"}]


def test_an_image_is_analyzed(ann: User, photo: str) -> None:
    response = process(ann, photo, "analyze").json()
    assert (response["result"]["width"], response["result"]["height"]) == (1600, 1200)
    assert len(response["result"]["dominantColors"]) >= 1
    assert requests.get(response["resultUrl"], timeout=10).json() == response["result"]


@pytest.mark.parametrize(
    ("kind", "options", "field"),
    [
        ("spin", {"width": 10}, "processingType"),
        ("resize", {}, "options"),
        ("resize", {"quality": 80}, "options"),
        ("resize", {"width": 0}, "options.width"),
        ("resize", {"width": -5}, "options.width"),
        ("resize", {"width": 10**9}, "options.width"),
        ("resize", {"width": 1.5}, "options.width"),
        ("resize", {"width": "300"}, "options.width"),
        ("resize", {"width": 10, "fit": "stretch"}, "options.fit"),
        ("resize", {"width": 10, "rotate": 90}, "options.rotate"),
        ("convert", {"format": "bmp"}, "options.format"),
        ("convert", {"quality": 80}, "options.format"),
        ("analyze", {"width": 10}, "options.width"),
    ],
)
def test_an_invalid_request_is_refused_and_leaves_no_action(
    ann: User, photo: str, kind: str, options: dict[str, Any], field: str
) -> None:
    before = len(ann.get("/actions", limit=100).json()["items"])
    answer = process(ann, photo, kind, **options)
    assert answer.status_code == 400
    assert field in [detail["field"] for detail in answer.json()["error"]["details"]]
    assert len(ann.get("/actions", limit=100).json()["items"]) == before


def test_only_the_callers_own_finished_images_are_processed(ann: User, machine: Machine, photo: str) -> None:
    stranger = User.new(machine.api_url)
    answer = process(stranger, photo, "analyze")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "IMAGE_NOT_FOUND")
    waiting = ann.announce(b"", name="later.jpg")["imageId"]
    answer = process(ann, waiting, "analyze")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "IMAGE_NOT_READY")
    assert stranger.get("/actions").json()["items"] == []


def test_users_do_not_see_actions_of_others(ann: User, machine: Machine, photo: str) -> None:
    job = process(ann, photo, "analyze").json()["jobId"]
    answer = User.new(machine.api_url).get(f"/actions/{job}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ACTION_NOT_FOUND")


def test_deleting_an_image_removes_the_results_made_from_it(ann: User, machine: Machine) -> None:
    image_id = ann.upload(pictures.jpeg(400, 300))
    ann.finished(image_id)
    url = process(ann, image_id, "resize", width=100).json()["resultUrl"]
    assert requests.get(url, timeout=10).status_code == 200
    assert ann.request("DELETE", f"/images/{image_id}").status_code == 200
    # S3 answers 403 for a missing object to callers who may not list the bucket.
    assert requests.get(url, timeout=10).status_code in (403, 404)


def test_an_action_fails_with_a_reason_if_its_image_was_deleted_meanwhile(ann: User, machine: Machine) -> None:
    image_id = ann.upload(pictures.jpeg(1200, 900))
    ann.finished(image_id)
    job = process(ann, image_id, "convert", format="avif").json()["jobId"]
    ann.request("DELETE", f"/images/{image_id}")
    action = ended(ann, job)
    # If the worker was quicker, the file was deleted with the image.
    if action["status"] == "FAILED":
        assert action["reason"]["code"] == "IMAGE_NOT_FOUND"
    bucket = machine.environment["S3_OUTPUT_BUCKET"]
    kept = machine.client("s3").list_object_versions(Bucket=bucket, Prefix=f"processed/{ann.id}/{image_id}")
    assert "Versions" not in kept


def test_actions_are_listed_newest_first_in_pages(machine: Machine) -> None:
    bob = User.new(machine.api_url)
    image_id = bob.upload(pictures.jpeg(64, 64))
    bob.finished(image_id)
    made = [process(bob, image_id, "resize", width=width).json()["jobId"] for width in (10, 20, 30)]
    first = bob.get("/actions", limit=2).json()
    rest = bob.get("/actions", limit=2, cursor=first["nextCursor"]).json()
    assert [each["actionId"] for each in first["items"] + rest["items"]] == made[::-1]
    assert rest["nextCursor"] is None
    assert bob.get("/actions", status="FAILED").json()["items"] == []
    assert bob.get("/actions", actionType="EXPORT_DATA").json()["items"] == []
    chosen = bob.get("/actions", actionType="PROCESS_FILE", status="COMPLETED", limit=1).json()
    assert [each["actionId"] for each in chosen["items"]] == made[-1:]


def test_a_repeated_message_does_not_repeat_the_work(ann: User, machine: Machine, photo: str) -> None:
    response = process(ann, photo, "convert", format="avif").json()
    before = ended(ann, response["jobId"])
    body = json.dumps({"userId": ann.id, "actionId": response["jobId"]})
    record = {"eventSource": "aws:sqs", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
    assert machine.invoke("action_worker", {"Records": [record]}) == (None, False)
    after = ended(ann, response["jobId"])
    assert after["completedAt"] == before["completedAt"]


def test_the_time_of_the_last_action_is_shown_for_image_and_user(machine: Machine, admin: User) -> None:
    ann = User.new(machine.api_url)
    image_id = ann.upload(pictures.jpeg(64, 48))
    assert ann.finished(image_id)["lastActionAt"] is None
    assert ann.get("/auth/profile").json()["profile"]["lastActionAt"] is None
    done = ended(ann, process(ann, image_id, "analyze").json()["jobId"])
    assert (done["progress"], done["progressUnit"]) == (None, None)
    image, profile = ann.image(image_id), ann.get("/auth/profile").json()["profile"]
    assert image["lastActionAt"] > image["processedAt"]
    assert profile["lastActionAt"] == done["completedAt"] > profile["createdAt"]
    (seen,) = admin.get("/admin/users", email=ann.email).json()["items"]
    assert seen["lastActionAt"] == profile["lastActionAt"]
