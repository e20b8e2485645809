"""Journeys of the scheduled functions except the syncs."""

import json
from datetime import timedelta
from typing import Any

import requests

from chalicelib.actions import ACTIONS
from chalicelib.core import ids
from chalicelib.images import Status
from chalicelib.images.models import IMPORTING
from chalicelib.jobs.leases import JOBS
from chalicelib.jobs.sync.sync_records import ACTIVE, ARCHIVED
from local.fake_api import FakeApi
from tests.journeys.rights.journey import journey_of
from tests.journeys.rights.world import CUSTOMERS, RECORDS, World, ago, item, when_listed

Result = dict[str, Any]


# ------------------------------------------------------------------------------- sweeper


def sweep(world: World) -> Result:
    """Run the sweeper over everything."""
    world.forget_sweeper_passes()
    result: Result = world.invoke("sweeper")
    assert result["status"] == "success", result
    assert world.heartbeat("sweeper")["outcome"] == "success"
    return result


@journey_of("sweeper")
def a_stuck_image_is_retried(world: World, name: str) -> None:
    uploads = world.empty_queue("uploads")
    image = world.create_image(Status.UPLOADED, unfinishedSince=ago(minutes=20))
    sweep(world)
    assert world.image_row(image)["redriven"] is True
    assert image.image_id in [json.loads(each["Body"])["imageId"] for each in world.take_messages(uploads)]


@journey_of("sweeper")
def an_image_that_is_stuck_again_fails(world: World, name: str) -> None:
    world.empty_queue("uploads")
    image = world.create_image(Status.UPLOADED, unfinishedSince=ago(hours=2), redriven=True)
    sweep(world)
    assert world.image_row(image)["status"] == Status.FAILED


@journey_of("sweeper")
def dead_letters_that_nobody_needs_are_deleted(world: World, name: str) -> None:
    letters = world.empty_queue("schedules-dead")

    def event(minute: int) -> dict[str, Any]:
        rule = "arn:aws:events:us-east-1:123456789012:rule/darkroom-local-monthly_report-event"
        return {"source": "aws.events", "time": f"2026-11-01T01:{minute:02d}:00Z", "resources": [rule]}

    for minute in (0, 1):
        world.machine.client("sqs").send_message(QueueUrl=letters, MessageBody=json.dumps(event(minute)))
    sweep(world)
    assert [json.loads(each["Body"]) for each in world.take_messages(letters)] == [event(1)]


@journey_of("sweeper")
def an_import_that_was_lost_fails(world: World, name: str) -> None:
    world.empty_queue("imports")
    image = world.create_image(
        Status.PENDING, unfinished=IMPORTING, unfinishedSince=ago(hours=2), s3Key="uploads/nowhere"
    )
    sweep(world)
    assert world.image_row(image)["status"] == Status.FAILED


@journey_of("sweeper")
def a_stuck_action_fails(world: World, name: str) -> None:
    before = world.last_action_at()
    action = world.create_action("PROCESS_FILE", {}, unfinishedSince=ago(hours=4))
    sweep(world)
    assert item(ACTIONS, action.user_id, action.action_id)["status"] == "FAILED"
    assert world.last_action_at() > before


@journey_of("sweeper")
def an_action_gets_the_status_of_the_external_service(world: World, name: str) -> None:
    with FakeApi() as fake_api, world.secret_value(fake_api.secret):
        fake_api.done_at_once = True
        path, headers = "/generic-processor", {"Authorization": f"Bearer {fake_api.api_key}"}
        work = requests.post(fake_api.url + path, json={}, headers=headers, timeout=10).json()
        external = {"externalId": work["id"], "externalPath": path, "externalStatus": "queued"}
        action = world.create_action("ANY", {}, unfinishedSince=ago(hours=4), **external)
        sweep(world)
        assert item(ACTIONS, action.user_id, action.action_id)["status"] == "COMPLETED"


@journey_of("sweeper")
def an_upload_whose_event_was_lost_is_processed(world: World, name: str) -> None:
    uploads, image_id = world.empty_queue("uploads"), ids.new_id("img")
    world.put_file("S3_INPUT_BUCKET", f"uploads/{world.user_id}/{image_id}.jpg", age=timedelta(hours=1))
    sweep(world)
    assert image_id in [json.loads(each["Body"])["imageId"] for each in world.take_messages(uploads)]


@journey_of("sweeper")
def orphaned_files_are_removed(world: World, name: str) -> None:
    image, action_id, age = world.create_image(Status.DELETED), ids.new_id("act"), timedelta(days=2)
    files = {
        f"uploads/{world.user_id}/{image.image_id}.jpg": "S3_INPUT_BUCKET",
        f"processed/{world.user_id}/{image.image_id}-small.jpg": "S3_OUTPUT_BUCKET",
        f"reports/{world.user_id}/{action_id}.pdf": "S3_OUTPUT_BUCKET",
        f"exports/{world.user_id}/{action_id}.json": "S3_OUTPUT_BUCKET",
    }
    for key, bucket in files.items():
        world.put_file(bucket, key, age=age)
    sweep(world)
    # The image's own original has just been written: it is kept for a day.
    assert [len(world.file_keys(bucket, key)) for key, bucket in files.items()] == [1, 0, 0, 0]


@journey_of("sweeper")
def an_image_whose_variants_are_gone_is_reprocessed(world: World, name: str) -> None:
    uploads = world.empty_queue("uploads")
    variant = {"size": "small", "dimensions": "1x1", "format": "jpeg", "fileSize": 1, "watermarked": False}
    image = world.create_image(variants=[{**variant, "s3Key": f"processed/{world.user_id}/gone-small.jpg"}])
    sweep(world)
    assert image.image_id in [json.loads(each["Body"])["imageId"] for each in world.take_messages(uploads)]


# ------------------------------------------------------------------------ weekly_cleanup


def put_record(record_id: str, lifecycle: str, since: str, **more: Any) -> None:
    """Write a customer's sync record with this lifecycle since that moment."""
    is_active = lifecycle == ACTIVE
    at = {"createdAt": since, "updatedAt": since, "processedAt": since}
    row = {"source": CUSTOMERS, "recordId": record_id, "data": "{}", "isActive": is_active, **at}
    RECORDS.put({**row, "lifecycle": lifecycle, "since": since, **more})


def clean_up(world: World) -> Result:
    """Run the weekly clean-up."""
    result: Result = world.invoke("weekly_cleanup")
    assert result["status"] == "success", result
    assert world.heartbeat("weekly_cleanup")["outcome"] == "success"
    return result


@journey_of("weekly_cleanup")
def an_old_record_becomes_inactive(world: World, name: str) -> None:
    put_record("old", ACTIVE, ago(days=31))
    clean_up(world)
    assert item(RECORDS, CUSTOMERS, "old")["isActive"] is False


@journey_of("weekly_cleanup")
def an_upload_that_never_came_expires(world: World, name: str) -> None:
    image = world.create_image(Status.PENDING, unfinishedSince=ago(hours=26), s3Key="uploads/nowhere/i.jpg")
    clean_up(world)
    assert world.image_row(image)["status"] == Status.DELETED


@journey_of("weekly_cleanup")
def an_unnoticed_upload_is_processed(world: World, name: str) -> None:
    uploads = world.empty_queue("uploads")
    image = world.create_image(Status.PENDING, unfinishedSince=ago(hours=26), remove=("objectVersion",))
    clean_up(world)
    assert image.image_id in [json.loads(each["Body"])["imageId"] for each in world.take_messages(uploads)]


@journey_of("weekly_cleanup")
def an_unnoticed_upload_that_is_too_large_fails(world: World, name: str) -> None:
    image = world.create_image(Status.PENDING, unfinishedSince=ago(hours=26), remove=("objectVersion",))
    large, bucket = b"\0" * (int(world.setting("MAX_FILE_SIZE")) + 1), world.setting("S3_INPUT_BUCKET")
    world.machine.client("s3").put_object(Bucket=bucket, Key=image.s3_key, Body=large)
    clean_up(world)
    assert world.image_row(image)["status"] == Status.FAILED


@journey_of("weekly_cleanup")
def an_unnoticed_upload_is_removed_if_its_owner_deletes_the_image_meanwhile(world: World, name: str) -> None:
    image = world.create_image(Status.PENDING, unfinishedSince=ago(hours=26), remove=("objectVersion",))
    with when_listed(image.s3_key, lambda: world.mark_deleted(image)):
        clean_up(world)
    assert world.file_keys("S3_INPUT_BUCKET", image.s3_key) == []


# --------------------------------------------------------------------- quarterly_archive


@journey_of("quarterly_archive")
def an_inactive_record_is_archived(world: World, name: str) -> None:
    put_record("gone", ARCHIVED, ago(days=31))
    result = world.invoke(name)
    assert (result["status"], result["counts"]["recordsArchived"]) == ("success", 1)
    assert RECORDS.get(CUSTOMERS, "gone") is None
    assert world.file_keys("ARCHIVE_BUCKET", "records/")
    assert world.heartbeat(name)["outcome"] == "success"


@journey_of("quarterly_archive")
def an_archive_file_that_fails_leaves_no_unfinished_upload(world: World, name: str) -> None:
    put_record("broken", ARCHIVED, ago(days=31), data="no JSON")
    world.invoke_failing(name)
    assert world.unfinished_uploads("ARCHIVE_BUCKET", "records/") == []


# ------------------------------------------------------------------------ monthly_report


@journey_of("monthly_report")
def a_monthly_report_is_made_and_announced(world: World, name: str) -> None:
    JOBS.delete("done#report#2023-01")
    with world.messages_of("OPERATORS_TOPIC_ARN") as messages:
        files = world.invoke(name, {"since": "2023-01-01"})["files"]
        assert world.file_keys("S3_OUTPUT_BUCKET", "reports/system/2023-01.") == sorted(files)
        assert [each["period"]["start"] for each in messages()] == ["2023-01-01"]
    assert JOBS.get("done#report#2023-01") is not None
    assert world.heartbeat(name)["outcome"] == "success"


# -------------------------------------------------------------------------- health_check

# Waiting messages and late jobs depend on earlier tests.
_MAY_BE_DEGRADED = {"uploads-queue", "actions-queue", "imports-queue", "dead-letters", "schedules"}


@journey_of("health_check")
def every_dependency_answers(world: World, name: str) -> None:
    world.let_work_wait()
    result = world.invoke(name)
    degraded = {each["name"] for each in result["dependencies"] if each["status"] != "ok"}
    assert degraded <= _MAY_BE_DEGRADED, result
    assert not [each for each in result["dependencies"] if "Error" in each["detail"]], result
    assert item(JOBS, "health")["checkedAt"] == result["checkedAt"]
    assert world.heartbeat(name)["endedAt"] >= result["checkedAt"]


@journey_of("health_check")
def a_change_is_announced(world: World, name: str) -> None:
    JOBS.put({"name": "health", "told": "down", "status": "down", "since": ids.now()})
    with world.messages_of("OPERATORS_TOPIC_ARN") as messages:
        world.invoke(name)
        assert [each["before"] for each in messages()] == ["down"]
