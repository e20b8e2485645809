"""Journeys of the functions behind streams, topics and the queue of errors."""

import json
import secrets
from decimal import Decimal
from typing import Any

from chalicelib.core import clients, ids
from chalicelib.core.aws.tables import Table
from chalicelib.core.observing.tracking import USAGE
from chalicelib.core.settings import Settings
from chalicelib.metering import daily_sums
from chalicelib.notify import webhooks
from tests.journeys.receiver import Receiver
from tests.journeys.rights.journey import journey_of
from tests.journeys.rights.world import INBOX, USERS, World, item

TRAIL = Table(Settings.AUDIT_TABLE, "day", "sequence")


def insert_event(row: dict[str, Any]) -> dict[str, Any]:
    """A stream's event for a new row."""
    image = {name: clients.marshal(value) for name, value in row.items()}
    record = {"eventID": secrets.token_hex(8), "eventName": "INSERT", "eventSource": "aws:dynamodb"}
    return {"Records": [{**record, "dynamodb": {"NewImage": image}}]}


def sums_of_today(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Ann's daily sums."""
    day = ids.now()[:10]
    return list(daily_sums.read_rows(world.user_id, day, day))


def published(message: str) -> dict[str, Any]:
    """A topic's event for a message."""
    notification: dict[str, Any] = {
        "MessageId": secrets.token_hex(8),
        "Subject": None,
        "Message": message,
        "MessageAttributes": {},
    }
    return {"Records": [{"EventSource": "aws:sns", "Sns": notification}]}


@journey_of("image_changes")
def a_finished_image_is_counted_and_published(world: World, name: str) -> None:
    now, image_id = ids.now(), ids.new_id("img")
    row = {"userId": world.user_id, "imageId": image_id, "fileName": "a.jpg", "status": "COMPLETED"}
    change = insert_event({**row, "processedAt": now, "fileSize": 5})
    stored_before = item(USERS, world.user_id).get("storedBytes", 0)

    def completed() -> int:
        return sum(numbers["sum"] for _, what, numbers in sums_of_today(world) if what == "completed")

    before = completed()
    with world.messages_of("SNS_TOPIC_ARN") as messages:
        for _ in range(2):
            world.invoke(name, change)
        assert {each["imageId"] for each in messages()} == {image_id}
    assert completed() == before + 1
    assert item(USERS, world.user_id)["storedBytes"] == stored_before + 5


@journey_of("image_changes")
def an_image_of_a_deleted_user_is_counted_only_in_the_total(world: World, name: str) -> None:
    now, nobody = ids.now(), f"u{secrets.token_hex(8)}"
    row = {"userId": nobody, "imageId": ids.new_id("img"), "fileName": "a.jpg", "status": "COMPLETED"}
    world.invoke(name, insert_event({**row, "processedAt": now}))
    assert list(daily_sums.read_rows(nobody, now[:10], now[:10])) == []


@journey_of("usage_records")
def a_run_is_added_to_the_daily_sums_and_to_its_users_spending(world: World, name: str) -> None:
    now, operation = ids.now(), f"op{secrets.token_hex(4)}"
    row = {"account": world.user_id, "timestamp": now, "operation": operation, "duration_ms": 1}
    USERS.update(world.user_id, change={"spent": {}})
    event = insert_event({**row, "lambda_cost": Decimal("0.001"), "success": True})
    for _ in range(2):
        world.invoke(name, event)
    assert [numbers["requests"] for _, what, numbers in sums_of_today(world) if what == f"operation:{operation}"] == [1]
    assert item(USERS, world.user_id)["spent"] != {}


@journey_of("usage_records")
def a_run_that_ends_after_its_users_erasure_leaves_no_record(world: World, name: str) -> None:
    row = {"account": f"u{secrets.token_hex(8)}", "timestamp": f"{ids.now()}#late", "operation": "resize"}
    USAGE.put({**row, "duration_ms": 1, "lambda_cost": Decimal("0.001"), "success": True})
    world.invoke(name, insert_event(item(USAGE, row["account"], row["timestamp"])))
    assert USAGE.get(row["account"], row["timestamp"]) is None


@journey_of("usage_records", "image_changes", "audit_entries")
def a_record_that_cannot_be_handled_is_set_aside_with_its_content(world: World, name: str) -> None:
    url = world.empty_queue(f"{name.replace('_', '-')}-dead")
    faulty = {"userId": world.user_id, "status": "UPLOADED", "uploadedAt": ids.now(), "fileSize": "lacks the rest"}
    world.invoke(name, insert_event(faulty))
    (letter,) = [json.loads(each["Body"]) for each in world.take_messages(url)]
    assert "lacks the rest" in json.dumps(letter["requestPayload"]["Records"])


@journey_of("audit_entries")
def an_entry_is_moved_from_the_inbox_to_the_trail(world: World, name: str) -> None:
    moment, entry_id = ids.now(), ids.new_id("aud")
    caller = {"userId": world.user_id, "keyId": None, "source": "192.0.2.1", "requestId": "r"}
    operation = {"operation": "op", "target": {}, "outcome": "ok"}
    entry = {"id": entry_id, "timestamp": moment, **caller, **operation}
    INBOX.put(entry)
    world.invoke(name, insert_event(item(INBOX, entry_id)))
    assert INBOX.get(entry_id) is None
    assert entry_id in [each.get("id") for each in TRAIL.between(moment[:10], "0", "~")]


@journey_of("notifications")
def a_webhook_gets_the_notification(world: World, name: str) -> None:
    with Receiver() as hook:
        USERS.update(world.user_id, change={"preferences": {"webhook": {"url": hook.url}}, "webhookSecret": "s"})
        message = json.dumps({"userId": world.user_id, "imageId": "img_x", "status": "COMPLETED"})
        world.invoke(name, published(message))
        assert [each.json()["imageId"] for each in hook.received] == ["img_x"]


@journey_of("notifications")
def a_webhook_that_refuses_everything_gets_no_more_tries_after_the_last(world: World, name: str) -> None:
    with Receiver() as hook:
        hook.answers = [503] * webhooks.TRIES
        USERS.update(world.user_id, change={"preferences": {"webhook": {"url": hook.url}}, "webhookSecret": "s"})
        event = published(json.dumps({"userId": world.user_id, "imageId": "img_x", "status": "COMPLETED"}))
        for _ in range(webhooks.TRIES - 1):
            assert world.invoke_failing(name, event)["errorType"] == "NotTakenError"
        world.invoke(name, event)
        assert item(USERS, world.user_id)["webhookError"]["status"] == 503
        USERS.update(world.user_id, change={"webhookError": None})


@journey_of("critical_errors")
def an_error_reaches_the_operators(world: World, name: str) -> None:
    error = {"stage": "local", "errorType": "KeyError", "operation": "op", "fingerprint": secrets.token_hex(8)}
    with world.messages_of("OPERATORS_TOPIC_ARN") as messages:
        world.invoke(name, {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(error)}]})
        assert [each["fingerprint"] for each in messages()] == [error["fingerprint"]]
