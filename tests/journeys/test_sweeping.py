"""The sweeper: stuck work is retried or failed with a reason, and orphaned files are removed."""

import json
import secrets
from typing import Any

import pytest
import requests

from chalicelib import actions, images
from chalicelib.accounts.models import USERS
from chalicelib.accounts.models import User as Row
from chalicelib.actions import ActionType
from chalicelib.core import ids
from chalicelib.external import ExternalServiceError, services
from chalicelib.images import IMAGES, Status, states
from chalicelib.jobs import leases
from local.machine import Machine
from tests.journeys.subscriber import subscribe
from tests.journeys.sweeping import PHOTO, becomes, finished_photo, found, later, row, sweep
from tests.journeys.user import User
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("function", "emptied")


@pytest.fixture
def photo(ann: User) -> str:
    """A finished image."""
    return finished_photo(ann)


@pytest.fixture(autouse=True)
def fresh_passes(machine: Machine, function: Any) -> None:
    """Removes the stored progress of passes over files and rows."""
    for place in ("uploads", "processed", "reports", "exports", "rows"):
        leases.JOBS.delete(f"sweeper#{place}")


def test_finished_and_recent_images_are_left_alone(ann: User, photo: str) -> None:
    before = row(ann, photo)
    assert "unfinished" not in before, "a finished image is not in the index"
    becomes(ann, other := ann.upload(PHOTO), Status.PROCESSING, execution=f"{other}-9", startedAt=ids.now())
    assert other not in found(sweep({}, later(minutes=19)), "imagesLedOn")
    assert row(ann, photo) == before
    assert other in found(sweep({}, later(minutes=21)), "imagesLedOn")
    ann.finished(other)


def test_an_upload_whose_message_was_lost_is_processed(ann: User, photo: str) -> None:
    becomes(ann, photo, Status.UPLOADED, remove=("execution", "variants", "processedAt"))
    answer = sweep({}, later(minutes=21))
    assert {"what": "imagesLedOn", "imageId": photo, "userId": ann.id} in answer["findings"]
    assert ann.finished(photo)["status"] == "COMPLETED"


def test_an_execution_that_never_ended_is_replaced_by_a_new_one(ann: User, photo: str) -> None:
    becomes(ann, photo, Status.PROCESSING, startedAt=ids.now())
    sweep({}, later(minutes=21))
    assert ann.finished(photo)["status"] == "COMPLETED"
    assert row(ann, photo)["execution"] == f"{photo}-2"


def test_an_execution_that_was_claimed_and_never_started_is_started(ann: User, photo: str) -> None:
    becomes(ann, photo, Status.PROCESSING)
    sweep({}, later(minutes=21))
    assert ann.finished(photo)["status"] == "COMPLETED"
    assert row(ann, photo)["execution"] == f"{photo}-1"


def test_an_image_that_was_stuck_in_every_try_fails_with_a_reason_and_can_be_reprocessed(
    machine: Machine, ann: User, photo: str
) -> None:
    received = subscribe(machine, "SNS_TOPIC_ARN")
    becomes(ann, photo, Status.PROCESSING, startedAt=ids.now(), retries=4, remove=("variants",))

    answers = [sweep({}, later(minutes=21)) for _ in range(2)]

    assert [found(answer, "imagesFailed").count(photo) for answer in answers] == [1, 0]
    shown = ann.image(photo)
    assert (shown["status"], shown["reason"]["code"]) == ("FAILED", "stuck")
    heard = [json.loads(notification["Message"]) for notification in received()]
    assert [(each["imageId"], each["status"]) for each in heard if each["imageId"] == photo] == [(photo, "FAILED")]
    assert ann.post(f"/images/{photo}/reprocess").status_code == 200
    assert ann.finished(photo)["status"] == "COMPLETED"
    assert "retries" not in row(ann, photo), "a request of the owner starts it again"


def test_a_failed_upload_that_never_had_an_execution_can_be_reprocessed(ann: User, photo: str) -> None:
    becomes(ann, photo, Status.UPLOADED, remove=("execution", "variants"), retries=4)
    assert sweep({}, later(minutes=30))["counts"]["imagesWaiting"] >= 1
    assert ann.image(photo)["status"] == "UPLOADED"
    assert photo in found(sweep({}, later(minutes=61)), "imagesFailed")
    assert ann.post(f"/images/{photo}/reprocess").status_code == 200
    assert ann.finished(photo)["status"] == "COMPLETED"


def test_a_dry_run_counts_the_same_and_changes_nothing(ann: User, photo: str) -> None:
    becomes(ann, photo, Status.PROCESSING, startedAt=ids.now())
    before = row(ann, photo)
    dry = sweep({"dryRun": True}, later(minutes=21))
    assert row(ann, photo) == before
    wet = sweep({}, later(minutes=21))
    assert (dry["dryRun"], wet["dryRun"]) == (True, False)
    assert dry["counts"] == wet["counts"]
    assert dry["findings"] == wet["findings"]
    ann.finished(photo)


def test_an_action_that_no_worker_runs_fails_with_a_reason(ann: User) -> None:
    caller = USERS.get(ann.id)
    assert caller is not None
    action = actions.begin(Row.from_item(caller).as_caller(), ActionType.PROCESS_FILE, {})
    assert "actionsFailed" not in sweep({}, later(hours=2.9))["counts"]
    answer = sweep({}, later(hours=3.1))
    assert {"what": "actionsFailed", "actionId": action.action_id, "userId": ann.id} in answer["findings"]
    shown = ann.get(f"/actions/{action.action_id}").json()["action"]
    assert (shown["status"], shown["reason"]["code"]) == ("FAILED", "ACTION_STUCK")
    assert "actionsFailed" not in sweep({}, later(hours=3.1))["counts"]
    # After a redrive it starts again, and so does its time.
    assert actions.reopen(ann.id, action.action_id) is not None
    assert [each.action_id for each in actions.pending_since("0", ids.timestamp(later(seconds=1)))].count(
        action.action_id
    )


def test_an_action_deleted_while_its_service_is_asked_does_not_stop_the_others(
    ann: User, function: pytest.MonkeyPatch
) -> None:
    caller = USERS.get(ann.id)
    assert caller is not None
    gone, left = (
        actions.begin(Row.from_item(caller).as_caller(), ActionType.PROCESS_FILE, {}).action_id for _ in range(2)
    )
    at_a_service = {"externalId": gone, "externalPath": "/file-processor/upload", "externalStatus": "queued"}
    actions.ACTIONS.update(ann.id, gone, change=at_a_service)

    def erased_meanwhile(path: str, external_id: str, **_: Any) -> Any:
        # Other tests may have left actions at a service.
        if external_id == gone:
            actions.ACTIONS.delete(ann.id, gone)
        raise ExternalServiceError("the service is out")

    function.setattr(services, "fetch_status", erased_meanwhile)
    answer = sweep({}, later(hours=3.1))
    assert answer["status"] == "partial"
    assert {"what": "actionsFailed", "actionId": left, "userId": ann.id} in answer["findings"]
    assert ann.get(f"/actions/{left}").json()["action"]["status"] == "FAILED"


# ---------------------------------------------------------------------------- orphans


def put(machine: Machine, bucket: str, key: str) -> str:
    version = machine.client("s3").put_object(Bucket=machine.environment[bucket], Key=key, Body=PHOTO)["VersionId"]
    return str(version)


def versions(machine: Machine, bucket: str, prefix: str) -> list[str]:
    listed = machine.client("s3").list_object_versions(Bucket=machine.environment[bucket], Prefix=prefix)
    return [each["VersionId"] for each in listed.get("Versions", ())]


def test_an_upload_whose_event_was_lost_is_found_and_processed(machine: Machine, ann: User) -> None:
    image_id = ann.upload(PHOTO)
    ann.finished(image_id)
    becomes(ann, image_id, Status.PENDING, remove=("objectVersion", "uploadedAt", "execution", "variants"))
    assert "uploadsTaken" not in sweep({}, later(minutes=14))["counts"]
    fresh = leases.JOBS.get("sweeper#uploads")
    assert fresh is not None
    assert fresh["endedAt"], "the pass is complete"
    assert sweep({}, later(hours=25))["counts"]["uploadsTaken"] == 1
    assert ann.finished(image_id)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("bucket", "form", "what"),
    [
        ("S3_OUTPUT_BUCKET", "processed/{user}/img_gone-small.jpg", "filesRemoved"),
        ("S3_OUTPUT_BUCKET", "reports/{user}/act_01jd0000000000000000000000.pdf", "resultsRemoved"),
        ("S3_OUTPUT_BUCKET", "exports/{user}/act_01jd0000000000000000000000.zip", "resultsRemoved"),
    ],
)
def test_an_orphaned_file_is_removed_with_all_its_versions_after_a_day(
    machine: Machine, ann: User, bucket: str, form: str, what: str
) -> None:
    key = form.format(user=ann.id)
    for _ in range(2):
        put(machine, bucket, key)
    assert what not in sweep({}, later(hours=23))["counts"]
    assert sweep({"dryRun": True}, later(hours=49))["counts"][what] == 2
    assert len(versions(machine, bucket, key)) == 2
    answer = sweep({}, later(hours=49))
    assert answer["counts"][what] == 2
    assert {each["key"] for each in answer["findings"] if each["what"] == what} == {key}
    assert versions(machine, bucket, key) == []


def test_files_that_are_in_use_or_not_ours_are_kept(machine: Machine, ann: User, photo: str) -> None:
    strange = f"reports/monthly/{secrets.token_hex(4)}.pdf"
    put(machine, "S3_OUTPUT_BUCKET", strange)
    files = len(versions(machine, "S3_OUTPUT_BUCKET", f"processed/{ann.id}/{photo}-"))
    sweep({}, later(days=3))
    assert len(versions(machine, "S3_OUTPUT_BUCKET", f"processed/{ann.id}/{photo}-")) == files == 6
    assert len(versions(machine, "S3_INPUT_BUCKET", f"uploads/{ann.id}/{photo}.")) == 1
    assert len(versions(machine, "S3_OUTPUT_BUCKET", strange)) == 1


def test_files_left_by_an_interrupted_deletion_are_removed(machine: Machine, ann: User, photo: str) -> None:
    IMAGES.update(ann.id, photo, change={"status": str(Status.DELETED)})
    answer = sweep({}, later(days=2))
    assert answer["counts"]["uploadsRemoved"] == 1
    assert answer["counts"]["filesRemoved"] == 6
    assert versions(machine, "S3_OUTPUT_BUCKET", f"processed/{ann.id}/{photo}") == []
    assert versions(machine, "S3_INPUT_BUCKET", f"uploads/{ann.id}/{photo}") == []


def test_an_image_without_its_files_is_reprocessed_once_and_then_fails(machine: Machine, ann: User, photo: str) -> None:
    output = machine.environment["S3_OUTPUT_BUCKET"]
    lost = ann.image(photo)["variants"][0]["s3Key"]

    machine.client("s3").delete_object(Bucket=output, Key=lost)
    answer = sweep({}, later(minutes=1))
    assert {"what": "imagesMadeAgain", "imageId": photo, "userId": ann.id} in answer["findings"]

    def made_again() -> bool:
        found = row(ann, photo)
        return bool(found["execution"] == f"{photo}-2" and found["status"] == "COMPLETED")

    wait_for(made_again, "the files to be made again")
    made = ann.image(photo)["variants"]
    assert [requests.get(each["url"], timeout=30).status_code for each in made] == [200] * 6
    machine.client("s3").delete_object(Bucket=output, Key=made[0]["s3Key"])
    assert photo in found(sweep({}, later(hours=25)), "imagesFailed")
    assert ann.image(photo)["reason"]["code"] == "files_missing"


def test_an_interrupted_pass_continues_where_it_stopped(
    machine: Machine, ann: User, function: pytest.MonkeyPatch
) -> None:
    keys = sorted(f"processed/{ann.id}/img_cut{place}-small.jpg" for place in range(5))
    for key in keys:
        put(machine, "S3_OUTPUT_BUCKET", key)
    leases.JOBS.put({"name": "sweeper#processed", "after": keys[2], "endedAt": None})
    sweep({}, later(days=2))
    left = [key for key in keys if versions(machine, "S3_OUTPUT_BUCKET", key)]
    assert left == keys[:3], "the items before that place were done by the previous round"
    sweep({}, later(days=4))
    assert not [key for key in keys if versions(machine, "S3_OUTPUT_BUCKET", key)]


def test_a_round_is_skipped_while_another_runs(machine: Machine) -> None:
    with leases.lease("sweeper", 60) as lease:
        assert lease is not None
        assert sweep({}) == {"status": "skipped"}
    assert sweep({})["status"] == "success"


def test_one_failing_item_does_not_stop_the_round(ann: User, photo: str, function: pytest.MonkeyPatch) -> None:
    broken = f"img_{secrets.token_hex(13)}"
    states.create(
        images.Image(
            user_id=ann.id,
            image_id=broken,
            file_name="x.jpg",
            file_type="image/jpeg",
            s3_key=f"uploads/{ann.id}/{broken}.jpg",
            status=Status.PROCESSING,
            created_at=ids.timestamp(later(minutes=-60)),
        )
    )
    # The execution's name is none of ours.
    IMAGES.update(ann.id, broken, change={"execution": "nonsense"})
    becomes(ann, photo, Status.PROCESSING, startedAt=ids.now())
    answer = sweep({}, later(minutes=21))
    assert answer["status"] == "partial"
    assert answer["counts"]["failed"] == 1
    assert ann.finished(photo)["status"] == "COMPLETED"
    IMAGES.delete(ann.id, broken)
