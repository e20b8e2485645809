"""The restore drill: what an operator lost by mistake comes back, and what users deleted or erased does not."""

import math
import time
from typing import Any

import pytest
import requests

from chalicelib.accounts.models import mark_erasing
from chalicelib.audit import INBOX
from chalicelib.core import ids
from infra import template
from infra.__main__ import main
from infra.restore.tables import REFUSED, RESTORABLE
from local.machine import Machine
from tests import pictures
from tests.journeys.audit_trail import all_items, audit_entries
from tests.journeys.ledger import settled
from tests.journeys.user import User
from tests.waiting import wait_for


def restore(printed: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[str]:
    """The lines that the command prints, without their indentation."""
    assert main(["restore", *arguments, "--stage", "local"]) == code
    captured = printed.readouterr()
    return [line.strip() for line in (captured.out + captured.err).splitlines()]


def moment_after_now() -> str:
    """The next whole second, once it is over: DynamoDB and S3 know no fractions."""
    second = math.ceil(time.time())
    wait_for(lambda: time.time() > second + 1, "the second to be over")
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def variant(user: User, image_id: str) -> bytes:
    redirect = user.get(f"/images/{image_id}/variants/small")
    assert redirect.status_code == 302, redirect.text
    return requests.get(redirect.headers["Location"], timeout=30).content


def row(machine: Machine, user: User, image_id: str) -> dict[str, Any]:
    """The table and the key of an image's row, as DynamoDB takes them."""
    key = {"userId": {"S": user.id}, "imageId": {"S": image_id}}
    return {"TableName": machine.environment["IMAGES_TABLE"], "Key": key}


def lose(machine: Machine, user: User, image_id: str) -> None:
    """What a mistaken command of an operator does: the row is gone, and the files have delete markers."""
    machine.client("dynamodb").delete_item(**row(machine, user, image_id))
    for bucket, prefix in (("S3_INPUT_BUCKET", "uploads"), ("S3_OUTPUT_BUCKET", "processed")):
        place = {"Bucket": machine.environment[bucket]}
        listed = machine.client("s3").list_objects_v2(**place, Prefix=f"{prefix}/{user.id}/{image_id}")
        keys = [{"Key": each["Key"]} for each in listed["Contents"]]
        machine.client("s3").delete_objects(**place, Delete={"Objects": keys})


def test_what_was_lost_comes_back_and_what_was_deleted_does_not(
    machine: Machine, function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, bob = User.new(machine.api_url), User.new(machine.api_url)
    lost = ann.upload(pictures.jpeg(320, 240))
    deleted, bobs = (user.announce(b"")["imageId"] for user in (ann, bob))
    assert ann.finished(lost)["status"] == "COMPLETED"
    picture, bob_id = variant(ann, lost), bob.id
    settled(machine)
    to = moment_after_now()

    assert ann.request("DELETE", f"/images/{deleted}").status_code == 200
    assert bob.request("DELETE", "/auth/profile").status_code == 200
    settled(machine)
    usage = ann.get("/usage").json()
    lose(machine, ann, lost)
    assert ann.get(f"/images/{lost}").status_code == 404

    said = restore(capsys, "table", "images", "--to", to, "--dry-run")
    assert {"1 missing now", "1 of erased accounts  (never brought back)"} <= set(said), said
    assert "1 deleted by their owners  (never brought back)" in said
    assert ann.get(f"/images/{lost}").status_code == 404
    restore(capsys, "table", "images", "--to", to, "--yes")
    for bucket in ("input", "output"):
        restore(capsys, "objects", bucket, "", "--to", to, "--yes")

    assert variant(ann, lost) == picture
    original = {"Bucket": machine.environment["S3_INPUT_BUCKET"], "Key": f"uploads/{ann.id}/{lost}.jpg"}
    assert machine.client("s3").get_object(**original)["Body"].read() == pictures.jpeg(320, 240)
    assert ann.get(f"/images/{deleted}").status_code == 404
    left = [each for each in all_items(machine, "IMAGES_TABLE") if each["userId"] == bob_id]
    assert [(each["imageId"], each["status"]) for each in left] == [(bobs, "DELETED")]
    settled(machine)
    after = ann.get("/usage").json()
    # Neither the loss nor the return is counted.
    assert (after["storage"], after["images"]) == (usage["storage"], usage["images"])
    assert not [name for name in machine.client("dynamodb").list_tables()["TableNames"] if "-images-" in name]
    noted = [each["operation"] for each in audit_entries(machine) if each["operation"].startswith("restore_")]
    assert noted[-3:] == ["restore_table", "restore_objects", "restore_objects"]


@pytest.mark.slow
def test_a_row_that_differs_is_replaced_only_on_request(
    machine: Machine, function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ann = User.new(machine.api_url)
    image_id = ann.announce(b"", name="holiday.jpg")["imageId"]
    to = moment_after_now()
    change = {"UpdateExpression": "SET fileName = :x", "ExpressionAttributeValues": {":x": {"S": "oops"}}}
    machine.client("dynamodb").update_item(**row(machine, ann, image_id), **change)
    only = ("table", "images", "--to", to, "--keys", f"{ann.id}/{image_id}", "--yes")
    assert "1 different now" in restore(capsys, *only)
    assert ann.image(image_id)["fileName"] == "oops"
    restore(capsys, *only, "--overwrite")
    assert ann.image(image_id)["fileName"] == "holiday.jpg"


@pytest.mark.slow
def test_a_replaced_object_is_copied_from_its_older_version(
    machine: Machine, function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = {"Bucket": machine.environment["S3_OUTPUT_BUCKET"], "Key": "reports/system/1999-01.json"}
    s3 = machine.client("s3")
    s3.put_object(**place, Body=b"then")
    to = moment_after_now()
    s3.put_object(**place, Body=b"now")
    only = ("objects", "output", place["Key"], "--to", to, "--yes")
    assert "Nothing was changed." in restore(capsys, *only)
    restore(capsys, *only, "--overwrite")
    assert s3.get_object(**place)["Body"].read() == b"then"


def test_an_erased_account_is_found_and_erased_again(
    machine: Machine, function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ann = User.new(machine.api_url)
    ann_id = ann.id
    assert ann.request("DELETE", "/auth/profile").status_code == 200
    settled(machine)
    # As a restore of the whole table would leave it.
    item = {"userId": {"S": ann_id}, "email": {"S": ann.email}}
    machine.client("dynamodb").put_item(TableName=machine.environment["USERS_TABLE"], Item=item)

    def listed(*more: str) -> str:
        (line,) = (line for line in restore(capsys, "erased", "--since", since, *more) if line.startswith(ann_id))
        return line

    assert listed("--again", "--yes").endswith("left: users")
    assert listed().endswith("left: nothing")


def test_an_erasure_that_failed_halfway_is_found_and_ended(
    machine: Machine, function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ann, bob = User.new(machine.api_url), User.new(machine.api_url)
    ids_of = [ann.id, bob.id]
    for user in (ann, bob):
        entry = {"id": ids.new_id("aud"), "timestamp": ids.now(), "userId": user.id, "outcome": "UNAVAILABLE"}
        INBOX.put({**entry, "operation": "erase_account", "target": {}, "source": "192.0.2.1", "requestId": "r"})
    # Of Ann's account the user pool knows nothing any more, and nothing may begin in it. Bob's is as before.
    pool = machine.resources["UserPool"].ref
    machine.client("cognito-idp").admin_delete_user(UserPoolId=pool, Username=ann.email)
    mark_erasing(ids_of[0])

    def listed(*more: str) -> list[str]:
        lines = restore(capsys, "erased", "--since", since, *more)
        return [line for line in lines if line.startswith(tuple(ids_of))]

    (line,) = listed("--again", "--yes")
    assert line.startswith(ids_of[0])
    assert "left: users" in line
    (line,) = listed()
    assert line.endswith("left: nothing")
    assert bob.get("/auth/profile").status_code == 200


def test_every_table_is_restored_or_refused_with_a_reason(
    function: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = [each for each in template.load()["Resources"].values() if each["Type"] == "AWS::DynamoDB::Table"]
    names = {each["Properties"]["TableName"]["Fn::Sub"].removeprefix("darkroom-${Stage}-") for each in tables}
    assert names == {*RESTORABLE, *REFUSED}
    (said,) = restore(capsys, "table", "api-keys", "--to", "2026-11-28", code=2)
    assert "would work again" in said
    said = restore(capsys, "table", "images", "--to", "2020-01-01", "--yes", code=2)[-1]
    assert "can be restored to a moment from" in said
