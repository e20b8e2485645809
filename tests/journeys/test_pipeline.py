"""The pipeline from S3's event to the last step: repeated and odd events, killed workers, dead letters."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from local.machine import Machine
from tests import pictures
from tests.breadth import mostly_slow
from tests.journeys.image_state import count_runs, image_item, output_keys, queue_depth, upload_event
from tests.journeys.user import User
from tests.waiting import wait_for


def test_an_s3_event_delivered_five_more_times_changes_nothing(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(pictures.jpeg(320, 240))
    user.finished(image_id)
    before = image_item(machine, user, image_id)
    event = upload_event(machine, user, image_id)
    with ThreadPoolExecutor(5) as pool:
        for _, errored in pool.map(lambda _: machine.invoke("s3_event", event), range(5)):
            assert not errored
    another = upload_event(machine, user, image_id, version="another-version")
    assert not machine.invoke("s3_event", another)[1]
    wait_for(lambda: queue_depth(machine, "uploads") == 0, "the queue to be empty")
    assert image_item(machine, user, image_id) == before
    assert len(output_keys(machine, user, image_id)) == 6
    for operation in ("validation", "resize", "watermark"):
        assert count_runs(machine, user, operation) == 1


def test_the_same_message_delivered_many_times_starts_one_execution(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.announce(b"")["imageId"]
    found = image_item(machine, user, image_id)
    # The trigger ignores this key, so only the messages below report the object.
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
    wait_for(lambda: queue_depth(machine, "uploads") == 0, "the queue to be empty")
    assert len(output_keys(machine, user, image_id)) == 6
    assert count_runs(machine, user, "resize") == 1


def test_an_object_uploaded_without_an_announcement_is_imported(machine: Machine, ann: User) -> None:
    key = f"uploads/{ann.id}/bulk_1.png"
    machine.client("s3").put_object(
        Bucket=machine.environment["S3_INPUT_BUCKET"], Key=key, Body=pictures.alpha_png(), ContentType="image/png"
    )
    wait_for(lambda: ann.get("/images/bulk_1").status_code == 200, "the row")
    image = ann.finished("bulk_1")
    assert (image["status"], image["fileName"]) == ("COMPLETED", "bulk_1.png")


@pytest.mark.parametrize("key", ["uploads/odd", "uploads/u/i.jpg/more", "uploads/u/.jpg", "uploads/u v/i+j.jpg"])
def test_an_object_whose_key_is_no_upload_is_ignored(machine: Machine, key: str) -> None:
    bucket = {"name": machine.environment["S3_INPUT_BUCKET"]}
    event = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": bucket, "object": {"key": key, "size": 1}}}]}
    assert not machine.invoke("s3_event", event)[1]


def test_the_s3_test_event_is_accepted(machine: Machine) -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": machine.environment["S3_INPUT_BUCKET"]}
    assert not machine.invoke("s3_event", event)[1]


def test_the_steps_accept_events_with_the_required_fields_only(ann: User, machine: Machine) -> None:
    image_id = ann.upload(pictures.jpeg(900, 600))
    ann.finished(image_id)
    image = {"imageId": image_id, "userId": ann.id, "s3Key": f"uploads/{ann.id}/{image_id}.jpg"}
    file = {"fileName": "photo.jpg", "fileSize": 2048, "fileType": "image/jpeg"}
    valid, errored = machine.invoke("validation", {**image, **file})
    assert (valid["validationResult"], errored) == ("valid", False)
    read = {"width": 900, "height": 600, "format": "JPEG"}
    resized, errored = machine.invoke("resize", {**image, "validationResult": "valid", "imageMetadata": read})
    assert not errored
    resized_images = [
        {name: each[name] for name in ("size", "dimensions", "s3Key", "fileSize")} for each in resized["resizedImages"]
    ]
    assert len(resized_images) == 3
    marked, errored = machine.invoke(
        "watermark", {"imageId": image_id, "userId": ann.id, "resizedImages": resized_images}
    )
    assert not errored
    assert [each["s3Key"] for each in marked["watermarkedImages"]] == [
        each["s3Key"].replace(".jpg", "-watermarked.jpg") for each in resized_images
    ]
    assert {each["M"]["format"]["S"] for each in marked["record"]["variants"]["L"]} == {"jpeg"}


@pytest.mark.parametrize("name", mostly_slow(["resize", "orchestrator", "validation", "watermark"]))
def test_images_are_completed_although_a_worker_is_killed(machine: Machine, name: str) -> None:
    user = User.new(machine.api_url)
    big = pictures.jpeg(4000, 3000)
    victims = set(machine.workers(name))
    image_ids = [user.upload(big) for _ in range(2)]
    wait_for(
        lambda: count_runs(machine, user, "validation") or name in ("orchestrator", "validation"), "the work to begin"
    )
    for victim in victims:
        os.kill(victim, signal.SIGKILL)

    def completed() -> bool:
        # Hidden messages become visible after six minutes on the machine's clock.
        machine.clock.advance(20)
        return all(user.image(image_id)["status"] == "COMPLETED" for image_id in image_ids)

    wait_for(completed, "both images to be COMPLETED", within=60)
    for image_id in image_ids:
        assert len(set(output_keys(machine, user, image_id))) == 6


def test_an_image_whose_last_try_fails_by_our_fault_becomes_a_dead_letter_that_can_be_redriven(
    machine: Machine,
) -> None:
    user = User.new(machine.api_url)
    image_id = user.announce(b"")["imageId"]
    rows = {
        "TableName": machine.environment["IMAGES_TABLE"],
        "Key": {"userId": {"S": user.id}, "imageId": {"S": image_id}},
    }
    # The row names an object that does not exist, so no retry succeeds.
    machine.client("dynamodb").update_item(
        **rows,
        UpdateExpression="SET #s = :uploaded, objectVersion = :version",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":uploaded": {"S": "UPLOADED"}, ":version": {"S": "gone"}},
    )
    sqs, queue = machine.client("sqs"), machine.environment["SQS_QUEUE_URL"]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"imageId": image_id, "userId": user.id, "retries": 4}))
    failed = user.finished(image_id, within=60)
    assert (failed["status"], failed["reason"]["code"]) == ("FAILED", "processing_failed")
    assert count_runs(machine, user, "validation") == 4, "one run and three retries"

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

    key = image_item(machine, user, image_id)["s3Key"]["S"]
    bucket = machine.environment["S3_INPUT_BUCKET"]
    # The event of this upload finds the row FAILED and ignores it.
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
    assert image_item(machine, user, image_id)["execution"]["S"] == f"{image_id}-2"
    assert count_runs(machine, user, "resize") == 1


def test_an_invalid_message_becomes_a_dead_letter_and_does_not_block_the_queue(machine: Machine, ann: User) -> None:
    sqs, queue = machine.client("sqs"), machine.environment["SQS_QUEUE_URL"]
    letters = queue_depth(machine, "uploads-dead")
    sqs.send_message(QueueUrl=queue, MessageBody="{not json")
    assert ann.finished(ann.upload(pictures.jpeg(320, 240)), within=60)["status"] == "COMPLETED"

    def moved() -> bool:
        machine.clock.advance(361)
        return queue_depth(machine, "uploads-dead") > letters

    wait_for(moved, "the junk to be set aside")


def ended_of(user: User, image_ids: set[str]) -> dict[str, str]:
    """The statuses of those images that are finished."""
    statuses = {image_id: user.image(image_id)["status"] for image_id in image_ids}
    return {image_id: status for image_id, status in statuses.items() if status in ("COMPLETED", "FAILED")}


@pytest.mark.parametrize(
    ("number", "width", "height"),
    [
        (16, 640, 480),
        pytest.param(200, 640, 480, marks=pytest.mark.slow),
        pytest.param(60, 4000, 3000, marks=pytest.mark.slow),
    ],
    ids=["16 small", "200 small", "60 of 12 megapixels"],
)
def test_many_photos_at_once_are_each_completed_once(machine: Machine, number: int, width: int, height: int) -> None:
    user = User.new(machine.api_url)
    data = pictures.jpeg(width, height)
    with ThreadPoolExecutor(16) as pool:
        image_ids = list(pool.map(lambda _: user.upload(data), range(number)))

    # All executions run at once, and end in any order: how long the first one takes depends on all others.
    waiting = set(image_ids)
    while waiting:
        ended = wait_for(partial(ended_of, user, waiting), "another photo to be finished", within=120, every=2)
        assert set(ended.values()) == {"COMPLETED"}
        waiting -= set(ended)
    keys = [key for key in output_keys(machine, user) if any(image_id in key for image_id in image_ids)]
    assert len(keys) == len(set(keys)) == number * 6
    every = ("validation", "resize", "watermark")
    wait_for(lambda: all(count_runs(machine, user, step) == number for step in every), "one run a step and photo")
    assert all(count_runs(machine, user, step) == number for step in every)
