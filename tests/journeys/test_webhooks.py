"""Webhooks that tell a user of a finished image, and receivers that fail."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core.http import json_schema
from chalicelib.notify import webhooks
from chalicelib.notify.schemas import NOTIFICATION
from infra import event_delivery
from local.machine import Machine
from tests import pictures
from tests.journeys.receiver import Receiver
from tests.journeys.user import User
from tests.waiting import wait_for


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_a_finished_image_is_reported_by_a_signed_webhook(machine: Machine, hook: Receiver) -> None:
    user = User.new(machine.api_url)
    preferences = {"webhook": {"url": hook.url}}
    secret = user.request("PATCH", "/auth/profile", json={"preferences": preferences}).json()["profile"][
        "webhookSecret"
    ]
    image_id = user.upload(pictures.jpeg(320, 240), name="told.jpg")
    delivered = wait_for(lambda: hook.received, "the webhook")[0]
    assert delivered.json() == {
        "imageId": image_id,
        "fileName": "told.jpg",
        "status": "COMPLETED",
        "execution": f"{image_id}-1",
    }
    assert not json_schema.faults(NOTIFICATION, delivered.json())
    assert delivered.signed_with(secret)
    assert not delivered.signed_with("another secret")
    assert delivered.headers["User-Agent"].startswith("Darkroom/")


def test_a_failed_webhook_is_retried(machine: Machine, hook: Receiver) -> None:
    user = User.new(machine.api_url)
    user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": {"url": hook.url}}})
    hook.answers = [503, 503]
    user.upload(b"no picture")

    def taken() -> bool:
        machine.clock.advance(61)
        return len(hook.received) >= 3

    wait_for(taken, "the third delivery")
    assert not json_schema.faults(NOTIFICATION, hook.received[-1].json())
    assert hook.received[-1].json()["reason"].startswith("not_an_image: ")


def last_error(user: User) -> Any:
    return user.get("/auth/profile").json()["profile"]["webhook"]["lastError"]


def test_a_webhook_that_keeps_failing_is_given_up_and_its_owner_sees_the_reason(
    machine: Machine, hook: Receiver
) -> None:
    assert 1 + event_delivery.ASYNC["notifications"].retries == webhooks.TRIES
    user = User.new(machine.api_url)
    user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": {"url": hook.url}}})
    assert last_error(user) is None
    dead = machine.resources["NotificationsDeadLetterQueue"].ref
    waiting = machine.queue_depth(dead)

    def tell(*answers: int) -> None:
        hook.answers = list(answers)
        user.upload(b"no picture")

    def tried_again() -> Any:
        machine.clock.advance(121)
        return last_error(user)

    tell(503, 503, 503)
    error = wait_for(tried_again, "the owner to see the error")
    assert {name: error[name] for name in ("message", "status")} == {"message": "It answered 503.", "status": 503}
    assert error["at"] > "2026"
    assert len(hook.received) == 3
    tell()
    wait_for(lambda: last_error(user) is None, "a success to be noted")
    tell(404)
    assert wait_for(lambda: last_error(user), "a refusal to be noted")["status"] == 404
    assert len(hook.received) == 5, "a permanent refusal is not retried"
    user.request("PATCH", "/auth/profile", json={"preferences": {"webhook": {"url": "http://127.0.0.1:9/hook"}}})
    assert last_error(user) is None, "the error belongs to the former address"
    tell()
    silent = wait_for(tried_again, "the owner to see the error")
    assert (silent["message"], silent["status"]) == ("It could not be reached.", None)
    assert machine.queue_depth(dead) == waiting, "nothing is left for operators"
