"""Version 0.1.0 with data and work in flight, then the present version over it, then 0.1.0 again.

What is stored, queued or held by a client outlives the code that made it: here the old code makes it, and the new
code goes on with it, and the other way round. Each test follows the one before.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.partner import Partner
from tests.deploy.aws import Aws
from tests.deploy.checkout import Checkout
from tests.deploy.expected import STREAMS
from tests.deploy.upgrade import former
from tests.deploy.upgrade.filling import Filled, finish, fill, in_flight, told
from tests.deploy.upgrade.stage import PASSWORD, Stage, fetched, send
from tests.journeys.receiver import Receiver
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("upgrade")]

# What is another at each look, or when more has happened meanwhile.
_CHANGES = {"requestId", "url", "resultUrl", "downloadUrl", "lastActionAt", "lastUsedAt"}


@dataclass(frozen=True)
class World:
    """An AWS, both versions as they are deployed to it, and who is told of images and asked for customers."""

    aws: Aws
    old: Checkout
    new: Checkout
    receiver: Receiver
    partner: Partner


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("upgrade")
    project = former.unpack(folder / "0.1.0")
    with Aws(folder / "aws.log") as aws, Receiver() as receiver, Partner() as partner:
        old, new = Checkout(folder / "old", aws, project), Checkout(folder / "new", aws)
        # Where people put what no deploy sets.
        for name, value in {"ALLOW_PRIVATE_ADDRESSES": "true", "EXTERNAL_API_URL": partner.url}.items():
            aws.client("ssm").put_parameter(Name=f"/darkroom/dev/darkroom/{name}", Type="String", Value=value)
        yield World(aws, old, new, receiver, partner)


def deploy(checkout: Checkout) -> None:
    run = checkout.run("-m", "infra", "deploy", "--stage", "dev", "--yes")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def filled(world: World) -> Filled:
    """Version 0.1.0, with data, and with work in flight."""
    deploy(world.old)
    return fill(Stage(world.aws), world.receiver, world.partner)


@pytest.fixture(scope="module")
def upgraded(world: World, filled: Filled) -> Filled:
    """The same stage under the present version, which has finished what was in flight."""
    deploy(world.new)
    finish(filled)
    return filled


def test_everything_is_in_flight_when_the_new_version_comes(filled: Filled) -> None:
    for what, number in filled.in_flight.items():
        print(f"in flight: {what}: {number}")
    assert all(filled.in_flight.values()), filled.in_flight


# ------------------------------------------------------------------------- the new version


def test_what_was_in_flight_is_finished(upgraded: Filled) -> None:
    begun = [name for name in upgraded.images if name.startswith(("UPLOADED", "PROCESSING"))]
    assert {name: upgraded.ann.image(upgraded.images[name])["status"] for name in begun} == dict.fromkeys(
        begun, "COMPLETED"
    )
    assert upgraded.ann.action(upgraded.actions["PENDING"])["status"] == "COMPLETED"
    left = in_flight(upgraded)
    assert not [left[each] for each in left if each.startswith(("messages", "executions"))]
    dead = [url for url in upgraded.stage.aws.client("sqs").list_queues()["QueueUrls"] if "-dead" in url]
    assert dead
    assert {url.rpartition("/")[2]: waiting(upgraded, url) for url in dead} == {
        url.rpartition("/")[2]: 0 for url in dead
    }


def waiting(filled: Filled, url: str) -> int:
    return filled.stage.waiting(url.rpartition("/")[2].removeprefix("darkroom-dev-"))


def test_old_rows_say_what_they_said(upgraded: Filled) -> None:
    now = told(upgraded)
    for path, before in upgraded.told.items():
        assert list(differences(before, now[path], path)) == []


def differences(before: Any, now: Any, at: str) -> Iterator[str]:
    """Where an answer lacks what an earlier one had; it may have more."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in before.keys() - _CHANGES:
            yield from differences(before[name], now.get(name), f"{at}.{name}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for place, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, f"{at}[{place}]")
    elif before != now:
        yield f"{at}: {before!r} is now {now!r}"


def test_lists_hold_the_old_rows_and_no_other(upgraded: Filled) -> None:
    gone = {"DELETED", "of zed"}
    images = {each["imageId"]: each["status"] for each in upgraded.ann.every("/images")}
    assert images.keys() == {each for name, each in upgraded.images.items() if name not in gone}
    actions = {each["actionId"]: each["status"] for each in upgraded.ann.every("/actions")}
    others = {"of zed", "of a report"}
    assert actions.keys() == {each for name, each in upgraded.actions.items() if name not in others}
    day = upgraded.root.ok("GET", "/admin/audit?limit=100")["items"]
    assert {"sign_in", "create_key", "rotate_key", "process_file", "delete_image"} <= {
        each["operation"] for each in day
    }


def test_every_run_is_counted_once(upgraded: Filled) -> None:
    upgraded.triggers.run_dry()
    runs = [row for row in upgraded.stage.rows("usage") if row["account"]["S"] == upgraded.ann.id]
    assert upgraded.ann.ok("GET", "/usage")["total"]["requests"] == len(runs)


def test_old_links_and_announced_uploads_work(upgraded: Filled) -> None:
    assert fetched(upgraded.link) == upgraded.variant
    assert send(upgraded.announced["PENDING"], upgraded_picture(upgraded)) == 200
    wait_for(lambda: upgraded.ann.image(upgraded.images["PENDING"])["status"] != "PENDING", "the event of S3")
    finish(upgraded)
    assert upgraded.ann.image(upgraded.images["PENDING"])["status"] == "COMPLETED"


def upgraded_picture(filled: Filled) -> bytes:
    """A picture to send: the variant that there is."""
    return filled.variant


def test_a_deleted_image_stays_deleted(upgraded: Filled) -> None:
    deleted = upgraded.images["DELETED"]
    assert upgraded.ann.ask("GET", f"/images/{deleted}")[0] == 404
    assert send(upgraded.announced["DELETED"], upgraded.variant) == 200
    wait_for(lambda: not stored(upgraded, deleted), "the file that comes too late to be removed")
    finish(upgraded)
    assert upgraded.ann.ask("GET", f"/images/{deleted}")[0] == 404


def stored(filled: Filled, image_id: str) -> bool:
    """Whether a bucket has a version of one of the image's files."""
    s3 = filled.stage.aws.client("s3")
    keys = [
        each["Key"]
        for bucket in s3.list_buckets()["Buckets"]
        for each in s3.list_object_versions(Bucket=bucket["Name"]).get("Versions", ())
    ]
    return any(image_id in key for key in keys)


def test_sessions_and_keys_go_on(upgraded: Filled) -> None:
    ann = upgraded.ann
    issued = ann.ok("POST", "/auth/refresh", {"refreshToken": ann.tokens["refreshToken"]})
    for token in (ann.tokens["accessToken"], issued["accessToken"]):
        assert upgraded.stage.ask("GET", "/auth/profile", token=token)[0] == 200
    for each in ("current", "replaced"):
        assert upgraded.stage.ask("GET", "/images", token=upgraded.keys[each]["key"])[0] == 200
    ann.ok("POST", "/auth/signin", {"email": ann.email, "password": PASSWORD})


def test_what_was_sent_once_is_done_once(upgraded: Filled) -> None:
    before = len(upgraded.stage.rows("images")), len(upgraded.stage.rows("actions"))
    for key, (path, body, answer) in upgraded.repeats.items():
        status, again, headers = upgraded.ann.ask("POST", path, body, Idempotency_Key=key)
        if path == "/upload":
            # Its file has come by now.
            assert (status, again["error"]["code"]) == (409, "ALREADY_UPLOADED")
            continue
        assert (status, headers["Idempotency-Replayed"]) == (200, "true")
        assert again["jobId"] == answer["jobId"]
    assert before == (len(upgraded.stage.rows("images")), len(upgraded.stage.rows("actions")))


def test_the_owner_is_told_of_what_the_new_version_finished(world: World, upgraded: Filled) -> None:
    begun = {each for name, each in upgraded.images.items() if name.startswith(("UPLOADED", "PROCESSING"))}

    def delivered() -> bool:
        return begun <= {each.json()["imageId"] for each in world.receiver.received}

    wait_for(delivered, "the webhook")
    assert all(each.signed_with(upgraded.webhook_secret) for each in world.receiver.received)


def test_the_audit_trail_is_whole(world: World, upgraded: Filled) -> None:
    upgraded.triggers.run_dry()
    run = world.new.run("-m", "infra", "audit", "verify", "--stage", "dev")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "is whole" in run.stdout


def test_an_old_account_is_erased_without_a_rest(upgraded: Filled) -> None:
    zed = upgraded.zed
    zed.ok("DELETE", "/auth/profile")
    finish(upgraded)
    left = [
        (table, row)
        for table in ("users", "images", "actions", "api-keys", "usage", "daily")
        for row in upgraded.stage.rows(table)
        if zed.id in json.dumps(row) and not is_tombstone(row)
    ]
    assert left == []
    assert not stored(upgraded, upgraded.images["of zed"])


def is_tombstone(row: dict[str, Any]) -> bool:
    """What stays of an image, and how many were deleted that day."""
    return row.keys() - {"erased"} == {"userId", "imageId", "status", "ttl"} or row.keys() == {
        "scope",
        "day#what",
        "deleted|sum",
    }


assert STREAMS
