"""A picture's journey, from its bytes in S3 to its variants."""

import contextlib
import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from PIL import Image

from chalicelib import images, webhooks
from chalicelib.core import aws, records
from infra import delivery
from local.machine import Machine
from tests import pictures
from tests.journeys.gateway import call, calls_made
from tests.journeys.receiver import Receiver
from tests.journeys.user import User
from tests.waiting import wait_for

NAMES = {f"{size}{mark}" for size in ("small", "medium", "large") for mark in ("", "-watermarked")}
BOXES = {"small": (800, 600), "medium": (1200, 900), "large": (1920, 1080)}


def opened(url: str) -> Image.Image:
    answer = requests.get(url, timeout=30)
    assert answer.status_code == 200
    picture = Image.open(io.BytesIO(answer.content))
    picture.load()
    return picture


def outputs(machine: Machine, user: User, image_id: str = "") -> list[str]:
    """Every version of every output of a user, or of one of their images: all pages, so that none is overlooked."""
    pages = machine.client("s3").get_paginator("list_object_versions")
    prefix = f"processed/{user.id}/{image_id and image_id + '-'}"
    found = pages.paginate(Bucket=machine.environment["S3_OUTPUT_BUCKET"], Prefix=prefix)
    return [each["Key"] for page in found for each in page.get("Versions", ())]


def row(machine: Machine, user: User, image_id: str) -> dict[str, Any]:
    item: dict[str, Any] = machine.client("dynamodb").get_item(
        TableName=machine.environment["IMAGES_TABLE"],
        Key={"userId": {"S": user.id}, "imageId": {"S": image_id}},
        ConsistentRead=True,
    )["Item"]
    return item


def depth(machine: Machine, queue: str) -> int:
    sqs = machine.client("sqs")
    url = sqs.get_queue_url(QueueName=f"darkroom-local-{queue}")["QueueUrl"]
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(counted["ApproximateNumberOfMessages"]) + int(counted["ApproximateNumberOfMessagesNotVisible"])


def runs(machine: Machine, user: User, operation: str) -> int:
    """How many usage records an operation has left for a user."""
    pages = (
        machine.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=machine.environment["USAGE_METRICS_DYNAMO_TABLE"],
            KeyConditionExpression="account = :user",
            FilterExpression="operation = :operation",
            ExpressionAttributeValues={":user": {"S": user.id}, ":operation": {"S": operation}},
        )
    )
    return sum(int(page["Count"]) for page in pages)


def test_a_photo_becomes_three_sizes_plain_and_marked(ann: User) -> None:
    image = ann.finished(ann.upload(pictures.jpeg(2400, 1600)))
    assert image["status"] == "COMPLETED"
    assert image["reason"] is None
    assert image["metadata"] == {"width": 2400, "height": 1600, "format": "JPEG", "colorSpace": "sRGB"}
    assert image["placeholder"].startswith("data:image/jpeg;base64,")
    assert image["createdAt"] <= image["uploadedAt"] <= image["processedAt"]
    assert {variant["name"] for variant in image["variants"]} == NAMES
    for variant in image["variants"]:
        picture = opened(variant["url"])
        assert picture.format == "JPEG"
        assert picture.info["progressive"] == 1
        assert variant["dimensions"] == f"{picture.width}x{picture.height}"
        width, height = BOXES[variant["size"]]
        assert picture.width == width or picture.height == height
        assert picture.width <= width
        assert picture.height <= height
        assert abs(picture.width / picture.height - 1.5) < 0.01
        assert variant["watermarked"] is variant["name"].endswith("-watermarked")


def test_the_mark_stands_at_the_bottom_right(ann: User) -> None:
    image = ann.finished(ann.upload(pictures.jpeg(1600, 1200)))
    found = {variant["name"]: opened(variant["url"]).convert("RGB") for variant in image["variants"]}
    plain, marked = found["medium"], found["medium-watermarked"]
    width, height = plain.size

    def difference(box: tuple[int, int, int, int]) -> int:
        pairs = zip(plain.crop(box).tobytes(), marked.crop(box).tobytes(), strict=True)
        return max(abs(a - b) for a, b in pairs)

    assert difference((0, 0, width, height // 2)) < 24
    assert difference((width // 2, height * 3 // 4, width, height)) > 40


@pytest.mark.parametrize(
    ("make", "media_type"),
    [
        (lambda: pictures.jpeg(progressive=True), "image/jpeg"),
        (pictures.cmyk_jpeg, "image/jpeg"),
        (pictures.gray_jpeg, "image/jpeg"),
        *[(lambda orientation=each: pictures.oriented_jpeg(orientation), "image/jpeg") for each in range(1, 9)],
        (pictures.palette_png, "image/png"),
        (pictures.alpha_png, "image/png"),
        (pictures.gray16_png, "image/png"),
        (pictures.interlaced_png, "image/png"),
        (lambda: pictures.gif(frames=5), "image/gif"),
        (pictures.webp, "image/webp"),
        (pictures.alpha_webp, "image/webp"),
        (lambda: pictures.jpeg()[:-2], "image/jpeg"),
        (pictures.two_jpegs, "image/mpo"),
        (lambda: pictures.many_frames_gif(600), "image/gif"),
    ],
    ids=[
        "progressive",
        "CMYK",
        "grey",
        *[f"orientation {each}" for each in range(1, 9)],
        "palette",
        "alpha",
        "16 bit",
        "interlaced",
        "animated",
        "WebP",
        "WebP alpha",
        "no end marker",
        "two pictures",
        "600 frames",
    ],
)
def test_every_kind_of_picture_comes_through(ann: User, make: Callable[[], bytes], media_type: str) -> None:
    image = ann.finished(ann.upload(make(), media_type))
    assert image["status"] == "COMPLETED", image["reason"]
    for variant in image["variants"]:
        picture = opened(variant["url"])
        assert picture.mode in ("RGB", "L")
        assert variant["dimensions"] == f"{image['metadata']['width']}x{image['metadata']['height']}"
        assert not picture.getexif()
        assert "icc_profile" not in picture.info


def test_a_picture_under_the_name_of_another_type_is_taken_as_what_it_is(ann: User) -> None:
    image = ann.finished(ann.upload(pictures.alpha_png(), "image/jpeg"))
    assert (image["status"], image["metadata"]["format"]) == ("COMPLETED", "PNG")
    assert image["fileType"] == "image/jpeg"
    for asked in ({"processingType": "convert", "options": {"format": "png"}}, {"processingType": "analyze"}):
        told = ann.post("/actions/process", fileId=image["imageId"], **asked).json()
        assert told["status"] == "COMPLETED", told
        assert ann.get(f"/actions/{told['jobId']}").json()["action"]["result"]["format"] == "png"


@pytest.mark.parametrize(
    ("make", "media_type", "code"),
    [
        (lambda: b"", "image/jpeg", "empty"),
        (lambda: b"This is no picture at all.\n" * 40, "image/jpeg", "not_an_image"),
        (lambda: pictures.jpeg()[:-4_000], "image/jpeg", "truncated"),
        (lambda: pictures.encoded(pictures.corners(), "BMP"), "image/jpeg", "type_mismatch"),
        (lambda: pictures.jpeg() + b"\0" * 10_485_760, "image/jpeg", "too_large"),
        (lambda: pictures.empty_png(8_192, 6_145), "image/png", "too_many_pixels"),
        (pictures.png_bomb, "image/png", "too_many_pixels"),
        (pictures.many_scans_jpeg, "image/jpeg", "too_complex"),
    ],
    ids=["zero bytes", "text", "truncated", "another type", "over 10 MB", "over 50 MP", "bomb", "scans"],
)
def test_a_bad_file_fails_once_with_a_reason_its_owner_can_read(
    machine: Machine, ann: User, make: Callable[[], bytes], media_type: str, code: str
) -> None:
    workers, validated = machine.workers("validation"), runs(machine, ann, "validation")
    letters = depth(machine, "uploads-dead")
    image = ann.finished(ann.upload(make(), media_type))
    assert image["status"] == "FAILED"
    assert image["reason"]["code"] == code
    assert image["reason"]["message"].endswith(".")
    assert image["variants"] == []
    assert outputs(machine, ann, image["imageId"]) == []
    # What is too large is refused before anything reads it.
    once = 0 if code == "too_large" else 1
    assert runs(machine, ann, "validation") == validated + once, "it was not tried again"
    left = machine.client("s3").list_object_versions(
        Bucket=machine.environment["S3_INPUT_BUCKET"], Prefix=f"uploads/{ann.id}/{image['imageId']}."
    )
    assert len(left.get("Versions", ())) == once, "what is too large is gone"
    if code == "too_large":
        again = ann.post(f"/images/{image['imageId']}/reprocess")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ORIGINAL_GONE")
    assert depth(machine, "uploads-dead") == letters
    assert machine.workers("validation") == workers, "the worker lives"


def event_for(machine: Machine, user: User, image_id: str, version: str | None = None) -> dict[str, Any]:
    """The S3 event of an image's upload, as S3 would send it again."""
    found = row(machine, user, image_id)
    described = {
        "key": found["s3Key"]["S"],
        "size": int(found["fileSize"]["N"]),
        "versionId": version or found["objectVersion"]["S"],
    }
    bucket = {"name": machine.environment["S3_INPUT_BUCKET"]}
    return {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": bucket, "object": described}}]}


def test_the_same_event_five_times_changes_nothing(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(pictures.jpeg(320, 240))
    user.finished(image_id)
    before = row(machine, user, image_id)
    event = event_for(machine, user, image_id)
    with ThreadPoolExecutor(5) as pool:
        for _, errored in pool.map(lambda _: machine.invoke("s3_event", event), range(5)):
            assert not errored
    another = event_for(machine, user, image_id, version="another-version")
    assert not machine.invoke("s3_event", another)[1]
    wait_for(lambda: depth(machine, "uploads") == 0, "the queue to be empty")
    assert row(machine, user, image_id) == before
    assert len(outputs(machine, user, image_id)) == 6
    for operation in ("validation", "resize", "watermark"):
        assert runs(machine, user, operation) == 1


def test_the_same_message_many_times_at_once_starts_one_execution(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.announce(b"")["imageId"]
    found = row(machine, user, image_id)
    # The trigger leaves alone what is named so: these messages alone tell of the bytes.
    bucket, key = machine.environment["S3_INPUT_BUCKET"], "uploads/aside.jpg"
    version = machine.client("s3").put_object(Bucket=bucket, Key=key, Body=pictures.jpeg(320, 240))["VersionId"]
    machine.client("dynamodb").update_item(
        TableName=machine.environment["IMAGES_TABLE"],
        Key={"userId": {"S": user.id}, "imageId": {"S": image_id}},
        UpdateExpression="SET #s = :uploaded, s3Key = :key, objectVersion = :version, fileSize = :size",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={
            ":uploaded": {"S": "UPLOADED"},
            ":key": {"S": key},
            ":version": {"S": version},
            ":size": {"N": "1"},
        },
    )
    message = {"imageId": image_id, "userId": user.id, "s3Key": found["s3Key"]["S"]}
    queue = machine.environment["SQS_QUEUE_URL"]
    entries = [{"Id": str(i), "MessageBody": json.dumps(message)} for i in range(10)]
    machine.client("sqs").send_message_batch(QueueUrl=queue, Entries=entries)
    machine.client("sqs").send_message_batch(QueueUrl=queue, Entries=entries)
    assert user.finished(image_id)["status"] == "COMPLETED"
    wait_for(lambda: depth(machine, "uploads") == 0, "the queue to be empty")
    assert len(outputs(machine, user, image_id)) == 6
    assert runs(machine, user, "resize") == 1


def test_an_object_that_nobody_announced_is_imported(machine: Machine, ann: User) -> None:
    key = f"uploads/{ann.id}/bulk_1.png"
    machine.client("s3").put_object(
        Bucket=machine.environment["S3_INPUT_BUCKET"], Key=key, Body=pictures.alpha_png(), ContentType="image/png"
    )
    wait_for(lambda: ann.get("/images/bulk_1").status_code == 200, "the row")
    image = ann.finished("bulk_1")
    assert (image["status"], image["fileName"]) == ("COMPLETED", "bulk_1.png")


@pytest.mark.parametrize("key", ["uploads/odd", "uploads/u/i.jpg/more", "uploads/u/.jpg", "uploads/u v/i+j.jpg"])
def test_an_object_that_is_no_upload_is_left_alone(machine: Machine, key: str) -> None:
    bucket = {"name": machine.environment["S3_INPUT_BUCKET"]}
    event = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": bucket, "object": {"key": key, "size": 1}}}]}
    assert not machine.invoke("s3_event", event)[1]


def test_the_event_that_s3_sends_when_a_trigger_is_made_is_no_failure(machine: Machine) -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": machine.environment["S3_INPUT_BUCKET"]}
    assert not machine.invoke("s3_event", event)[1]


def test_the_steps_take_events_that_name_no_more_than_the_image(ann: User, machine: Machine) -> None:
    image_id = ann.upload(pictures.jpeg(900, 600))
    ann.finished(image_id)
    image = {"imageId": image_id, "userId": ann.id, "s3Key": f"uploads/{ann.id}/{image_id}.jpg"}
    file = {"fileName": "photo.jpg", "fileSize": 2048, "fileType": "image/jpeg"}
    valid, errored = machine.invoke("validation", {**image, **file})
    assert (valid["validationResult"], errored) == ("valid", False)
    read = {"width": 900, "height": 600, "format": "JPEG"}
    resized, errored = machine.invoke("resize", {**image, "validationResult": "valid", "imageMetadata": read})
    assert not errored
    told = [
        {name: each[name] for name in ("size", "dimensions", "s3Key", "fileSize")} for each in resized["resizedImages"]
    ]
    assert len(told) == 3
    marked, errored = machine.invoke("watermark", {"imageId": image_id, "userId": ann.id, "resizedImages": told})
    assert not errored
    assert [each["s3Key"] for each in marked["watermarkedImages"]] == [
        each["s3Key"].replace(".jpg", "-watermarked.jpg") for each in told
    ]
    assert {each["M"]["format"]["S"] for each in marked["record"]["variants"]["L"]} == {"jpeg"}


@pytest.mark.parametrize("name", ["orchestrator", "validation", "resize", "watermark"])
def test_a_worker_killed_in_mid_image_costs_no_image(machine: Machine, name: str) -> None:
    user = User.new(machine.api_url)
    big = pictures.jpeg(4000, 3000)
    victims = set(machine.workers(name))
    image_ids = [user.upload(big) for _ in range(2)]
    wait_for(lambda: runs(machine, user, "validation") or name in ("orchestrator", "validation"), "the work to begin")
    for victim in victims:
        os.kill(victim, signal.SIGKILL)

    def completed() -> bool:
        # Hidden messages come back after six minutes: the clock is ours.
        machine.clock.advance(20)
        return all(user.image(image_id)["status"] == "COMPLETED" for image_id in image_ids)

    wait_for(completed, "both images to be COMPLETED", within=60)
    for image_id in image_ids:
        assert len(set(outputs(machine, user, image_id))) == 6


def test_a_finished_image_is_processed_again_on_request(machine: Machine, ann: User) -> None:
    image_id = ann.upload(pictures.jpeg(320, 240))
    first = ann.finished(image_id)
    again = ann.post(f"/images/{image_id}/reprocess")
    assert again.status_code == 200
    assert again.json()["image"]["status"] == "PROCESSING"
    second = ann.finished(image_id)
    assert second["status"] == "COMPLETED"
    assert second["processedAt"] > first["processedAt"]
    assert row(machine, ann, image_id)["execution"]["S"] == f"{image_id}-2"


def test_only_a_finished_image_is_processed_again(ann: User) -> None:
    pending = ann.announce(b"")["imageId"]
    refused = ann.post(f"/images/{pending}/reprocess")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "IMAGE_NOT_FINISHED")


def test_deleting_removes_every_version_of_every_file(machine: Machine, ann: User) -> None:
    image_id = ann.upload(pictures.jpeg(320, 240))
    links = [variant["url"] for variant in ann.finished(image_id)["variants"]]
    assert len(links) == 6
    assert ann.request("DELETE", f"/images/{image_id}").status_code == 200
    assert ann.get(f"/images/{image_id}").status_code == 404
    assert ann.request("DELETE", f"/images/{image_id}").status_code == 404
    assert all(requests.get(link, timeout=30).status_code == 404 for link in links)
    assert outputs(machine, ann, image_id) == []
    assert image_id not in ann.get("/images").text
    # A late event does not bring it back.
    bucket = {"name": machine.environment["S3_INPUT_BUCKET"]}
    described = {"key": f"uploads/{ann.id}/{image_id}.jpg", "size": 5, "versionId": "late"}
    event = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": bucket, "object": described}}]}
    assert not machine.invoke("s3_event", event)[1]
    assert ann.get(f"/images/{image_id}").status_code == 404


@pytest.mark.usefixtures("function")
@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("AccessDenied", 500)])
def test_files_that_stay_are_not_called_deleted(ann: User, code: str, status: int) -> None:
    image_id = ann.upload(pictures.jpeg(320, 240))
    ann.finished(image_id)

    def refuse(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Errors"] = [{"Key": "a", "Code": code, "Message": "No."}]

    aws.client("s3").meta.events.register("after-call.s3.DeleteObjects", refuse)
    assert call("DELETE /images/{imageId}", ann.headers, imageId=image_id).status == status


@pytest.mark.usefixtures("function")
def test_a_list_of_what_few_are_looks_at_many_at_once(ann: User) -> None:
    user = User.new(ann.url)
    for number in range(300):
        image_id, done = f"img_{number:026}", images.Status.COMPLETED
        image = images.Image(user.id, image_id, "a.jpg", "image/jpeg", "k", done, records.now())
        images.IMAGES.put(image.to_item())
    made = calls_made()
    answer = call("GET /images", user.headers, query={"status": "FAILED", "limit": "1"})
    assert answer.body["items"] == []
    assert made.count("Query") <= 5
    page = call("GET /images", user.headers, query={"status": "COMPLETED", "limit": "7"}).body
    assert [each["imageId"] for each in page["items"]] == [f"img_{number:026}" for number in range(299, 292, -1)]


def test_deleting_an_image_leaves_one_whose_name_begins_alike(machine: Machine) -> None:
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


def test_a_link_used_again_changes_nothing_and_leaves_nothing(machine: Machine) -> None:
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


def test_a_completion_whose_answer_was_lost_discards_nothing(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(pictures.jpeg(4000, 3000))
    wait_for(lambda: "startedAt" in row(machine, user, image_id), "the execution to begin", every=0.005)
    machine.client("dynamodb").update_item(
        TableName=machine.environment["IMAGES_TABLE"],
        Key={"userId": {"S": user.id}, "imageId": {"S": image_id}},
        UpdateExpression="SET #s = :completed REMOVE startedAt",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":completed": {"S": "COMPLETED"}},
    )
    image = wait_for(lambda: (shown := user.image(image_id))["variants"] and shown, "the variants")
    assert all(requests.get(variant["url"], timeout=30).status_code == 200 for variant in image["variants"])


def test_an_image_deleted_while_it_is_processed_leaves_no_files(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(pictures.jpeg(4000, 3000))
    wait_for(lambda: user.image(image_id)["status"] == "PROCESSING", "the work to begin")
    assert user.request("DELETE", f"/images/{image_id}").status_code == 200
    execution = f"{machine.environment['STEP_FUNCTIONS_ARN'].replace(':stateMachine:', ':execution:')}:{image_id}-1"
    stepfunctions = machine.client("stepfunctions")

    def ended() -> bool:
        # The image is claimed a moment before its execution is there to be described.
        with contextlib.suppress(stepfunctions.exceptions.ExecutionDoesNotExist):
            return bool(stepfunctions.describe_execution(executionArn=execution)["status"] != "RUNNING")
        return False

    wait_for(ended, "the execution's end")
    assert outputs(machine, user, image_id) == []
    assert user.get(f"/images/{image_id}").status_code == 404


def test_a_step_that_breaks_off_leaves_none_of_its_files(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(pictures.jpeg(640, 480))
    user.finished(image_id)
    variants = aws.unmarshal(row(machine, user, image_id))["variants"]
    plain = sorted((each for each in variants if not each["watermarked"]), key=lambda each: int(each["fileSize"]))
    machine.client("s3").put_object(
        Bucket=machine.environment["S3_OUTPUT_BUCKET"], Key=plain[-1]["s3Key"], Body=b"no picture"
    )
    step = {
        "execution": "broken",
        "userId": user.id,
        "imageId": "img_again",
        "resizedImages": [{**each, "fileSize": int(each["fileSize"])} for each in plain],
        "written": [],
    }
    answer, errored = machine.invoke("watermark", step)
    assert errored, answer
    assert answer["errorType"] == "ImageRejectedError"
    assert outputs(machine, user, "img_again") == []


def test_a_fault_of_ours_is_told_rests_as_a_dead_letter_and_can_be_sent_on(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.announce(b"")["imageId"]
    rows = {
        "TableName": machine.environment["IMAGES_TABLE"],
        "Key": {"userId": {"S": user.id}, "imageId": {"S": image_id}},
    }
    # The row says that the object is there; it is not: no retry helps until it is.
    machine.client("dynamodb").update_item(
        **rows,
        UpdateExpression="SET #s = :uploaded, objectVersion = :version",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":uploaded": {"S": "UPLOADED"}, ":version": {"S": "gone"}},
    )
    sqs, queue = machine.client("sqs"), machine.environment["SQS_QUEUE_URL"]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"imageId": image_id, "userId": user.id}))
    failed = user.finished(image_id, within=60)
    assert (failed["status"], failed["reason"]["code"]) == ("FAILED", "processing_failed")
    assert runs(machine, user, "validation") == 4, "once, and three times again"

    dead = sqs.get_queue_url(QueueName="darkroom-local-uploads-dead")["QueueUrl"]
    letter = wait_for(
        lambda: [
            each
            for each in sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages", ())
            if image_id in each["Body"]
        ],
        "the dead letter",
    )[0]
    body = json.loads(letter["Body"])
    assert body["retryOf"] == f"{image_id}-1"

    key = row(machine, user, image_id)["s3Key"]["S"]
    bucket = machine.environment["S3_INPUT_BUCKET"]
    # Put aside the trigger's way would be another image: the object's own event finds the row FAILED and leaves it.
    machine.client("dynamodb").update_item(**rows, UpdateExpression="REMOVE objectVersion")
    put = machine.client("s3").put_object(Bucket=bucket, Key=key, Body=pictures.jpeg(320, 240))
    machine.client("dynamodb").update_item(
        **rows,
        UpdateExpression="SET objectVersion = :version",
        ExpressionAttributeValues={":version": {"S": put["VersionId"]}},
    )
    for _ in range(3):
        sqs.send_message(QueueUrl=queue, MessageBody=letter["Body"])
    sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])
    wait_for(lambda: user.image(image_id)["status"] == "COMPLETED", "the redriven image")
    assert row(machine, user, image_id)["execution"]["S"] == f"{image_id}-2"
    assert runs(machine, user, "resize") == 1


def test_junk_in_the_queue_ends_as_a_dead_letter_and_holds_nobody_up(machine: Machine, ann: User) -> None:
    sqs, queue = machine.client("sqs"), machine.environment["SQS_QUEUE_URL"]
    letters = depth(machine, "uploads-dead")
    sqs.send_message(QueueUrl=queue, MessageBody="{not json")
    assert ann.finished(ann.upload(pictures.jpeg(320, 240)), within=60)["status"] == "COMPLETED"

    def moved() -> bool:
        machine.clock.advance(361)
        return depth(machine, "uploads-dead") > letters

    wait_for(moved, "the junk to be set aside")


def test_the_days_sums_count_each_change_once(machine: Machine) -> None:
    user = User.new(machine.api_url)
    data = pictures.jpeg(320, 240)
    user.finished(user.upload(data))
    user.finished(user.upload(b"no picture"))
    expected = {
        "images": 2,
        "bytes": len(data) + 10,
        "format:image/jpeg": 2,
        "completed": 1,
        "failed": 1,
        "failed:not_an_image": 1,
    }

    def sums() -> dict[str, int]:
        counted: dict[str, int] = user.get("/usage").json()["images"]
        return counted

    wait_for(lambda: sums() == expected, "the day's sums")
    change = {
        "eventID": "twice",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "OldImage": {"status": {"S": "PROCESSING"}},
            "NewImage": {
                "userId": {"S": user.id},
                "status": {"S": "COMPLETED"},
                "processedAt": {
                    "S": row(machine, user, user.get("/images").json()["items"][0]["imageId"])["processedAt"]["S"]
                },
            },
        },
    }
    for _ in range(3):
        assert not machine.invoke("image_changes", {"Records": [change]})[1]
    assert sums() == {**expected, "completed": 2}


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_user_who_asked_is_told_by_a_signed_webhook(machine: Machine, hook: Receiver) -> None:
    user = User.new(machine.api_url)
    preferences = {"webhook": {"url": hook.url}}
    secret = user.request("PATCH", "/auth/profile", json={"preferences": preferences}).json()["profile"][
        "webhookSecret"
    ]
    image_id = user.upload(pictures.jpeg(320, 240), name="told.jpg")
    delivered = wait_for(lambda: hook.received, "the webhook")[0]
    assert delivered.json() == {
        "imageId": image_id,
        "fileName": "told.jpg",
        "status": "COMPLETED",
        "execution": f"{image_id}-1",
    }
    assert delivered.signed_with(secret)
    assert not delivered.signed_with("another secret")
    assert delivered.headers["User-Agent"].startswith("Darkroom/")


def test_a_webhook_that_is_out_is_tried_again(machine: Machine, hook: Receiver) -> None:
    user = User.new(machine.api_url)
    user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": {"url": hook.url}}})
    hook.answers = [503, 503]
    user.upload(b"no picture")

    def taken() -> bool:
        machine.clock.advance(61)
        return len(hook.received) >= 3

    wait_for(taken, "the third delivery")
    assert hook.received[-1].json()["reason"].startswith("not_an_image: ")


def last_error(user: User) -> Any:
    return user.get("/auth/profile").json()["profile"]["webhook"]["lastError"]


def test_a_webhook_that_takes_nothing_is_given_up_and_its_owner_sees_why(machine: Machine, hook: Receiver) -> None:
    assert 1 + delivery.ASYNC["notifications"].retries == webhooks.TRIES
    user = User.new(machine.api_url)
    user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": {"url": hook.url}}})
    assert last_error(user) is None
    dead = machine.made["NotificationsDeadLetterQueue"].ref
    waiting = machine.queue_depth(dead)

    def tell(*answers: int) -> None:
        hook.answers = list(answers)
        user.upload(b"no picture")

    def tried_again() -> Any:
        machine.clock.advance(121)
        return last_error(user)

    tell(503, 503, 503)
    told = wait_for(tried_again, "the owner to be told")
    assert {name: told[name] for name in ("message", "status")} == {"message": "It answered 503.", "status": 503}
    assert told["at"] > "2026"
    assert len(hook.received) == 3
    tell()
    wait_for(lambda: last_error(user) is None, "a success to be noted")
    tell(404)
    assert wait_for(lambda: last_error(user), "a refusal to be noted")["status"] == 404
    assert len(hook.received) == 5, "what is refused for good is not sent again"
    user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": {"url": "http://127.0.0.1:9/hook"}}})
    assert last_error(user) is None, "that was another one's"
    tell()
    silent = wait_for(tried_again, "the owner to be told")
    assert (silent["message"], silent["status"]) == ("It could not be reached.", None)
    assert machine.queue_depth(dead) == waiting, "no operator has anything to do"


@pytest.mark.parametrize(
    ("number", "width", "height"),
    [
        (60, 640, 480),
        pytest.param(200, 640, 480, marks=pytest.mark.slow),
        pytest.param(200, 4000, 3000, marks=pytest.mark.slow),
    ],
    ids=["60 small", "200 small", "200 of 12 megapixels"],
)
def test_many_photos_at_once_all_complete_and_none_twice(
    machine: Machine, number: int, width: int, height: int
) -> None:
    user = User.new(machine.api_url)
    data = pictures.jpeg(width, height)
    with ThreadPoolExecutor(16) as pool:
        image_ids = list(pool.map(lambda _: user.upload(data), range(number)))

    for image_id in image_ids:
        assert user.finished(image_id, within=180, every=0.5)["status"] == "COMPLETED"
    keys = [key for key in outputs(machine, user) if any(image_id in key for image_id in image_ids)]
    assert len(keys) == len(set(keys)) == number * 6
    every = ("validation", "resize", "watermark")
    wait_for(lambda: all(runs(machine, user, step) == number for step in every), "one run a step and photo")
    assert all(runs(machine, user, step) == number for step in every)
