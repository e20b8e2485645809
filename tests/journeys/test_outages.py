"""After an outage of DynamoDB everything is counted once, and the audit trail is whole."""

from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.images import IMAGES
from chalicelib.images.models import bytes_kept
from local.machine import Machine
from tests import pictures
from tests.journeys.audit_trail import audit_entries_of
from tests.journeys.ledger import runs, settled, spent_by, summed
from tests.journeys.outages import (
    STREAMS,
    catch_up,
    failures,
    have_failed,
    pass_time,
    streams_held_back,
    without_dynamodb,
)
from tests.journeys.user import User
from tests.waiting import wait_for

MINUTE = 60


@pytest.mark.parametrize("minutes", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_after_an_outage_all_sums_equal_the_records_and_the_chain_is_whole(
    machine: Machine, function: pytest.MonkeyPatch, admin: User, minutes: int
) -> None:
    ann = User.new(machine.api_url)
    with ExitStack() as outage:
        with streams_held_back(machine):
            kept, deleted = (ann.upload(pictures.jpeg(64, 64)) for _ in range(2))
            for image_id in (kept, deleted):
                ann.finished(image_id)
            assert ann.request("DELETE", f"/images/{deleted}").status_code == 200
            assert ann.request("PATCH", "/auth/profile", json={"name": "Ann"}).status_code == 200
            written, before = runs(machine, ann.id), failures(machine)
            outage.enter_context(without_dynamodb(function))
        wait_for(lambda: have_failed(machine, before), "each stream to fail", 60)
        assert ann.request("PATCH", "/auth/profile", json={"name": "Nobody"}).status_code == 503
        pass_time(machine, minutes * MINUTE)
    catch_up(machine)
    settled(machine)

    usage = admin.get("/admin/usage", userId=ann.id).json()
    assert usage["totals"] == pytest.approx(summed(written))
    assert {name: usage["images"][name] for name in ("images", "completed", "deleted")} == {
        "images": 2,
        "completed": 2,
        "deleted": 1,
    }
    assert month_of(spent_by(machine, ann.id)) == sum(run["lambda_cost"] for run in written)
    assert stored_bytes(machine, ann) == sum(bytes_kept(row) for row in IMAGES.all_of(ann.id))
    assert [(entry["operation"], entry["outcome"]) for entry in audit_entries_of(machine, ann.id)] == [
        ("sign_in", "ok"),
        ("delete_image", "ok"),
        ("change_profile", "ok"),
    ]
    assert admin.get("/admin/audit/verification").json()["intact"] is True
    for name in STREAMS:
        queue = machine.client("sqs").get_queue_url(QueueName=f"darkroom-local-{name.replace('_', '-')}-dead")
        assert machine.queue_depth(queue["QueueUrl"]) == (0, 0), name


def month_of(spent: dict[str, Any]) -> Decimal:
    """The dollars of the month."""
    (month,) = [window for window in spent if len(window) == len("2026-11")]
    return Decimal(spent[month]["user"])


def stored_bytes(machine: Machine, user: User) -> int:
    item = machine.client("dynamodb").get_item(
        TableName=machine.environment["USERS_TABLE"], Key={"userId": {"S": user.id}}, ConsistentRead=True
    )["Item"]
    return int(item["storedBytes"]["N"])
