"""Erasing an account leaves nothing of what an export shows, in no table and in no bucket."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from moto.backends import get_backend

from chalicelib import actions
from chalicelib.actions import exporting
from chalicelib.core import log
from chalicelib.core.aws.writes import TOKEN
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import UnavailableError
from chalicelib.core.observing.tracking import USAGE, Execution
from chalicelib.images import IMAGES
from chalicelib.metering.models import DAILY
from local.aws import ACCOUNT, REGION
from local.machine import Machine
from tests import pictures
from tests.journeys.audit_trail import audit_entries_of
from tests.journeys.exporter import begun, downloaded, export, exporter, files_kept
from tests.journeys.gateway import call
from tests.journeys.ledger import settled
from tests.journeys.user import User

CORRELATION_ID = "chosen-by-ann-alone"


def every_item() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every stored item of every table, with the table's name."""
    for table in get_backend("dynamodb")[ACCOUNT][REGION].tables.values():
        yield from ((table.name, item.to_json()["Attributes"]) for item in table.all_items())


def every_key(machine: Machine) -> Iterator[str]:
    """The key of every object version and every unfinished upload, in every bucket."""
    s3 = machine.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
            yield from (each["Key"] for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, ()))
        yield from (each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket["Name"]).get("Uploads", ()))


def every_file(machine: Machine, user_id: str) -> Iterator[tuple[str, bytes]]:
    """The key and the content of each file of a user, in every bucket."""
    s3 = machine.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
            keys = [each["Key"] for each in page.get("Contents", ()) if user_id in each["Key"]]
            yield from ((key, s3.get_object(Bucket=bucket["Name"], Key=key)["Body"].read()) for key in keys)


# Until nothing can write a file of the image any more.
UNFINISHED = {"unfinished", "unfinishedSince"}


def is_excepted(machine: Machine, name: str, item: dict[str, Any]) -> bool:
    """Whether an item may remain after an erasure, as documented."""
    tables = {machine.environment[each]: each for each in ("IMAGES_TABLE", "LIMITS_TABLE", "DAILY_TABLE")}
    kind = tables.get(name, name)
    if kind == "IMAGES_TABLE":
        # A tombstone, so that a late event restores nothing.
        return set(item) - {"erased", TOKEN} == {"userId", "imageId", "status", "ttl"}
    if kind == "DAILY_TABLE":
        # The stream may report the images' deletion last.
        return set(item) == {"scope", "day#what", "deleted|sum"}
    return (kind == "LIMITS_TABLE" and "ttl" in item) or name.endswith(("-audit", "-audit-inbox", "-idempotency"))


def test_erasing_an_account_removes_everything_that_an_export_shows(machine: Machine) -> None:
    user = exporter(machine, "Ann Unlike-Anybody")
    user_id = user.id
    user.more_headers[log.CORRELATION_HEADER] = CORRELATION_ID
    image_id = user.upload(pictures.laden_jpeg(), name="only-ann-has-this.jpg")
    deleted = user.upload(pictures.jpeg(320, 240), name="only-ann-has-this.jpg")
    assert user.request("DELETE", f"/images/{deleted}").status_code == 200
    assert user.finished(image_id)["status"] == "COMPLETED", user.image(image_id)["reason"]
    assert user.post("/keys", name="only-ann-has-this", accessTypes=["exports"]).status_code == 200
    assert user.post("/actions/process", fileId=image_id, processingType="analyze").status_code == 200
    settled(machine)
    exported = json.loads(downloaded(export(user, "json")["downloadUrl"]))
    assert all(exported[table] for table in ("profile", "apiKeys", "actions", "usage", "files"))
    settled(machine)

    chosen = {user.email, "Ann Unlike-Anybody", "only-ann-has-this", CORRELATION_ID}
    assert all(any(mark in json.dumps(item, default=repr) for _, item in every_item()) for mark in chosen)
    marks = {user_id, *chosen}
    marks |= {row["keyId"] for row in exported["apiKeys"]} | {row["actionId"] for row in exported["actions"]}
    kept = {name for name, item in every_item() for mark in marks if mark in json.dumps(item, default=repr)}
    wanted = ("USERS", "IMAGES", "ACTIONS", "API_KEYS", "USAGE_METRICS_DYNAMO", "DAILY")
    assert {machine.environment[f"{each}_TABLE"] for each in wanted} <= kept
    assert any(user_id in key for key in every_key(machine))
    # What a camera wrote into the file (EXIF, XMP, a comment) is in the original alone.
    for mark in ("SECRET description", "SECRET comment", ">SECRET<"):
        holding = {key for key, data in every_file(machine, user_id) if mark.encode() in data}
        assert {key.partition("/")[0] for key in holding} == {"uploads"}, mark
        assert not [name for name, item in every_item() if mark in json.dumps(item, default=repr)], mark

    assert user.request("DELETE", "/auth/profile").status_code == 200
    assert user.get("/auth/validate").status_code == 401
    settled(machine)
    left = [
        (name, item)
        for name, item in every_item()
        if any(mark in json.dumps(item, default=repr) for mark in marks) and not is_excepted(machine, name, item)
    ]
    assert left == []
    assert [
        (name, mark) for name, item in every_item() for mark in chosen if mark in json.dumps(item, default=repr)
    ] == []
    assert [key for key in every_key(machine) if user_id in key] == []
    pool = machine.client("cognito-idp")
    pool_id = pool.list_user_pools(MaxResults=1)["UserPools"][0]["Id"]
    assert user.email not in json.dumps(pool.list_users(UserPoolId=pool_id), default=str)


def test_a_deleted_image_leaves_only_the_named_attributes(machine: Machine, function: pytest.MonkeyPatch) -> None:
    user = User.new(machine.api_url)
    user_id = user.id
    ids = [user.announce(b"")["imageId"] for _ in range(4)]
    for image_id in ids:
        IMAGES.update(user_id, image_id, change={"later": "an attribute of another version", "correlationId": "x"})
    assert user.request("DELETE", f"/images/{ids[0]}").status_code == 200
    assert set(IMAGES.get(user_id, ids[0]) or {}) == {"userId", "imageId", "status", "ttl", *UNFINISHED}
    # As version 0.1.0 stored it.
    IMAGES.update(user_id, ids[1], change={"status": "DELETED", "ttl": int(time.time()) + 3600}, remove=["fileName"])
    IMAGES.update(user_id, ids[3], change={"status": "PROCESSING"})
    assert user.request("DELETE", "/auth/profile").status_code == 200
    assert (IMAGES.get(user_id, ids[3]) or {})["unfinished"] == "DELETED"
    for image_id in ids[1:3]:
        assert set(IMAGES.get(user_id, image_id) or {}) == {"userId", "imageId", "status", "ttl", "erased"}


def test_an_export_that_ends_after_its_user_was_erased_leaves_nothing(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    user = exporter(machine)
    action = begun(user)
    actions.erase_all(action.user_id)
    with pytest.raises(actions.ActionFinishedError):
        exporting.run(action, Deadline.within(60))
    assert files_kept(machine, action.user_id) == []


def test_an_erasure_that_was_cut_off_is_finished_by_the_same_request(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    user = User.new(machine.api_url)
    image_id, user_id = user.upload(pictures.jpeg(64, 64)), user.id
    user.finished(image_id)

    def fail(_: str) -> None:
        raise UnavailableError

    with function.context() as here:
        here.setattr("chalicelib.erasure.service.delete_user", fail)
        assert call("DELETE /auth/profile", user.headers).status == 503
    assert user.get("/images").status_code == 403, "nothing begins in the account any more"
    # A step that was under way.
    machine.client("s3").put_object(
        Bucket=machine.environment["S3_OUTPUT_BUCKET"], Key=f"processed/{user_id}/{image_id}-small.jpg", Body=b"late"
    )
    assert user.request("DELETE", "/auth/profile").status_code == 200
    assert user.get("/images").status_code == 401
    assert [key for key in every_key(machine) if user_id in key] == []
    erasures = [each for each in audit_entries_of(machine, user_id) if each["operation"] == "erase_account"]
    assert [each["outcome"] for each in erasures] == ["UNAVAILABLE", "ok"]


def test_a_step_that_ends_after_the_erasure_leaves_no_usage_record(
    machine: Machine, function: pytest.MonkeyPatch
) -> None:
    user = User.new(machine.api_url)
    user_id = user.id
    assert user.request("DELETE", "/auth/profile").status_code == 200
    record = Execution("resize", "resize", "Step Functions", 512, account=user_id, user=user_id).usage_record()
    USAGE.put(record)
    settled(machine)
    assert list(USAGE.between(user_id, "0", "~")) == []
    assert list(DAILY.between(user_id, "0", "~")) == []
