"""Journeys of what streams, topics and the queue of errors bring."""

import json
import secrets
from decimal import Decimal
from typing import Any

from chalicelib.core import clients, ids
from chalicelib.core.aws.tables import Table
from chalicelib.metering import daily_sums
from chalicelib.notify import webhooks
from tests.journeys.receiver import Receiver
from tests.journeys.rights.journey import of
from tests.journeys.rights.world import INBOX, USERS, World, item

TRAIL = Table("AUDIT_TABLE", "day", "sequence")


def inserted(row: dict[str, Any]) -> dict[str, Any]:
    """The event of a row that has come, as a stream brings it."""
    image = {name: clients.marshal(value) for name, value in row.items()}
    record = {"eventID": secrets.token_hex(8), "eventName": "INSERT", "eventSource": "aws:dynamodb"}
    return {"Records": [{**record, "dynamodb": {"NewImage": image}}]}


def today(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Ann's sums of the day."""
    day = ids.now()[:10]
    return list(daily_sums.read_rows(world.user_id, day, day))


def published(message: str) -> dict[str, Any]:
    """The event of a message, as a topic brings it."""
    told: dict[str, Any] = {
        "MessageId": secrets.token_hex(8),
        "Subject": None,
        "Message": message,
        "MessageAttributes": {},
    }
    return {"Records": [{"EventSource": "aws:sns", "Sns": told}]}


@of("image_changes")
def a_finished_image_is_counted(world: World, name: str) -> None:
    now = ids.now()
    row = {"userId": world.user_id, "status": "COMPLETED", "processedAt": now, "fileSize": 5}
    change = inserted(row)
    kept = item(USERS, world.user_id).get("storedBytes", 0)

    def completed() -> int:
        return sum(numbers["sum"] for _, what, numbers in today(world) if what == "completed")

    before = completed()
    for _ in range(2):
        world.invoke(name, change)
    assert completed() == before + 1
    assert item(USERS, world.user_id)["storedBytes"] == kept + 5


@of("image_changes")
def an_image_of_who_has_gone_is_counted_for_all_alone(world: World, name: str) -> None:
    now, nobody = ids.now(), f"u{secrets.token_hex(8)}"
    world.invoke(name, inserted({"userId": nobody, "status": "COMPLETED", "processedAt": now}))
    assert list(daily_sums.read_rows(nobody, now[:10], now[:10])) == []


@of("usage_records")
def a_run_is_added_to_the_day_and_to_what_its_user_spent(world: World, name: str) -> None:
    now, operation = ids.now(), f"op{secrets.token_hex(4)}"
    row = {"account": world.user_id, "timestamp": now, "operation": operation, "duration_ms": 1}
    USERS.update(world.user_id, change={"spent": {}})
    come = inserted({**row, "lambda_cost": Decimal("0.001"), "success": True})
    for _ in range(2):
        world.invoke(name, come)
    assert [numbers["requests"] for _, what, numbers in today(world) if what == f"operation:{operation}"] == [1]
    assert item(USERS, world.user_id)["spent"] != {}


@of("audit_entries")
def an_entry_goes_from_the_inbox_to_the_trail(world: World, name: str) -> None:
    moment, entry_id = ids.now(), ids.new_id("aud")
    by = {"userId": world.user_id, "keyId": None, "source": "192.0.2.1", "requestId": "r"}
    did = {"operation": "op", "target": {}, "outcome": "ok"}
    entry = {"id": entry_id, "timestamp": moment, **by, **did}
    INBOX.put(entry)
    world.invoke(name, inserted(item(INBOX, entry_id)))
    assert INBOX.get(entry_id) is None
    assert entry_id in [each.get("id") for each in TRAIL.between(moment[:10], "0", "~")]


@of("notifications")
def who_asked_for_it_is_told(world: World, name: str) -> None:
    with Receiver() as hook:
        USERS.update(world.user_id, change={"preferences": {"webhook": {"url": hook.url}}, "webhookSecret": "s"})
        message = json.dumps({"userId": world.user_id, "imageId": "img_x", "status": "COMPLETED"})
        world.invoke(name, published(message))
        assert [each.json()["imageId"] for each in hook.received] == ["img_x"]


@of("notifications")
def a_webhook_that_takes_nothing_is_given_up_behind_its_last_try(world: World, name: str) -> None:
    with Receiver() as hook:
        hook.answers = [503] * webhooks.TRIES
        USERS.update(world.user_id, change={"preferences": {"webhook": {"url": hook.url}}, "webhookSecret": "s"})
        told = published(json.dumps({"userId": world.user_id, "imageId": "img_x", "status": "COMPLETED"}))
        for _ in range(webhooks.TRIES - 1):
            assert world.fails(name, told)["errorType"] == "NotTakenError"
        world.invoke(name, told)
        assert item(USERS, world.user_id)["webhookError"]["status"] == 503
        USERS.update(world.user_id, change={"webhookError": None})


@of("critical_errors")
def an_error_reaches_the_operators(world: World, name: str) -> None:
    told = {"stage": "local", "errorType": "KeyError", "operation": "op", "fingerprint": secrets.token_hex(8)}
    with world.listening("OPERATORS_TOPIC_ARN") as heard:
        world.invoke(name, {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(told)}]})
        assert [each["fingerprint"] for each in heard()] == [told["fingerprint"]]
