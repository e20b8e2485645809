"""Journeys of the API, as its users make them over HTTP."""

import json
import secrets
import time
from typing import Any

import requests

from chalicelib.actions import ACTIONS
from chalicelib.core import ids
from chalicelib.core.http import signatures
from chalicelib.core.observing.tracking import USAGE
from chalicelib.images import Status
from chalicelib.metering.daily_sums import DAILY
from infra.rights import API
from local.partner import Partner
from tests.journeys.rights.journey import of
from tests.journeys.rights.world import INBOX, USERS, World, item
from tests.journeys.user import PASSWORD, User


def good(answer: requests.Response) -> Any:
    """What an answer says that must be good."""
    assert answer.status_code == 200, answer.text
    return answer.json()


# ------------------------------------------------------------------------------- accounts


@of(API)
def somebody_new_signs_in(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    assert good(user.get("/auth/profile"))["profile"]["email"] == user.email


@of(API)
def signing_out_ends_every_session(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    good(user.post("/auth/signout"))
    assert user.get("/auth/profile").status_code == 401
    assert user.post("/auth/refresh", refreshToken=user.tokens["refreshToken"]).status_code == 401


@of(API)
def a_new_password_ends_every_session(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    good(user.post("/auth/forgot-password", email=user.email))
    good(user.post("/auth/reset-password", email=user.email, code="123456", password=f"{PASSWORD}!"))
    assert user.get("/auth/profile").status_code == 401


@of(API)
def a_profile_is_changed_and_that_is_noted(world: World, name: str) -> None:
    changed = good(world.ann.request("PATCH", "/auth/profile", json={"name": secrets.token_hex(4)}))["profile"]
    assert item(USERS, world.user_id)["name"] == changed["name"]
    assert [each["operation"] for lot, _ in INBOX.scan(500) for each in lot] == ["change_profile"]


@of(API)
def an_account_is_erased_with_all_it_owns(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    image_id, day = str(user.announce(b"")["imageId"]), ids.now()[:10]
    good(user.post("/keys", name="k", accessTypes=["actions"]))
    user_id = user.id
    DAILY.put({"scope": user_id, "day#what": f"{day}#images", "sum": 1})
    action = world.begun("PROCESS_FILE", {}, user_id=user_id)
    files = {f"uploads/{user_id}/{image_id}.jpg": "S3_INPUT_BUCKET"}
    files |= {f"{kind}/{user_id}/{action.action_id}.json": "S3_OUTPUT_BUCKET" for kind in ("reports", "exports")}
    for key, bucket in files.items():
        world.put(bucket, key)
    good(user.request("DELETE", "/auth/profile"))
    assert USERS.get(user_id) is None
    assert [world.versions(bucket, key) for key, bucket in files.items()] == [[], [], []]
    left = [*USAGE.between(user_id, "0", "~"), *DAILY.between(user_id, "0", "~"), *ACTIONS.between(user_id, "0", "~")]
    assert left == []
    assert user.post("/auth/signin", email=user.email, password=user.password).status_code == 401


# -------------------------------------------------------------------------------- images


@of(API)
def an_upload_is_announced_and_recorded(world: World, name: str) -> None:
    begun = ids.now()
    announced = world.ann.announce(b"")
    assert announced["uploadUrl"]
    assert len(world.runs("create_upload", begun, world.user_id)) == 1


@of(API)
def what_is_sent_again_is_done_once(world: World, name: str) -> None:
    again = {"headers": {"Idempotency-Key": secrets.token_hex(8)}, "json": {"fileName": "a", "fileType": "image/png"}}
    first, second = (good(world.ann.request("POST", "/upload", **again)) for _ in range(2))
    assert first["imageId"] == second["imageId"]


@of(API)
def what_failed_may_be_sent_again(world: World, name: str) -> None:
    image_id = str(world.ann.announce(b"")["imageId"])
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    path = f"/images/{image_id}/reprocess"
    codes = [world.ann.request("POST", path, headers=headers).json()["error"]["code"] for _ in range(2)]
    assert codes == ["IMAGE_NOT_FINISHED", "IMAGE_NOT_FINISHED"]


@of(API)
def images_are_shown_with_links(world: World, name: str) -> None:
    listed = good(world.ann.get("/images"))["items"]
    assert world.photo in [each["imageId"] for each in listed]
    assert requests.get(world.ann.image(world.photo)["variants"][0]["url"], timeout=10).status_code == 200


@of(API)
def an_image_is_deleted(world: World, name: str) -> None:
    image = world.planted()
    variant = f"processed/{world.user_id}/{image.image_id}-small.jpg"
    world.put("S3_OUTPUT_BUCKET", variant)
    good(world.ann.request("DELETE", f"/images/{image.image_id}"))
    assert world.versions("S3_INPUT_BUCKET", image.s3_key) + world.versions("S3_OUTPUT_BUCKET", variant) == []


@of(API)
def an_image_is_run_again(world: World, name: str) -> None:
    uploads, image = world.queue("uploads"), world.planted()
    assert good(world.ann.post(f"/images/{image.image_id}/reprocess"))["image"]["status"] == Status.PROCESSING
    assert len(world.received(uploads)) == 1


@of(API)
def a_defect_is_told(world: World, name: str) -> None:
    errors, image = world.queue("critical-errors.fifo"), world.planted(remove=("fileName",))
    world.machine.clock.advance(301)
    assert world.ann.get(f"/images/{image.image_id}").status_code == 500
    assert len(world.received(errors)) == 1


# ------------------------------------------------------------------------------- actions


def process(world: World, **asked: Any) -> Any:
    return good(world.ann.post("/actions/process", fileId=world.photo, **asked))


@of(API)
def an_image_is_processed_at_once(world: World, name: str) -> None:
    before = world.acted_at()
    told = process(world, processingType="analyze")
    assert told["status"] == "COMPLETED"
    assert requests.get(told["resultUrl"], timeout=10).status_code == 200
    assert world.acted_at() > before
    assert [each["actionId"] for each in good(world.ann.get("/actions"))["items"]] == [told["jobId"]]


@of(API)
def an_image_is_processed_by_the_queue(world: World, name: str) -> None:
    queue = world.queue("actions")
    told = process(world, processingType="convert", options={"format": "avif"})
    assert told["status"] == "PENDING"
    assert len(world.received(queue)) == 1


@of(API)
def an_image_is_processed_by_an_external_service(world: World, name: str) -> None:
    with Partner() as partner, world.secret(partner.secret):
        told = process(world, processingType="analyze")
        assert good(world.ann.get(f"/actions/{told['jobId']}"))["action"]["externalId"]
        source = partner.received[0].json()["sourceUrl"]
        assert requests.get(source, timeout=10).status_code == 200


@of(API)
def an_external_service_ends_its_action(world: World, name: str) -> None:
    with Partner() as partner, world.secret(partner.secret):
        action = world.begun("ANY", {}, externalId="work-1", externalStatus="queued")
        body = json.dumps({"id": "work-1", "status": "completed"}).encode()
        signature = signatures.sign(partner.callback_secret, int(time.time()), body, action.action_id)
        headers = {"Content-Type": "application/json", signatures.HEADER: signature}
        url = f"{world.machine.api_url}/actions/{action.action_id}/callback"
        good(requests.post(url, data=body, headers=headers, timeout=10))
        assert item(ACTIONS, action.user_id, action.action_id)["status"] == "COMPLETED"


@of(API)
def a_report_is_made(world: World, name: str) -> None:
    period = {"start": "2026-01-01", "end": "2026-01-31"}
    told = good(world.admin.post("/actions/report", reportType="usage", dateRange=period))
    assert told["status"] == "COMPLETED"


@of(API)
def an_export_is_made_and_its_link_mailed(world: World, name: str) -> None:
    asked = {"dataTypes": ["profile", "activities", "files"], "format": "json", "email": world.ann.email}
    told = good(world.ann.request("POST", "/actions/export", json=asked))
    assert told["status"] == "COMPLETED"
    assert "on its way" in told["message"]


@of(API)
def an_export_that_cannot_be_written_leaves_nothing(world: World, name: str) -> None:
    broken = world.planted(remove=("fileName",))
    asked = {"dataTypes": ["files"], "format": "json"}
    assert world.ann.request("POST", "/actions/export", json=asked).status_code == 500
    world.remove(broken)
    assert world.half_written("S3_OUTPUT_BUCKET", f"exports/{world.user_id}/") == []


# ---------------------------------------------------------------------- keys and the rest


@of(API)
def a_key_is_made_used_rotated_and_revoked(world: World, name: str) -> None:
    made = good(world.ann.post("/keys", name="k", accessTypes=["file_upload"]))
    path = f"/keys/{made['keyId']}"
    headers = {"Authorization": f"Bearer {made['key']}"}
    good(requests.get(f"{world.machine.api_url}/images", headers=headers, timeout=10))
    listed = {each["keyId"]: each for each in good(world.ann.get("/keys"))["items"]}
    assert listed[made["keyId"]]["lastUsedAt"] is not None
    good(world.ann.post(f"{path}/rotate"))
    good(world.ann.request("DELETE", path))
    assert requests.get(f"{world.machine.api_url}/images", headers=headers, timeout=10).status_code == 401


@of(API)
def administrators_see_and_change(world: World, name: str) -> None:
    admin = world.admin
    assert good(admin.get("/admin/users", email=world.ann.email))["items"]
    good(admin.request("PATCH", f"/admin/users/{world.user_id}", json={"canExportData": True}))
    for path in ("/admin/usage", "/admin/syncs", "/admin/audit"):
        good(admin.get(path))


@of(API)
def anybody_sees_how_it_is_doing(world: World, name: str) -> None:
    assert good(requests.get(f"{world.machine.api_url}/health", timeout=10))["success"] is True
