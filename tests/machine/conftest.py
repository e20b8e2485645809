"""The little application in app/ on its own local machine, and what its tests need."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.event_delivery import AsyncDelivery, RuleDelivery, StreamDelivery
from local.machine import Machine

APP = Path(__file__).parent / "app"
DAILY = "darkroom-tiny-daily"
BUCKET = "darkroom-tiny-input-machine"


class Tiny:
    """The little application and its local machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.client = machine.client
        self.clock = machine.clock
        self.invoke = machine.invoke

    def resource(self, logical_id: str) -> str:
        """The value of Ref for a resource of the template."""
        return self.machine.resources[logical_id].ref

    def runs(self, name: str, word: str) -> list[Any]:
        """The events of a function's runs that contain a word, in order."""
        rows = self.client("dynamodb").query(
            TableName=DAILY,
            KeyConditionExpression="#scope = :scope",
            ExpressionAttributeNames={"#scope": "scope"},
            ExpressionAttributeValues={":scope": {"S": f"run#{name}"}},
            ConsistentRead=True,
        )
        return [json.loads(each["event"]["S"]) for each in rows["Items"] if word in each["event"]["S"]]

    def failing_word(self) -> str:
        """A new word: every run fails whose event contains it."""
        word = f"fail-{uuid.uuid4().hex}"
        self.client("dynamodb").put_item(TableName=DAILY, Item={"scope": {"S": "fails"}, "day#what": {"S": word}})
        return word

    def stop_failing(self, word: str) -> None:
        """Let runs with this word succeed again."""
        self.client("dynamodb").delete_item(TableName=DAILY, Key={"scope": {"S": "fails"}, "day#what": {"S": word}})

    def dead_letter(self, logical_id: str, word: str) -> Any:
        """Take the message with a word from a dead-letter queue, parsed if it is JSON; None if there is none yet."""
        url = self.resource(logical_id)
        messages = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        for message in messages.get("Messages", []):
            if word in message["Body"]:
                self.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return json.loads(message["Body"]) if message["Body"].startswith("{") else message["Body"]
        return None


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    """The little application, running."""
    asynchronous = {
        "uploaded": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="S3EventDeadLetterQueue"),
        "ticked": AsyncDelivery(retries=1, max_age_seconds=3600, on_failure="SchedulesDeadLetterQueue"),
    }
    rules = {"ticked": RuleDelivery(retries=1, max_age_seconds=3600, dead_letters="SchedulesDeadLetterQueue")}
    streams = {
        "changed": StreamDelivery("ImageChangesDeadLetterQueue", window_seconds=0, retries=2, max_age_seconds=3600),
    }
    logs = tmp_path_factory.mktemp("tiny-logs")
    with Machine(
        APP,
        stage="tiny",
        asynchronous=asynchronous,
        streams=streams,
        rules=rules,
        schedules=False,
        settings={"OUTPUT_FORMATS": "webp", "GREETING": "good day"},
        logs=logs,
    ) as machine:
        yield Tiny(machine)
