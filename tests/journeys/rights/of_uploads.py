"""Journeys of an upload: S3's event, the queue, the steps, the state machine."""

import json
from typing import Any

from moto.s3.exceptions import S3ClientError

from chalicelib.core import ids
from chalicelib.images import Image, Status
from chalicelib.images.models import IMPORTING
from infra.pipeline_policy import PIPELINE
from local.moto_patches.stepfunctions_progress import PROGRESS
from tests.journeys.picture_server import Answer, PictureServer, gives
from tests.journeys.rights.journey import journey_of
from tests.journeys.rights.world import PHOTO, World, when_written
from tests.waiting import wait_for

Item = dict[str, Any]


def event(key: str, version: str) -> Item:
    file = {"key": key, "size": len(PHOTO), "versionId": version}
    return {"Records": [{"eventSource": "aws:s3", "s3": {"object": file}}]}


def execution_input(image: Image) -> Item:
    """The input of the state machine and of its first step."""
    execution = {"objectVersion": image.object_version, "execution": f"{image.image_id}-1"}
    return {**image.message(), **execution, "apiKeyId": None, "correlationId": "c"}


# ------------------------------------------------------------------------------- s3_event


@journey_of("s3_event")
def an_upload_is_marked_and_queued(world: World, name: str) -> None:
    uploads = world.empty_queue("uploads")
    image = world.create_image(Status.PENDING, remove=("objectVersion",))
    world.invoke(name, event(image.s3_key, str(image.object_version)))
    assert world.image_row(image)["status"] == Status.UPLOADED
    (message,) = world.take_messages(uploads)
    assert json.loads(message["Body"])["imageId"] == image.image_id


@journey_of("s3_event")
def an_upload_without_a_row_gets_one(world: World, name: str) -> None:
    image_id = ids.new_id("img")
    world.invoke(name, event(f"uploads/{world.user_id}/{image_id}.jpg", "v"))
    assert world.ann.image(image_id)["status"] == Status.UPLOADED


@journey_of("s3_event")
def an_upload_that_is_too_large_fails(world: World, name: str) -> None:
    image = world.create_image(Status.PENDING, remove=("objectVersion",))
    upload = event(image.s3_key, str(image.object_version))
    upload["Records"][0]["s3"]["object"]["size"] = 10**9
    world.invoke(name, upload)
    assert world.image_row(image)["status"] == Status.FAILED
    assert world.file_keys("S3_INPUT_BUCKET", image.s3_key) == []


@journey_of("s3_event")
def an_upload_for_a_deleted_image_is_removed(world: World, name: str) -> None:
    image = world.create_image(Status.DELETED)
    world.invoke(name, event(image.s3_key, str(image.object_version)))
    assert world.file_keys("S3_INPUT_BUCKET", image.s3_key) == []


# -------------------------------------------------------------------------- import_worker


def fetched(world: World, name: str, answer: Answer) -> Image:
    """An image after the worker has got its message; the URL gives that answer."""
    image = world.create_image(Status.PENDING, unfinished=IMPORTING, remove=("objectVersion",))
    with PictureServer() as server:
        message = {**image.message(), "sourceUrl": server.put("/photo.jpg", answer)}
        world.invoke(name, world.queue_event(world.empty_queue("imports"), message))
    return image


@journey_of("import_worker")
def a_picture_is_fetched_and_stored(world: World, name: str) -> None:
    image = fetched(world, name, gives(PHOTO))
    # The one of the world, and the one that was fetched.
    assert len(world.file_keys("S3_INPUT_BUCKET", image.s3_key)) == 2
    assert world.image_row(image)["status"] == Status.PENDING


@journey_of("import_worker")
def a_picture_that_cannot_be_fetched_fails(world: World, name: str) -> None:
    image = fetched(world, name, gives(b"", 404))
    assert world.image_row(image)["status"] == Status.FAILED


# --------------------------------------------------------------------------- orchestrator


@journey_of("orchestrator")
def a_message_starts_an_execution(world: World, name: str) -> None:
    image = world.create_image(Status.UPLOADED)
    world.invoke(name, world.queue_event(world.empty_queue("uploads"), image.message()))
    assert world.ann.finished(image.image_id)["status"] == Status.COMPLETED


@journey_of("orchestrator")
def a_handled_message_is_deleted_though_another_failed(world: World, name: str) -> None:
    uploads = world.empty_queue("uploads")
    unknown = {"userId": world.user_id, "imageId": "img_unknown"}
    world.invoke_failing(name, world.queue_event(uploads, unknown, "{not json"))
    assert sum(world.machine.queue_depth(uploads)) == 1


# ------------------------------------------------------------------------------- the steps


@journey_of("validation")
def a_picture_is_checked(world: World, name: str) -> None:
    assert world.invoke(name, execution_input(world.create_image()))["validationResult"] == "valid"


@journey_of("validation")
def the_current_version_is_checked_if_none_is_given(world: World, name: str) -> None:
    assert world.invoke(name, world.create_image().message())["validationResult"] == "valid"


def validate(world: World, image: Image) -> Item:
    result: Item = world.invoke("validation", execution_input(image))
    return result


@journey_of("resize")
def a_picture_is_resized(world: World, name: str) -> None:
    image = world.create_image()
    resized = world.invoke(name, validate(world, image))["resizedImages"]
    assert len(resized) == 3
    assert len(world.file_keys("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}-")) == 3


@journey_of("resize")
def the_current_version_is_resized_if_none_is_given(world: World, name: str) -> None:
    assert len(world.invoke(name, world.create_image().message())["resizedImages"]) == 3


@journey_of("resize")
def if_one_size_cannot_be_written_no_size_is_kept(world: World, name: str) -> None:
    image = world.create_image()
    event = validate(world, image)
    with when_written(f"{image.image_id}-medium", refuse):
        world.invoke_failing(name, event)
    assert world.file_keys("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}") == []


def refuse() -> None:
    """S3 refuses the file."""
    raise S3ClientError("InvalidRequest", "The file is refused.")


@journey_of("watermark")
def a_picture_is_watermarked(world: World, name: str) -> None:
    image = world.create_image()
    variants = world.invoke(name, world.invoke("resize", validate(world, image)))["watermarkedImages"]
    stored = world.file_keys("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}-")
    assert len(variants) == len([each for each in stored if "watermarked" in each]) == 3


@journey_of("watermark")
def if_one_watermarked_variant_cannot_be_written_none_is_kept(world: World, name: str) -> None:
    image = world.create_image()
    event = world.invoke("resize", validate(world, image))
    with when_written(f"{image.image_id}-medium-watermarked", refuse):
        world.invoke_failing(name, event)
    stored = world.file_keys("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}")
    assert [each for each in stored if "watermarked" in each] == []


# ---------------------------------------------------------------------- the state machine


def execute(world: World, image: Image) -> None:
    """Run the state machine for a claimed image to its end."""
    client = world.machine.client("stepfunctions")
    started = client.start_execution(
        stateMachineArn=world.setting("STEP_FUNCTIONS_ARN"),
        name=f"{image.image_id}-1",
        input=json.dumps(execution_input(image)),
    )
    wait_for(lambda: started["executionArn"] not in PROGRESS, "the execution to end", 60)


def claim_image(world: World) -> Image:
    """A new image as the orchestrator leaves it."""
    image = world.create_image(Status.PROCESSING)
    world.change_image(image, execution=f"{image.image_id}-1")
    return image


@journey_of(PIPELINE)
def a_claimed_image_is_finished(world: World, name: str) -> None:
    image = claim_image(world)
    execute(world, image)
    assert world.image_row(image)["status"] == Status.COMPLETED


@journey_of(PIPELINE)
def the_variants_are_removed_if_the_image_is_deleted_meanwhile(world: World, name: str) -> None:
    image = claim_image(world)
    with when_written(f"{image.image_id}-large-watermarked", lambda: world.mark_deleted(image)):
        execute(world, image)
    assert world.file_keys("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}") == []


@journey_of(PIPELINE)
def an_internal_error_sends_a_dead_letter(world: World, name: str) -> None:
    letters = world.empty_queue("uploads-dead")
    image = claim_image(world)
    world.machine.client("s3").delete_object(
        Bucket=world.setting("S3_INPUT_BUCKET"), Key=image.s3_key, VersionId=image.object_version
    )
    execute(world, image)
    assert world.image_row(image)["status"] == Status.FAILED
    (letter,) = world.take_messages(letters)
    assert json.loads(letter["Body"])["retryOf"] == f"{image.image_id}-1"
