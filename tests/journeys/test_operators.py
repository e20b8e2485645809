"""What operators hear of: each fault that nobody foresaw, once."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.errors import MissingConfigError, NotFoundError, UnavailableError
from chalicelib.core.observing import alerts
from chalicelib.imaging import ImageRejectedError
from local.machine import Machine
from tests import pictures
from tests.journeys.user import User
from tests.waiting import wait_for


@pytest.fixture
def told(machine: Machine) -> Callable[[], list[dict[str, Any]]]:
    """What the operators' topic has sent to somebody who subscribed: the records, in order."""
    sqs, sns = machine.client("sqs"), machine.client("sns")
    queue = sqs.create_queue(QueueName="an-operator")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=machine.environment["OPERATORS_TOPIC_ARN"], Protocol="sqs", Endpoint=arn)
    heard: list[dict[str, Any]] = []
    # What others' tests had told in the last five minutes would not be told again.
    machine.clock.advance(301)

    def listen() -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            heard.append(json.loads(json.loads(message["Body"])["Message"]))
        return heard

    return listen


def test_a_defect_is_told_once_however_often_it_strikes(
    machine: Machine, told: Callable[[], list[dict[str, Any]]]
) -> None:
    for _ in range(5):
        answer, errored = machine.invoke("validation", {"execution": "x-1"})
        assert errored
        assert answer["errorType"] == "KeyError"
    # Another fault comes behind it in the queue: by then any second record of the first would have come.
    machine.invoke("watermark", {"execution": "y-1"})

    def both() -> list[dict[str, Any]]:
        mine = [each for each in told() if each["errorType"] == "KeyError"]
        return mine if len(mine) >= 2 else []

    records = wait_for(both, "the operators to be told")
    assert [each["operation"] for each in records] == ["validation", "watermark"]
    assert records[0]["functionName"] == "darkroom-local-validation"
    assert records[0]["trace"]


def test_what_is_a_users_own_is_told_to_no_operator(machine: Machine, told: Callable[[], list[dict[str, Any]]]) -> None:
    user = User.new(machine.api_url)
    assert user.finished(user.upload(b"no picture"))["status"] == "FAILED"
    assert user.get("/images/img_none").status_code == 404
    assert user.finished(user.upload(pictures.jpeg(320, 240)))["status"] == "COMPLETED"
    machine.invoke("resize", {"execution": "z-1"})
    wait_for(lambda: [each for each in told() if each["operation"] == "resize"], "the fault that is ours")
    assert not {each["errorType"] for each in told()} & {"ImageRejectedError", "ImageNotFoundError"}


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
def test_refusals_and_passing_faults_are_foreseen(error: Exception, unforeseen: bool) -> None:
    assert alerts.is_unexpected(error) is unforeseen


def test_the_fingerprint_is_the_place_and_not_the_message() -> None:
    def caught(message: str, kind: type[Exception] = ValueError) -> Exception:
        try:
            raise kind(message)
        except Exception as error:
            return error

    one, other = caught("user 1"), caught("user 2")
    assert alerts.fingerprint(one, "a") == alerts.fingerprint(other, "a")
    assert alerts.fingerprint(one, "a") != alerts.fingerprint(one, "b")
    assert alerts.fingerprint(one, "a") != alerts.fingerprint(caught("user 1", KeyError), "a")
