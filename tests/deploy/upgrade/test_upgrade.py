"""Version 0.1.0 with data and work in flight, then the present version over it.

What is stored, queued or held by a client outlives the code that made it: the old code makes it here, and the new code
goes on with it. Each test follows the one before.
"""

from pathlib import Path

import pytest

from tests.deploy.upgrade import old_version
from tests.deploy.upgrade.checks import (
    begun,
    check_every_run_is_counted_once,
    check_finished,
    check_lists,
    differences,
    left_of_account,
    stored,
)
from tests.deploy.upgrade.conftest import World
from tests.deploy.upgrade.sample_data import Filled, finish, told
from tests.deploy.upgrade.stage import fetched, send
from tests.journeys.receiver import Delivery
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow]


def test_a_shallow_clone_shows_how_to_fetch_the_old_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(old_version, "COMMIT", "0" * 40)
    with pytest.raises(AssertionError, match="git fetch --unshallow"):
        old_version.unpack(tmp_path / "former")


def test_work_is_in_progress_before_the_upgrade(filled: Filled) -> None:
    for what, number in filled.in_flight.items():
        print(f"in flight: {what}: {number}")
    assert all(filled.in_flight.values()), filled.in_flight


def test_work_in_progress_is_finished_after_the_upgrade(upgraded: Filled) -> None:
    check_finished(upgraded)


def test_old_rows_return_the_same_responses(upgraded: Filled) -> None:
    now = told(upgraded)
    assert [each for path, before in upgraded.told.items() for each in differences(before, now[path], path)] == []


def test_lists_contain_exactly_the_old_rows(upgraded: Filled) -> None:
    check_lists(upgraded)
    audited = {each["operation"] for each in upgraded.root.ok("GET", "/admin/audit?limit=100")["items"]}
    assert {"sign_in", "create_key", "rotate_key", "process_file", "delete_image"} <= audited


def test_every_run_is_counted_once(upgraded: Filled) -> None:
    check_every_run_is_counted_once(upgraded)


def test_a_pending_upload_can_be_repeated_and_completed(upgraded: Filled) -> None:
    path, body, answer = upgraded.repeats["the-upload"]
    status, again, headers = upgraded.ann.ask("POST", path, body, Idempotency_Key="the-upload")
    assert (status, headers["Idempotency-Replayed"], again["imageId"]) == (200, "true", answer["imageId"])
    assert send(upgraded.announced["PENDING"], upgraded.variant) == 200
    wait_for(lambda: upgraded.ann.image(answer["imageId"])["status"] != "PENDING", "the event of S3")
    finish(upgraded)
    assert upgraded.ann.image(answer["imageId"])["status"] == "COMPLETED"


def test_a_repeated_action_is_not_executed_again(upgraded: Filled) -> None:
    path, body, answer = upgraded.repeats["the-action"]
    before = len(upgraded.stage.rows("actions"))
    status, again, headers = upgraded.ann.ask("POST", path, body, Idempotency_Key="the-action")
    assert (status, headers["Idempotency-Replayed"], again["jobId"]) == (200, "true", answer["jobId"])
    assert fetched(again["resultUrl"])
    assert len(upgraded.stage.rows("actions")) == before


def test_a_link_of_the_old_version_works(upgraded: Filled) -> None:
    assert fetched(upgraded.link) == upgraded.variant


def test_a_deleted_image_stays_deleted_when_its_file_is_uploaded_again(upgraded: Filled) -> None:
    deleted = upgraded.images["DELETED"]
    assert upgraded.ann.ask("GET", f"/images/{deleted}")[0] == 404
    assert send(upgraded.announced["DELETED"], upgraded.variant) == 200
    wait_for(lambda: not stored(upgraded, deleted), "the file that came too late to be removed")
    finish(upgraded)
    assert upgraded.ann.ask("GET", f"/images/{deleted}")[0] == 404


def test_sessions_and_keys_stay_valid(upgraded: Filled) -> None:
    ann = upgraded.ann
    issued = ann.ok("POST", "/auth/refresh", {"refreshToken": ann.tokens["refreshToken"]})
    for token in (ann.tokens["accessToken"], issued["accessToken"]):
        assert upgraded.stage.ask("GET", "/auth/profile", token=token)[0] == 200
    for each in ("current", "replaced"):
        assert upgraded.stage.ask("GET", "/images", token=upgraded.keys[each]["key"])[0] == 200


def test_the_owner_is_notified_of_images_that_the_new_version_finished(world: World, upgraded: Filled) -> None:
    def told_of() -> dict[str, Delivery]:
        return {each.json()["imageId"]: each for each in world.receiver.received}

    wait_for(lambda: begun(upgraded) <= told_of().keys(), "the webhook")
    assert all(told_of()[each].signed_with(upgraded.webhook_secret) for each in begun(upgraded))


def test_the_stage_has_gained_the_queue_of_imports_and_its_worker(upgraded: Filled) -> None:
    assert upgraded.stage.waiting("imports") == 0
    mappings = upgraded.stage.aws.client("lambda").list_event_source_mappings(
        FunctionName="darkroom-dev-import_worker"
    )["EventSourceMappings"]
    assert [each["EventSourceArn"].rpartition(":")[2] for each in mappings] == ["darkroom-dev-imports"]


def test_the_audit_trail_has_no_errors(world: World, upgraded: Filled) -> None:
    upgraded.triggers.run_dry()
    run = world.new.run("-m", "infra", "audit", "verify", "--stage", "dev")
    assert (run.returncode, "is whole" in run.stdout) == (0, True), run.stdout + run.stderr


def test_an_old_account_is_erased_completely(upgraded: Filled) -> None:
    upgraded.zed.ok("DELETE", "/auth/profile")
    finish(upgraded)
    assert left_of_account(upgraded) == []
    assert not stored(upgraded, upgraded.images["of zed"])
