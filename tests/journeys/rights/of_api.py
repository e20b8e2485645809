"""Journeys of the API, over HTTP."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from chalicelib.actions import ACTIONS
from chalicelib.core import ids
from chalicelib.core.http import signatures
from chalicelib.core.observing.tracking import USAGE
from chalicelib.images import Status
from chalicelib.metering.models import DAILY
from infra.function_grants import API
from local.fake_api import FakeApi
from tests.journeys.authenticator import answer, challenge, enrol
from tests.journeys.picture_server import PictureServer, gives
from tests.journeys.rights.journey import journey_of
from tests.journeys.rights.world import INBOX, PHOTO, USERS, World, item
from tests.journeys.user import PASSWORD, User


def succeeded(response: requests.Response) -> Any:
    """The content of a response that must be successful."""
    assert response.status_code == 200, response.text
    return response.json()


# ------------------------------------------------------------------------------- accounts


@journey_of(API)
def a_new_user_signs_in(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    assert succeeded(user.get("/auth/profile"))["profile"]["email"] == user.email


@journey_of(API)
def signing_out_ends_every_session(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    succeeded(user.post("/auth/signout"))
    assert user.get("/auth/profile").status_code == 401
    assert user.post("/auth/refresh", refreshToken=user.tokens["refreshToken"]).status_code == 401


@journey_of(API)
def a_new_password_ends_every_session(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    succeeded(user.post("/auth/forgot-password", email=user.email))
    succeeded(user.post("/auth/reset-password", email=user.email, code="123456", password=f"{PASSWORD}!"))
    assert user.get("/auth/profile").status_code == 401


@journey_of(API)
def a_change_of_a_profile_is_audited(world: World, name: str) -> None:
    changed = succeeded(world.ann.request("PATCH", "/auth/profile", json={"name": secrets.token_hex(4)}))["profile"]
    assert item(USERS, world.user_id)["name"] == changed["name"]
    assert [each["operation"] for rows, _ in INBOX.scan(500) for each in rows] == ["change_profile"]


@journey_of(API)
def an_account_is_erased_with_all_its_data(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    image_id, day = str(user.announce(b"")["imageId"]), ids.now()[:10]
    succeeded(user.post("/keys", name="k", accessTypes=["actions"]))
    user_id = user.id
    DAILY.put({"scope": user_id, "day#what": f"{day}#images", "sum": 1})
    action = world.create_action("PROCESS_FILE", {}, user_id=user_id)
    files = {f"uploads/{user_id}/{image_id}.jpg": "S3_INPUT_BUCKET"}
    files |= {f"{kind}/{user_id}/{action.action_id}.json": "S3_OUTPUT_BUCKET" for kind in ("reports", "exports")}
    for key, bucket in files.items():
        world.put_file(bucket, key)
    succeeded(user.request("DELETE", "/auth/profile"))
    assert USERS.get(user_id) is None
    assert [world.file_keys(bucket, key) for key, bucket in files.items()] == [[], [], []]
    left = [*USAGE.between(user_id, "0", "~"), *DAILY.between(user_id, "0", "~"), *ACTIONS.between(user_id, "0", "~")]
    assert left == []
    assert user.post("/auth/signin", email=user.email, password=user.password).status_code == 401


@journey_of(API)
def a_second_factor_is_asked_for_until_it_is_turned_off(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    app = enrol(world.machine, user)
    assert "accessToken" in succeeded(answer(user, challenge(user), app.code()))
    succeeded(user.request("DELETE", "/auth/mfa", json={"password": user.password, "code": app.code()}))
    user.sign_in()


@journey_of(API)
def a_lost_authenticator_is_reset(world: World, name: str) -> None:
    user = User.new(world.machine.api_url)
    enrol(world.machine, user)
    challenge(user)
    succeeded(world.admin.request("DELETE", f"/admin/users/{user.id}/mfa"))
    user.sign_in()


# -------------------------------------------------------------------------------- images


@journey_of(API)
def an_upload_is_created_with_a_usage_record(world: World, name: str) -> None:
    started = ids.now()
    assert world.ann.announce(b"")["uploadUrl"]
    assert len(world.usage_records("create_upload", started, world.user_id)) == 1


@journey_of(API)
def a_repeated_request_is_done_once(world: World, name: str) -> None:
    request = {"headers": {"Idempotency-Key": secrets.token_hex(8)}, "json": {"fileName": "a", "fileType": "image/png"}}
    first, second = (succeeded(world.ann.request("POST", "/upload", **request)) for _ in range(2))
    assert first["imageId"] == second["imageId"]


@journey_of(API)
def a_failed_request_can_be_repeated(world: World, name: str) -> None:
    image_id = str(world.ann.announce(b"")["imageId"])
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    path = f"/images/{image_id}/reprocess"
    codes = [world.ann.request("POST", path, headers=headers).json()["error"]["code"] for _ in range(2)]
    assert codes == ["IMAGE_NOT_FINISHED", "IMAGE_NOT_FINISHED"]


@journey_of(API)
def images_are_listed_with_working_links(world: World, name: str) -> None:
    assert succeeded(world.ann.get("/presets"))["presets"]
    images = succeeded(world.ann.get("/images"))["items"]
    assert world.photo in [each["imageId"] for each in images]
    assert requests.get(world.ann.image(world.photo)["variants"][0]["url"], timeout=10).status_code == 200


@journey_of(API)
def an_image_is_deleted(world: World, name: str) -> None:
    image = world.create_image()
    variant = f"processed/{world.user_id}/{image.image_id}-small.jpg"
    world.put_file("S3_OUTPUT_BUCKET", variant)
    succeeded(world.ann.request("DELETE", f"/images/{image.image_id}"))
    assert world.file_keys("S3_INPUT_BUCKET", image.s3_key) + world.file_keys("S3_OUTPUT_BUCKET", variant) == []


@journey_of(API)
def an_image_is_reprocessed(world: World, name: str) -> None:
    uploads, image = world.empty_queue("uploads"), world.create_image()
    assert succeeded(world.ann.post(f"/images/{image.image_id}/reprocess"))["image"]["status"] == Status.PROCESSING
    assert len(world.take_messages(uploads)) == 1


@journey_of(API)
def an_internal_error_is_reported(world: World, name: str) -> None:
    errors, image = world.empty_queue("critical-errors.fifo"), world.create_image(remove=("fileName",))
    world.machine.clock.advance(301)
    assert world.ann.get(f"/images/{image.image_id}").status_code == 500
    assert len(world.take_messages(errors)) == 1


@journey_of(API)
def a_picture_is_imported_from_a_url(world: World, name: str) -> None:
    with PictureServer() as server:
        url = server.put("/photo.jpg", gives(PHOTO))
        image_id = succeeded(world.ann.post("/upload", sourceUrl=url))["imageId"]
    assert world.file_keys("S3_INPUT_BUCKET", f"uploads/{world.user_id}/{image_id}.jpg")
    assert world.ann.image(image_id)["fileSize"] == len(PHOTO)


@journey_of(API)
def a_slow_picture_is_left_to_the_queue(world: World, name: str) -> None:
    queue = world.empty_queue("imports")
    with PictureServer() as server:
        url = server.put("/photo.jpg", server.drips(PHOTO))
        image_id = succeeded(world.ann.post("/upload", sourceUrl=url))["imageId"]
    assert [json.loads(each["Body"])["imageId"] for each in world.take_messages(queue)] == [image_id]


# ------------------------------------------------------------------------------- actions


def process(world: World, **body: Any) -> Any:
    return succeeded(world.ann.post("/actions/process", fileId=world.photo, **body))


@journey_of(API)
def an_image_is_processed_at_once(world: World, name: str) -> None:
    before = world.last_action_at()
    result = process(world, processingType="analyze")
    assert result["status"] == "COMPLETED"
    assert requests.get(result["resultUrl"], timeout=10).status_code == 200
    assert world.last_action_at() > before
    assert [each["actionId"] for each in succeeded(world.ann.get("/actions"))["items"]] == [result["jobId"]]


@journey_of(API)
def an_image_is_processed_by_the_queue(world: World, name: str) -> None:
    queue = world.empty_queue("actions")
    result = process(world, processingType="convert", options={"format": "avif"})
    assert result["status"] == "PENDING"
    assert len(world.take_messages(queue)) == 1


@contextmanager
def _external_services(world: World) -> Iterator[FakeApi]:
    """Services that the API's process knows, though it may have read the secret before."""
    with FakeApi() as fake_api, world.secret_value(fake_api.secret):
        world.machine.replace_workers(API)
        yield fake_api
    world.machine.replace_workers(API)


@journey_of(API)
def an_image_is_processed_by_an_external_service(world: World, name: str) -> None:
    with _external_services(world) as fake_api:
        result = process(world, processingType="analyze")
        assert succeeded(world.ann.get(f"/actions/{result['jobId']}"))["action"]["externalId"]
        source = fake_api.received[0].json()["sourceUrl"]
        assert requests.get(source, timeout=10).status_code == 200


@journey_of(API)
def an_external_service_ends_its_action(world: World, name: str) -> None:
    with _external_services(world) as fake_api:
        action = world.create_action("ANY", {}, externalId="work-1", externalStatus="queued")
        body = json.dumps({"id": "work-1", "status": "completed"}).encode()
        signature = signatures.sign(fake_api.callback_secret, int(time.time()), body, action.action_id)
        headers = {"Content-Type": "application/json", signatures.HEADER: signature}
        url = f"{world.machine.api_url}/actions/{action.action_id}/callback"
        succeeded(requests.post(url, data=body, headers=headers, timeout=10))
        assert item(ACTIONS, action.user_id, action.action_id)["status"] == "COMPLETED"


@journey_of(API)
def a_report_is_made(world: World, name: str) -> None:
    period = {"start": "2026-01-01", "end": "2026-01-31"}
    result = succeeded(world.admin.post("/actions/report", reportType="usage", dateRange=period))
    assert result["status"] == "COMPLETED"


@journey_of(API)
def an_export_is_made_and_its_link_is_sent_by_email(world: World, name: str) -> None:
    body = {"dataTypes": ["profile", "activities", "files"], "format": "json", "email": world.ann.email}
    result = succeeded(world.ann.request("POST", "/actions/export", json=body))
    assert result["status"] == "COMPLETED"
    assert "on its way" in result["message"]


@journey_of(API)
def an_export_uses_further_fonts(world: World, name: str) -> None:
    world.create_image(fileName="写真.jpg")
    result = succeeded(world.ann.post("/actions/export", dataTypes=["files"], format="pdf"))
    assert "写真.jpg" in world.pdf_text(f"exports/{world.user_id}/{result['exportId']}.pdf")


@journey_of(API)
def an_export_that_fails_leaves_no_unfinished_upload(world: World, name: str) -> None:
    broken = world.create_image(remove=("fileName",))
    body = {"dataTypes": ["files"], "format": "json"}
    assert world.ann.request("POST", "/actions/export", json=body).status_code == 500
    world.remove_image(broken)
    assert world.unfinished_uploads("S3_OUTPUT_BUCKET", f"exports/{world.user_id}/") == []


# ---------------------------------------------------------------------- keys and the rest


@journey_of(API)
def a_key_is_made_used_rotated_and_revoked(world: World, name: str) -> None:
    key = succeeded(world.ann.post("/keys", name="k", accessTypes=["file_upload"]))
    path = f"/keys/{key['keyId']}"
    headers = {"Authorization": f"Bearer {key['key']}"}
    succeeded(requests.get(f"{world.machine.api_url}/images", headers=headers, timeout=10))
    keys = {each["keyId"]: each for each in succeeded(world.ann.get("/keys"))["items"]}
    assert keys[key["keyId"]]["lastUsedAt"] is not None
    succeeded(world.ann.post(f"{path}/rotate"))
    succeeded(world.ann.request("DELETE", path))
    assert requests.get(f"{world.machine.api_url}/images", headers=headers, timeout=10).status_code == 401


@journey_of(API)
def an_administrator_reads_and_changes(world: World, name: str) -> None:
    admin = world.admin
    assert succeeded(admin.get("/admin/users", email=world.ann.email))["items"]
    succeeded(admin.request("PATCH", f"/admin/users/{world.user_id}", json={"canExportData": True}))
    for path in ("/admin/usage", "/admin/syncs", "/admin/audit", "/admin/audit/verification"):
        succeeded(admin.get(path))


@journey_of(API)
def anybody_can_read_the_health(world: World, name: str) -> None:
    assert succeeded(requests.get(f"{world.machine.api_url}/health", timeout=10))["success"] is True


@journey_of(API)
def an_administrator_sees_each_job_and_queue(world: World, name: str) -> None:
    world.let_work_wait()
    health = succeeded(world.admin.get("/admin/health"))
    assert health["jobs"]
    queues = {each["name"]: each for each in [*health["queues"], *health["deadLetterQueues"]]}
    assert [each for each in queues.values() if each["waiting"] is None] == []
    assert queues["uploads-queue"]["oldestSince"]
    assert queues["actions-queue"]["oldestSince"]
