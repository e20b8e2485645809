"""PATCH /images/{imageId}: what an image's owner says about it, in whatever state the image is."""

import json
from typing import Any

import pytest
import requests

from chalicelib.core.aws.writes import TOKEN
from local.machine import Machine
from tests import pictures
from tests.journeys.audit_trail import audit_entries_of
from tests.journeys.exporter import downloaded, export, exporter
from tests.journeys.image_state import download_picture, image_item
from tests.journeys.user import User

SAID = {"title": "The beach", "tags": ["sea", "sand"], "focalPoint": {"x": 0.25, "y": 1}}


def patch(user: User, image_id: str, **said: Any) -> requests.Response:
    return user.request("PATCH", f"/images/{image_id}", json=said)


def said_of(image: dict[str, Any]) -> dict[str, Any]:
    return {name: image[name] for name in SAID}


@pytest.fixture(scope="module")
def pending(ann: User) -> str:
    """An image whose file has not come."""
    return str(ann.announce(b"")["imageId"])


def test_what_is_said_is_shown_and_what_is_not_named_stays(ann: User, pending: str) -> None:
    assert said_of(ann.image(pending)) == {"title": None, "tags": [], "focalPoint": None}
    answer = patch(ann, pending, **SAID)
    assert answer.status_code == 200, answer.text
    assert said_of(answer.json()["image"]) == SAID
    assert patch(ann, pending, title=None).json()["image"]["title"] is None
    assert said_of(ann.image(pending)) == {**SAID, "title": None}
    emptied = patch(ann, pending, tags=[], focalPoint=None).json()["image"]
    assert said_of(emptied) == {"title": None, "tags": [], "focalPoint": None}
    assert emptied["status"] == "PENDING"


def test_texts_have_one_form(ann: User, pending: str) -> None:
    tags = ["  Beach ", "BEACH", "Sunset\u3000 Sky", "cafe\u0301", "caf\u00e9"]
    image = patch(ann, pending, title="  A   day at sea ", tags=tags).json()["image"]
    assert image["title"] == "A day at sea"
    assert image["tags"] == ["beach", "sunset sky", "caf\u00e9"]
    assert patch(ann, pending, tags=image["tags"]).json()["image"]["tags"] == image["tags"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "body"),
        ({"title": ""}, "title"),
        ({"title": "   "}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "a" * 201}, "title"),
        ({"title": "\ufb2c" * 200}, "title"),
        ({"tags": "sea"}, "tags"),
        ({"tags": [str(each) for each in range(21)]}, "tags"),
        ({"tags": ["sea", ""]}, "tags.1"),
        ({"tags": ["a" * 51]}, "tags.0"),
        ({"tags": ["sea", "\u0130" * 50]}, "tags.1"),
        ({"tags": [None]}, "tags.0"),
        ({"focalPoint": {"x": 0.5}}, "focalPoint.y"),
        ({"focalPoint": {"x": 0.5, "y": 1.01}}, "focalPoint.y"),
        ({"focalPoint": {"x": -0.1, "y": 0}}, "focalPoint.x"),
        ({"focalPoint": {"x": True, "y": 0}}, "focalPoint.x"),
        ({"focalPoint": [0.5, 0.5]}, "focalPoint"),
        ({"fileName": "other.jpg"}, "fileName"),
    ],
)
def test_a_field_that_does_not_fit_is_named_and_nothing_is_written(
    ann: User, pending: str, said: dict[str, Any], field: str
) -> None:
    before = ann.image(pending)
    answer = patch(ann, pending, **said)
    assert answer.status_code == 400, answer.text
    assert [each["field"] for each in answer.json()["error"]["details"]] == [field]
    assert ann.image(pending) == before


def test_a_change_takes_no_query(ann: User, pending: str) -> None:
    answer = ann.request("PATCH", f"/images/{pending}", params={"title": "in the URL"}, json={"title": "in the body"})
    assert answer.status_code == 400


def test_no_write_is_lost_between_the_pipeline_and_the_owner(ann: User) -> None:
    image_id = ann.upload(pictures.jpeg(320, 240))
    assert patch(ann, image_id, title="While it is processed").status_code == 200
    image = ann.finished(image_id)
    assert (image["status"], image["title"]) == ("COMPLETED", "While it is processed")
    assert len(image["variants"]) == 6
    assert ann.post(f"/images/{image_id}/reprocess").status_code == 200
    answer = patch(ann, image_id, tags=["again"], focalPoint={"x": 0.5, "y": 0.5}).json()["image"]
    assert answer["title"] == "While it is processed"
    again = ann.finished(image_id)
    assert said_of(again) == {
        "title": "While it is processed",
        "tags": ["again"],
        "focalPoint": {"x": 0.5, "y": 0.5},
    }
    assert again["processedAt"] > image["processedAt"]


def test_only_an_image_of_ones_own_that_is_not_deleted_can_be_changed(machine: Machine, ann: User) -> None:
    image_id = ann.announce(b"")["imageId"]
    assert patch(ann, image_id, **SAID).status_code == 200
    bob = User.new(machine.api_url)
    assert ann.request("DELETE", f"/images/{image_id}").status_code == 200
    left = image_item(machine, ann, image_id)
    # The sweeper looks for files that came meanwhile.
    assert set(left) - {TOKEN} == {"userId", "imageId", "status", "ttl", "unfinished", "unfinishedSince"}
    for user, named in ((ann, image_id), (ann, "img_0"), (bob, image_id)):
        answer = patch(user, named, **SAID)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "IMAGE_NOT_FOUND")
    assert image_item(machine, ann, image_id) == left


def test_a_change_is_in_the_audit_trail_without_its_texts(
    machine: Machine, ann: User, robot: User, pending: str
) -> None:
    # A key that may upload may also describe.
    assert patch(robot, pending, title="Written by a robot").status_code == 200
    target = {"imageId": pending, "changed": "title"}
    [entry] = [each for each in audit_entries_of(machine, ann.id) if "keyId" in each]
    assert (entry["operation"], entry["outcome"], entry["target"]) == ("change_image", "ok", target)


def test_an_agent_can_describe_an_image(ann: User, pending: str) -> None:
    called = ann.post("/agent/change_image", data={"imageId": pending, "title": "By an agent", "tags": None})
    assert called.status_code == 200, called.text
    assert said_of(ann.image(pending))["title"] == "By an agent"


def test_what_is_said_is_exported(machine: Machine) -> None:
    user = exporter(machine)
    image_id = user.announce(b"")["imageId"]
    assert patch(user, image_id, **SAID).status_code == 200
    [row] = json.loads(downloaded(export(user, "json", "files")["downloadUrl"]))["files"]
    assert said_of(row) == SAID


def test_a_crop_keeps_the_focal_point(ann: User) -> None:
    # Red is at the top left: the right half has none of it.
    image_id = ann.upload(pictures.encoded(pictures.corners(640, 200), "PNG"), "image/png")
    assert ann.finished(image_id)["status"] == "COMPLETED"
    asked = {"fileId": image_id, "processingType": "resize"}
    options = {"width": 100, "height": 100, "fit": "cover", "format": "png"}

    def top_left() -> Any:
        made = ann.post("/actions/process", **asked, options=options).json()
        return download_picture(made["resultUrl"]).convert("RGB").getpixel((20, 20))

    assert top_left() == pictures.RED
    assert patch(ann, image_id, focalPoint={"x": 0.9, "y": 0.5}).status_code == 200
    assert top_left() != pictures.RED
