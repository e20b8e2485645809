"""Journeys of what runs by the clock, but for the syncs."""

import json
from datetime import timedelta
from typing import Any

import requests

from chalicelib.actions import ACTIONS
from chalicelib.core import records
from chalicelib.images import Status
from chalicelib.leases import JOBS
from chalicelib.sync.records import ACTIVE, ARCHIVED
from local.fake_api import FakeApi
from tests.journeys.rights.journey import of
from tests.journeys.rights.world import CUSTOMERS, RECORDS, World, ago, as_listed, item

Answer = dict[str, Any]


# ------------------------------------------------------------------------------- sweeper


def sweep(world: World) -> Answer:
    """A round over all there is, whose end is noted."""
    world.forget_passes()
    answer: Answer = world.invoke("sweeper")
    assert answer["status"] == "success", answer
    assert world.beat("sweeper")["outcome"] == "success"
    return answer


@of("sweeper")
def an_image_that_stands_still_is_led_on(world: World, name: str) -> None:
    uploads = world.queue("uploads")
    image = world.planted(Status.UPLOADED, unfinishedSince=ago(minutes=20))
    sweep(world)
    assert world.image(image)["redriven"] is True
    assert image.image_id in [json.loads(each["Body"])["imageId"] for each in world.received(uploads)]


@of("sweeper")
def an_image_that_stands_still_again_fails_and_listeners_are_told(world: World, name: str) -> None:
    world.queue("uploads")
    image = world.planted(Status.UPLOADED, unfinishedSince=ago(hours=2), redriven=True)
    with world.listening("SNS_TOPIC_ARN") as heard:
        sweep(world)
        assert world.image(image)["status"] == Status.FAILED
        assert image.image_id in [each["imageId"] for each in heard()]


@of("sweeper")
def an_action_that_nobody_does_fails(world: World, name: str) -> None:
    before = world.acted_at()
    action = world.begun("PROCESS_FILE", {}, unfinishedSince=ago(hours=4))
    sweep(world)
    assert item(ACTIONS, action.user_id, action.action_id)["status"] == "FAILED"
    assert world.acted_at() > before


@of("sweeper")
def an_action_of_the_external_service_ends_as_that_says(world: World, name: str) -> None:
    with FakeApi() as partner, world.secret(partner.secret):
        partner.done_at_once = True
        path, headers = "/generic-processor", {"Authorization": f"Bearer {partner.api_key}"}
        work = requests.post(partner.url + path, json={}, headers=headers, timeout=10).json()
        told = {"externalId": work["id"], "externalPath": path, "externalStatus": "queued"}
        action = world.begun("ANY", {}, unfinishedSince=ago(hours=4), **told)
        sweep(world)
        assert item(ACTIONS, action.user_id, action.action_id)["status"] == "COMPLETED"


@of("sweeper")
def an_upload_whose_event_was_lost_is_taken(world: World, name: str) -> None:
    uploads, image_id = world.queue("uploads"), records.new_id("img")
    world.put("S3_INPUT_BUCKET", f"uploads/{world.user_id}/{image_id}.jpg", age=timedelta(hours=1))
    sweep(world)
    assert image_id in [json.loads(each["Body"])["imageId"] for each in world.received(uploads)]


@of("sweeper")
def files_of_nothing_are_removed(world: World, name: str) -> None:
    image, action_id, age = world.planted(Status.DELETED), records.new_id("act"), timedelta(days=2)
    files = {
        f"uploads/{world.user_id}/{image.image_id}.jpg": "S3_INPUT_BUCKET",
        f"processed/{world.user_id}/{image.image_id}-small.jpg": "S3_OUTPUT_BUCKET",
        f"reports/{world.user_id}/{action_id}.pdf": "S3_OUTPUT_BUCKET",
        f"exports/{world.user_id}/{action_id}.json": "S3_OUTPUT_BUCKET",
    }
    for key, bucket in files.items():
        world.put(bucket, key, age=age)
    sweep(world)
    # The planted image's own original has just been written: it stays for a day.
    assert [len(world.versions(bucket, key)) for key, bucket in files.items()] == [1, 0, 0, 0]


@of("sweeper")
def an_image_whose_files_are_gone_is_made_again(world: World, name: str) -> None:
    uploads = world.queue("uploads")
    variant = {"size": "small", "dimensions": "1x1", "format": "jpeg", "fileSize": 1, "watermarked": False}
    image = world.planted(variants=[{**variant, "s3Key": f"processed/{world.user_id}/gone-small.jpg"}])
    sweep(world)
    assert image.image_id in [json.loads(each["Body"])["imageId"] for each in world.received(uploads)]


# ------------------------------------------------------------------------ weekly_cleanup


def record(record_id: str, lifecycle: str, since: str, **more: Any) -> None:
    """A customer as a sync, or the clean-up, left it at that moment."""
    is_active = lifecycle == ACTIVE
    at = {"createdAt": since, "updatedAt": since, "processedAt": since}
    row = {"source": CUSTOMERS, "recordId": record_id, "data": "{}", "isActive": is_active, **at}
    RECORDS.put({**row, "lifecycle": lifecycle, "since": since, **more})


def cleaned(world: World) -> Answer:
    answer: Answer = world.invoke("weekly_cleanup")
    assert answer["status"] == "success", answer
    assert world.beat("weekly_cleanup")["outcome"] == "success"
    return answer


@of("weekly_cleanup")
def an_old_record_becomes_inactive(world: World, name: str) -> None:
    record("old", ACTIVE, ago(days=31))
    cleaned(world)
    assert item(RECORDS, CUSTOMERS, "old")["isActive"] is False


@of("weekly_cleanup")
def an_upload_that_never_came_expires(world: World, name: str) -> None:
    image = world.planted(Status.PENDING, unfinishedSince=ago(hours=26), s3Key="uploads/nowhere/i.jpg")
    cleaned(world)
    assert world.image(image)["status"] == Status.DELETED


@of("weekly_cleanup")
def an_upload_that_came_unnoticed_is_taken(world: World, name: str) -> None:
    uploads = world.queue("uploads")
    image = world.planted(Status.PENDING, unfinishedSince=ago(hours=26), remove=("objectVersion",))
    cleaned(world)
    assert image.image_id in [json.loads(each["Body"])["imageId"] for each in world.received(uploads)]


@of("weekly_cleanup")
def an_upload_that_came_unnoticed_and_is_too_large_is_refused_and_told(world: World, name: str) -> None:
    image = world.planted(Status.PENDING, unfinishedSince=ago(hours=26), remove=("objectVersion",))
    large, bucket = b"\0" * (int(world.setting("MAX_FILE_SIZE")) + 1), world.setting("S3_INPUT_BUCKET")
    world.machine.client("s3").put_object(Bucket=bucket, Key=image.s3_key, Body=large)
    with world.listening("SNS_TOPIC_ARN") as heard:
        cleaned(world)
        assert [each["imageId"] for each in heard()] == [image.image_id]


@of("weekly_cleanup")
def an_upload_that_its_owner_deletes_at_that_moment_is_removed(world: World, name: str) -> None:
    image = world.planted(Status.PENDING, unfinishedSince=ago(hours=26), remove=("objectVersion",))
    with as_listed(image.s3_key, lambda: world.bury(image)):
        cleaned(world)
    assert world.versions("S3_INPUT_BUCKET", image.s3_key) == []


# --------------------------------------------------------------------- quarterly_archive


@of("quarterly_archive")
def an_inactive_record_goes_to_the_archive(world: World, name: str) -> None:
    record("gone", ARCHIVED, ago(days=31))
    answer = world.invoke(name)
    assert (answer["status"], answer["counts"]["recordsArchived"]) == ("success", 1)
    assert RECORDS.get(CUSTOMERS, "gone") is None
    assert world.versions("ARCHIVE_BUCKET", "records/")
    assert world.beat(name)["outcome"] == "success"


@of("quarterly_archive")
def a_file_that_cannot_be_written_leaves_nothing(world: World, name: str) -> None:
    record("broken", ARCHIVED, ago(days=31), data="no JSON")
    world.fails(name)
    assert world.half_written("ARCHIVE_BUCKET", "records/") == []


# ------------------------------------------------------------------------ monthly_report


@of("monthly_report")
def a_month_is_reported_and_announced(world: World, name: str) -> None:
    JOBS.delete("done#report#2023-01")
    with world.listening("OPERATORS_TOPIC_ARN") as heard:
        files = world.invoke(name, {"since": "2023-01-01"})["files"]
        assert world.versions("S3_OUTPUT_BUCKET", "reports/system/2023-01.") == sorted(files)
        assert [each["period"]["start"] for each in heard()] == ["2023-01-01"]
    assert JOBS.get("done#report#2023-01") is not None
    assert world.beat(name)["outcome"] == "success"


# -------------------------------------------------------------------------- health_check

# What waits, rests or is late is no fault of whoever asks.
_MAY_BE_DEGRADED = {"uploads-queue", "actions-queue", "dead-letters", "schedules"}


@of("health_check")
def everything_is_asked_and_answers(world: World, name: str) -> None:
    answer = world.invoke(name)
    found = {each["name"]: each for each in answer["dependencies"]}
    unwell = {each for each, told in found.items() if told["status"] != "ok"}
    assert unwell <= _MAY_BE_DEGRADED, answer
    assert not [each for each in found.values() if "Error" in each["detail"]], answer
    assert item(JOBS, "health")["checkedAt"] == answer["checkedAt"]
    assert world.beat(name)["endedAt"] >= answer["checkedAt"]


@of("health_check")
def a_change_is_told(world: World, name: str) -> None:
    JOBS.put({"name": "health", "told": "down", "status": "down", "since": records.now()})
    with world.listening("OPERATORS_TOPIC_ARN") as heard:
        world.invoke(name)
        assert [each["before"] for each in heard()] == ["down"]
