"""Deleting an image, and what is not kept: files of deleted images, second uploads and failed steps."""

from typing import Any

import pytest
import requests

from chalicelib.core import clients
from local.machine import Machine
from tests import pictures
from tests.journeys.gateway import call
from tests.journeys.image_state import executions_of, image_item, output_keys
from tests.journeys.user import User
from tests.waiting import wait_for


def test_deleting_removes_every_version_of_every_file(machine: Machine, ann: User) -> None:
    image_id = ann.upload(pictures.jpeg(320, 240))
    links = [variant["url"] for variant in ann.finished(image_id)["variants"]]
    assert len(links) == 6
    assert ann.request("DELETE", f"/images/{image_id}").status_code == 200
    assert ann.get(f"/images/{image_id}").status_code == 404
    assert ann.request("DELETE", f"/images/{image_id}").status_code == 404
    assert all(requests.get(link, timeout=30).status_code == 404 for link in links)
    assert output_keys(machine, ann, image_id) == []
    assert image_id not in ann.get("/images").text
    # A late event does not restore it.
    bucket = {"name": machine.environment["S3_INPUT_BUCKET"]}
    described = {"key": f"uploads/{ann.id}/{image_id}.jpg", "size": 5, "versionId": "late"}
    event = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": bucket, "object": described}}]}
    assert not machine.invoke("s3_event", event)[1]
    assert ann.get(f"/images/{image_id}").status_code == 404


@pytest.mark.usefixtures("function")
@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("AccessDenied", 500)])
def test_a_deletion_that_leaves_files_is_answered_with_an_error(ann: User, code: str, status: int) -> None:
    image_id = ann.upload(pictures.jpeg(320, 240))
    ann.finished(image_id)

    def refuse(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Errors"] = [{"Key": "a", "Code": code, "Message": "No."}]

    clients.client("s3").meta.events.register("after-call.s3.DeleteObjects", refuse)
    assert call("DELETE /images/{imageId}", ann.headers, imageId=image_id).status == status


def test_deleting_an_image_leaves_an_image_whose_id_starts_the_same(machine: Machine) -> None:
    user = User.new(machine.api_url)
    for name in ("cat", "cat_2", "cat-3"):
        key = f"uploads/{user.id}/{name}.jpg"
        machine.client("s3").put_object(
            Bucket=machine.environment["S3_INPUT_BUCKET"], Key=key, Body=pictures.jpeg(320, 240)
        )
    wait_for(lambda: len(user.get("/images", status="COMPLETED").json()["items"]) == 2, "both to be COMPLETED")
    assert user.get("/images/cat-3").status_code == 400, "no id has a hyphen"
    assert user.request("DELETE", "/images/cat").status_code == 200
    left = user.image("cat_2")["variants"]
    assert [requests.get(each["url"], timeout=30).status_code for each in left] == [200] * 6


def test_a_second_upload_with_the_same_link_changes_nothing_and_is_removed(machine: Machine) -> None:
    user = User.new(machine.api_url)
    announced, first = user.announce(b""), pictures.jpeg(320, 240)

    def put(data: bytes) -> None:
        assert requests.put(announced["uploadUrl"], data=data, headers=announced["headers"], timeout=30).ok

    def versions() -> int:
        found = machine.client("s3").list_object_versions(
            Bucket=machine.environment["S3_INPUT_BUCKET"], Prefix=announced["fileKey"]
        )
        return len(found.get("Versions", ())) + len(found.get("DeleteMarkers", ()))

    put(first)
    before = user.finished(announced["imageId"])
    put(pictures.jpeg(640, 480))
    wait_for(lambda: versions() == 1, "the second object to go")
    assert user.image(announced["imageId"])["metadata"] == before["metadata"]
    assert user.post(f"/images/{announced['imageId']}/reprocess").status_code == 200
    assert user.finished(announced["imageId"])["status"] == "COMPLETED"
    assert user.request("DELETE", f"/images/{announced['imageId']}").status_code == 200
    put(first)
    wait_for(lambda: versions() == 0, "the object behind the deletion to go")


def test_files_are_kept_when_the_answer_to_a_completion_was_lost(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(pictures.jpeg(4000, 3000))
    wait_for(lambda: "startedAt" in image_item(machine, user, image_id), "the execution to begin", every=0.005)
    machine.client("dynamodb").update_item(
        TableName=machine.environment["IMAGES_TABLE"],
        Key={"userId": {"S": user.id}, "imageId": {"S": image_id}},
        UpdateExpression="SET #s = :completed REMOVE startedAt",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":completed": {"S": "COMPLETED"}},
    )
    image = wait_for(lambda: (shown := user.image(image_id))["variants"] and shown, "the variants")
    assert all(requests.get(variant["url"], timeout=30).status_code == 200 for variant in image["variants"])


def test_an_image_deleted_during_processing_leaves_no_files(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(pictures.jpeg(4000, 3000))
    # The image is claimed a moment before its execution exists.
    wait_for(lambda: executions_of(image_id), "the work to begin", every=0.005)
    assert user.request("DELETE", f"/images/{image_id}").status_code == 200
    wait_for(lambda: executions_of(image_id) == [], "the execution's end")
    assert output_keys(machine, user, image_id) == []
    assert user.get(f"/images/{image_id}").status_code == 404


def test_a_step_that_fails_leaves_none_of_its_files(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(pictures.jpeg(640, 480))
    user.finished(image_id)
    variants = clients.unmarshal(image_item(machine, user, image_id))["variants"]
    plain = sorted((each for each in variants if not each["watermarked"]), key=lambda each: int(each["fileSize"]))
    machine.client("s3").put_object(
        Bucket=machine.environment["S3_OUTPUT_BUCKET"], Key=plain[-1]["s3Key"], Body=b"no picture"
    )
    step = {
        "execution": "img_again-1",
        "userId": user.id,
        "imageId": "img_again",
        "resizedImages": [{**each, "fileSize": int(each["fileSize"])} for each in plain],
        "written": [],
    }
    answer, errored = machine.invoke("watermark", step)
    assert errored, answer
    assert answer["errorType"] == "ImageRejectedError"
    assert output_keys(machine, user, "img_again") == []
