"""Processing an image again: its files stay until there are new ones, and what loses is removed."""

import json
from typing import Any

import pytest
import requests

from chalicelib.images import IMAGES, Status
from chalicelib.jobs import leases
from chalicelib.metering.models import DAILY
from local.machine import Machine
from tests.journeys.image_state import executions_of, output_keys
from tests.journeys.ledger import settled
from tests.journeys.subscriber import subscribe
from tests.journeys.sweeping import PHOTO, becomes, finished_photo, found, later, row, sweep
from tests.journeys.user import User
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("function", "emptied")


@pytest.fixture
def photo(ann: User) -> str:
    """A finished image."""
    return finished_photo(ann)


def use_original(machine: Machine, user: User, image_id: str, data: bytes) -> None:
    """Makes the image's row name another original."""
    bucket, key = machine.environment["S3_INPUT_BUCKET"], f"uploads/aside-{image_id}.jpg"
    version = machine.client("s3").put_object(Bucket=bucket, Key=key, Body=data)["VersionId"]
    IMAGES.update(user.id, image_id, change={"s3Key": key, "objectVersion": version})


def reprocessed(user: User, image_id: str) -> dict[str, Any]:
    """The image after one more processing, however that ended."""
    before = row(user, image_id)["execution"]
    asked = user.post(f"/images/{image_id}/reprocess")
    assert asked.status_code == 200
    wait_for(lambda: row(user, image_id)["execution"] != before and not executions_of(image_id), "its end", 60)
    return user.finished(image_id)


def keys(image: dict[str, Any]) -> set[str]:
    return {each["s3Key"] for each in image["variants"]}


def are_served(image: dict[str, Any]) -> bool:
    return {requests.get(each["url"], timeout=30).status_code for each in image["variants"]} == {200}


def test_readers_switch_to_new_files_and_the_former_ones_are_removed_when_no_link_leads_there(
    machine: Machine, ann: User, photo: str
) -> None:
    before = ann.image(photo)
    prefix = f"processed/{ann.id}/{photo}"
    assert f"{prefix}-small-watermarked.jpg" in keys(before)
    after = reprocessed(ann, photo)
    assert after["status"] == "COMPLETED"
    assert keys(after) == {each.replace(prefix, f"{prefix}-2") for each in keys(before)}
    sweep({}, later(minutes=74))
    assert are_served(before)
    assert are_served(after)
    sweep({}, later(minutes=76))
    assert set(output_keys(machine, ann, photo)) == keys(after)
    assert are_served(after)
    assert "unfinished" not in row(ann, photo)
    assert ann.request("DELETE", f"/images/{photo}").status_code == 200
    assert output_keys(machine, ann, photo) == []


def test_a_picture_that_is_refused_anew_stays_as_it_was_and_says_why(machine: Machine, ann: User, photo: str) -> None:
    before = ann.image(photo)
    received = subscribe(machine, "SNS_TOPIC_ARN")
    use_original(machine, ann, photo, b"no picture")
    after = reprocessed(ann, photo)
    assert (after["status"], after["reason"]) == ("COMPLETED", None)
    assert after["lastFailure"]["code"] == "not_an_image"
    assert after["lastFailureAt"] > before["processedAt"] == after["processedAt"]
    assert keys(after) == keys(before)
    assert are_served(after)
    assert row(ann, photo)["unfinished"] == "COMPLETED", "it is not tried again by itself"

    def heard() -> list[dict[str, Any]]:
        messages = [json.loads(each["Message"]) for each in received()]
        # What the first execution made may be announced only now.
        return [each for each in messages if each["execution"] == f"{photo}-2"]

    message, *_ = wait_for(heard, "the announcement")
    assert message["status"] == "COMPLETED"
    assert message["reason"].startswith("not_an_image: ")
    use_original(machine, ann, photo, PHOTO)
    after = reprocessed(ann, photo)
    assert (after["status"], after["lastFailure"], after["lastFailureAt"]) == ("COMPLETED", None, None)


def test_a_new_processing_that_breaks_off_leaves_the_files_and_is_tried_again(
    machine: Machine, ann: User, photo: str
) -> None:
    before, version = ann.image(photo), row(ann, photo)["objectVersion"]
    IMAGES.update(ann.id, photo, change={"objectVersion": "gone"})
    after = reprocessed(ann, photo)
    assert (after["status"], after["lastFailure"]["code"]) == ("COMPLETED", "processing_failed")
    assert keys(after) == keys(before)
    assert are_served(after)
    IMAGES.update(ann.id, photo, change={"objectVersion": version})
    assert photo in found(sweep({}, later(minutes=16)), "imagesLedOn")
    wait_for(lambda: ann.image(photo)["lastFailure"] is None, "the next try")
    assert f"processed/{ann.id}/{photo}-3-small.jpg" in keys(ann.finished(photo))


def test_what_was_not_processed_anew_changes_no_sum(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id = user.upload(PHOTO)
    user.finished(image_id)
    settled(machine)
    use_original(machine, user, image_id, b"no picture")
    reprocessed(user, image_id)
    settled(machine)
    assert [int(each["completed|sum"]) for each in DAILY.all_of(user.id) if "completed|sum" in each] == [1]
    use_original(machine, user, image_id, PHOTO)
    after = reprocessed(user, image_id)
    settled(machine)
    stored = len(PHOTO) + sum(each["fileSize"] for each in after["variants"])
    assert user.get("/usage").json()["storage"]["bytes"] == stored


def test_an_image_that_was_completed_stays_so_although_every_new_try_was_stuck(ann: User, photo: str) -> None:
    before = ann.image(photo)
    becomes(ann, photo, Status.PROCESSING, startedAt=before["processedAt"], retries=4)
    assert photo in found(sweep({}, later(minutes=21)), "imagesFailed")
    after = ann.image(photo)
    assert (after["status"], after["lastFailure"]["code"]) == ("COMPLETED", "stuck")
    assert are_served(after)


def test_what_a_killed_step_wrote_of_a_deleted_image_is_removed_within_minutes(
    machine: Machine, ann: User, photo: str
) -> None:
    becomes(ann, photo, Status.PROCESSING, execution=f"{photo}-2")
    assert ann.request("DELETE", f"/images/{photo}").status_code == 200
    key = f"processed/{ann.id}/{photo}-2-small.jpg"
    for _ in range(2):
        machine.client("s3").put_object(Bucket=machine.environment["S3_OUTPUT_BUCKET"], Key=key, Body=PHOTO)
    sweep({}, later(minutes=19))
    assert output_keys(machine, ann, photo) == [key, key]
    sweep({}, later(minutes=21))
    assert output_keys(machine, ann, photo) == []
    assert "unfinished" not in row(ann, photo)
    assert ann.get(f"/images/{photo}").status_code == 404


def test_variants_that_no_row_names_are_removed_after_a_day_and_results_of_actions_are_not(
    machine: Machine, ann: User, photo: str
) -> None:
    made = ann.post("/actions/process", fileId=photo, processingType="resize", options={"width": 100}).json()
    bucket, prefix = machine.environment["S3_OUTPUT_BUCKET"], f"processed/{ann.id}/{photo}"
    for name in ("-7-small.jpg", "-tiny.jpg"):
        machine.client("s3").put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=PHOTO)
    leases.JOBS.delete("sweeper#processed")
    sweep({}, later(hours=23))
    assert len(output_keys(machine, ann, photo)) == 9
    removed = found(sweep({}, later(hours=49)), "filesRemoved")
    assert [each for each in removed if photo in each] == [f"{prefix}-7-small.jpg", f"{prefix}-tiny.jpg"]
    assert requests.get(made["resultUrl"], timeout=30).status_code == 200
    assert are_served(ann.image(photo))
