"""Journeys of what an upload goes through: the event, the queue, the steps, the state machine."""

import json
from typing import Any

from moto.s3.exceptions import S3ClientError

from chalicelib.core import ids
from chalicelib.images import Image, Status
from infra.pipeline_policy import PIPELINE
from tests.journeys.rights.journey import of
from tests.journeys.rights.world import PHOTO, World, as_written
from tests.waiting import wait_for

Item = dict[str, Any]
_FINISHED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


def event(key: str, version: str) -> Item:
    described = {"key": key, "size": len(PHOTO), "versionId": version}
    return {"Records": [{"eventSource": "aws:s3", "s3": {"object": described}}]}


def step(image: Image) -> Item:
    """What a step of the state machine is given first."""
    told = {"objectVersion": image.object_version, "execution": f"{image.image_id}-1"}
    return {**image.message(), **told, "apiKeyId": None, "correlationId": "c"}


# ------------------------------------------------------------------------------- s3_event


@of("s3_event")
def an_upload_is_noted_and_queued(world: World, name: str) -> None:
    uploads = world.queue("uploads")
    image = world.planted(Status.PENDING, remove=("objectVersion",))
    world.invoke(name, event(image.s3_key, str(image.object_version)))
    assert world.image(image)["status"] == Status.UPLOADED
    (message,) = world.received(uploads)
    assert json.loads(message["Body"])["imageId"] == image.image_id


@of("s3_event")
def an_object_that_nobody_announced_is_taken(world: World, name: str) -> None:
    image_id = ids.new_id("img")
    world.invoke(name, event(f"uploads/{world.user_id}/{image_id}.jpg", "v"))
    assert world.ann.image(image_id)["status"] == Status.UPLOADED


@of("s3_event")
def an_upload_that_is_too_large_is_refused_and_told(world: World, name: str) -> None:
    image = world.planted(Status.PENDING, remove=("objectVersion",))
    told = event(image.s3_key, str(image.object_version))
    told["Records"][0]["s3"]["object"]["size"] = 10**9
    with world.listening("SNS_TOPIC_ARN") as heard:
        world.invoke(name, told)
        assert [each["imageId"] for each in heard()] == [image.image_id]
    assert world.image(image)["status"] == Status.FAILED
    assert world.versions("S3_INPUT_BUCKET", image.s3_key) == []


@of("s3_event")
def an_upload_behind_a_deletion_is_removed(world: World, name: str) -> None:
    image = world.planted(Status.DELETED)
    world.invoke(name, event(image.s3_key, str(image.object_version)))
    assert world.versions("S3_INPUT_BUCKET", image.s3_key) == []


# --------------------------------------------------------------------------- orchestrator


@of("orchestrator")
def a_message_starts_an_execution(world: World, name: str) -> None:
    image = world.planted(Status.UPLOADED)
    world.invoke(name, world.delivered(world.queue("uploads"), image.message()))
    assert world.ann.finished(image.image_id)["status"] == Status.COMPLETED


@of("orchestrator")
def what_is_done_leaves_the_queue_though_another_message_failed(world: World, name: str) -> None:
    uploads = world.queue("uploads")
    nobodys = {"userId": world.user_id, "imageId": "img_nobodys"}
    world.fails(name, world.delivered(uploads, nobodys, "{not json"))
    assert sum(world.machine.queue_depth(uploads)) == 1


# ------------------------------------------------------------------------------- the steps


@of("validation")
def a_picture_is_checked(world: World, name: str) -> None:
    assert world.invoke(name, step(world.planted()))["validationResult"] == "valid"


@of("validation")
def the_current_version_is_checked_where_none_is_named(world: World, name: str) -> None:
    assert world.invoke(name, world.planted().message())["validationResult"] == "valid"


def checked(world: World, image: Image) -> Item:
    answer: Item = world.invoke("validation", step(image))
    return answer


@of("resize")
def a_picture_is_resized(world: World, name: str) -> None:
    image = world.planted()
    made = world.invoke(name, checked(world, image))["resizedImages"]
    assert len(made) == len(world.versions("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}-")) == 3


@of("resize")
def the_current_version_is_resized_where_none_is_named(world: World, name: str) -> None:
    assert len(world.invoke(name, world.planted().message())["resizedImages"]) == 3


@of("resize")
def of_sizes_that_cannot_all_be_written_none_stays(world: World, name: str) -> None:
    image = world.planted()
    given = checked(world, image)
    with as_written(f"{image.image_id}-medium", refuse):
        world.fails(name, given)
    assert world.versions("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}") == []


def refuse() -> None:
    """S3 does not take the file."""
    raise S3ClientError("InvalidRequest", "The file is not taken.")


@of("watermark")
def a_picture_is_marked(world: World, name: str) -> None:
    image = world.planted()
    made = world.invoke(name, world.invoke("resize", checked(world, image)))["watermarkedImages"]
    stored = world.versions("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}-")
    assert len(made) == len([each for each in stored if "watermarked" in each]) == 3


@of("watermark")
def of_marks_that_cannot_all_be_written_none_stays(world: World, name: str) -> None:
    image = world.planted()
    given = world.invoke("resize", checked(world, image))
    with as_written(f"{image.image_id}-medium-watermarked", refuse):
        world.fails(name, given)
    stored = world.versions("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}")
    assert [each for each in stored if "watermarked" in each] == []


# ---------------------------------------------------------------------- the state machine


def executed(world: World, image: Image) -> Item:
    """How the execution of a claimed image ended."""
    client = world.machine.client("stepfunctions")
    started = client.start_execution(
        stateMachineArn=world.setting("STEP_FUNCTIONS_ARN"),
        name=f"{image.image_id}-1",
        input=json.dumps(step(image)),
    )

    def look() -> Item | None:
        told: Item = client.describe_execution(executionArn=started["executionArn"])
        return told if told["status"] in _FINISHED else None

    return wait_for(look, "the execution to end", 60)


def claimed(world: World) -> Image:
    image = world.planted(Status.PROCESSING)
    world.change(image, execution=f"{image.image_id}-1")
    return image


@of(PIPELINE)
def a_claimed_image_is_finished_and_announced(world: World, name: str) -> None:
    image = claimed(world)
    with world.listening("SNS_TOPIC_ARN") as heard:
        executed(world, image)
        assert world.image(image)["status"] == Status.COMPLETED
        assert [each["imageId"] for each in heard()] == [image.image_id]


@of(PIPELINE)
def what_was_made_for_an_image_that_went_meanwhile_goes(world: World, name: str) -> None:
    image = claimed(world)
    with as_written(f"{image.image_id}-large-watermarked", lambda: world.bury(image)):
        executed(world, image)
    assert world.versions("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}") == []


@of(PIPELINE)
def a_fault_of_ours_leaves_a_letter(world: World, name: str) -> None:
    letters = world.queue("uploads-dead")
    image = claimed(world)
    world.machine.client("s3").delete_object(
        Bucket=world.setting("S3_INPUT_BUCKET"), Key=image.s3_key, VersionId=image.object_version
    )
    executed(world, image)
    assert world.image(image)["status"] == Status.FAILED
    (letter,) = world.received(letters)
    assert json.loads(letter["Body"])["retryOf"] == f"{image.image_id}-1"
