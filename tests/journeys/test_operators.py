"""What is reported to operators: each unexpected error, once."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.errors import MissingConfigError, NotFoundError, UnavailableError
from chalicelib.core.observing import alerts
from chalicelib.imaging import ImageRejectedError
from local.machine import Machine
from tests import pictures
from tests.journeys.subscriber import subscribe
from tests.journeys.user import User
from tests.waiting import wait_for


@pytest.fixture
def reported(machine: Machine) -> Callable[[], list[dict[str, Any]]]:
    """The records that a subscriber of the operators' topic received, in order."""
    # Errors that other tests reported in the last five minutes would not be reported again.
    machine.clock.advance(301)
    received = subscribe(machine, "OPERATORS_TOPIC_ARN")
    return lambda: [json.loads(notification["Message"]) for notification in received()]


def test_a_defect_is_reported_once_however_often_it_occurs(
    machine: Machine, reported: Callable[[], list[dict[str, Any]]]
) -> None:
    for _ in range(5):
        answer, errored = machine.invoke("validation", {"execution": "x-1"})
        assert errored
        assert answer["errorType"] == "KeyError"
    # A second error follows in the queue: any second record of the first would arrive before it.
    machine.invoke("watermark", {"execution": "y-1"})

    def both() -> list[dict[str, Any]]:
        mine = [each for each in reported() if each["errorType"] == "KeyError"]
        return mine if len(mine) >= 2 else []

    records = wait_for(both, "the report to operators")
    assert [each["operation"] for each in records] == ["validation", "watermark"]
    assert records[0]["functionName"] == "darkroom-local-validation"
    assert records[0]["trace"]


def test_errors_caused_by_users_are_not_reported_to_operators(
    machine: Machine, reported: Callable[[], list[dict[str, Any]]]
) -> None:
    user = User.new(machine.api_url)
    assert user.finished(user.upload(b"no picture"))["status"] == "FAILED"
    assert user.get("/images/img_none").status_code == 404
    assert user.finished(user.upload(pictures.jpeg(320, 240)))["status"] == "COMPLETED"
    machine.invoke("resize", {"execution": "z-1"})
    wait_for(lambda: [each for each in reported() if each["operation"] == "resize"], "the fault that is ours")
    assert not {each["errorType"] for each in reported()} & {"ImageRejectedError", "ImageNotFoundError"}


@pytest.mark.parametrize(
    ("error", "unforeseen"),
    [
        (ValueError("?"), True),
        (MissingConfigError({"A": "/a"}), True),
        (ImageRejectedError("empty"), True),
        (NotFoundError(), False),
        (UnavailableError(), False),
    ],
)
def test_refusals_and_temporary_faults_are_not_reported_as_defects(error: Exception, unforeseen: bool) -> None:
    assert alerts.is_unexpected(error) is unforeseen


def test_the_fingerprint_depends_on_the_place_in_the_code_and_not_on_the_message() -> None:
    def caught(message: str, kind: type[Exception] = ValueError) -> Exception:
        try:
            raise kind(message)
        except Exception as error:
            return error

    one, other = caught("user 1"), caught("user 2")
    assert alerts.fingerprint(one, "a") == alerts.fingerprint(other, "a")
    assert alerts.fingerprint(one, "a") != alerts.fingerprint(one, "b")
    assert alerts.fingerprint(one, "a") != alerts.fingerprint(caught("user 1", KeyError), "a")
