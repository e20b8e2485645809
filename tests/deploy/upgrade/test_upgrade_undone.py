"""The present version with data and work in flight, then version 0.1.0 over it: an upgrade can be taken back.

Follows tests/deploy/upgrade/test_upgrade.py on the same stage.
"""

import pytest

from tests.deploy.aws import REGION
from tests.deploy.upgrade.checks import (
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
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow]


def test_work_in_progress_is_finished_after_the_rollback(undone: Filled) -> None:
    for what, number in undone.in_flight.items():
        print(f"in flight: {what}: {number}")
    assert all(undone.in_flight.values()), undone.in_flight
    check_finished(undone)


def test_rows_of_the_new_version_return_the_same_responses(undone: Filled) -> None:
    # The new version may return more.
    now = told(undone)
    assert [each for path, before in undone.told.items() for each in differences(now[path], before, path)] == []


def test_lists_contain_the_new_rows_and_runs_are_counted(undone: Filled) -> None:
    check_lists(undone)
    check_every_run_is_counted_once(undone)


def test_links_and_pending_uploads_work(undone: Filled) -> None:
    assert fetched(undone.link) == undone.variant
    assert send(undone.announced["PENDING"], undone.variant) == 200
    wait_for(lambda: undone.ann.image(undone.images["PENDING"])["status"] != "PENDING", "the event of S3")
    finish(undone)
    assert undone.ann.image(undone.images["PENDING"])["status"] == "COMPLETED"


def test_sessions_of_the_old_version_stay_valid(upgraded: Filled, undone: Filled) -> None:
    ann = upgraded.ann
    ann.ok("POST", "/auth/refresh", {"refreshToken": ann.tokens["refreshToken"]})
    ann.sign_in()
    assert undone.ann.email != ann.email


def test_keys_of_the_new_version_work_and_are_deleted_with_all_secrets(undone: Filled) -> None:
    secrets = [undone.keys[each]["key"] for each in ("current", "replaced")]
    assert [undone.stage.ask("GET", "/images", token=each)[0] for each in secrets] == [200, 200]
    undone.ann.ok("DELETE", f"/keys/{undone.keys['current']['keyId']}")
    assert [undone.stage.ask("GET", "/images", token=each)[0] for each in secrets] == [401, 401]


def test_the_audit_trail_has_no_errors(world: World, undone: Filled) -> None:
    undone.triggers.run_dry()
    # Version 0.1.0 uses the region of its caller.
    region = {"AWS_DEFAULT_REGION": REGION}
    run = world.old.run("-m", "infra", "audit", "verify", "--stage", "dev", stage_environment=region)
    assert (run.returncode, "is whole" in run.stdout) == (0, True), run.stdout + run.stderr


def test_an_account_of_the_new_version_is_erased_completely(undone: Filled) -> None:
    undone.zed.ok("DELETE", "/auth/profile")
    finish(undone)
    # Version 0.1.0 leaves more in a tombstone than the present one.
    assert [table for table, _ in left_of_account(undone) if table != "images"] == []
    assert not stored(undone, undone.images["of zed"])
