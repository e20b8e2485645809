"""A subscriber of an SNS topic on the local machine, with a queue of its own."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from local.machine import Machine


def subscribe(machine: Machine, topic_setting: str) -> Callable[[], list[dict[str, Any]]]:
    """A function that returns all notifications (`Subject`, `Message` …) of the topic since now, oldest first."""
    sqs, sns = machine.client("sqs"), machine.client("sns")
    queue = sqs.create_queue(QueueName=f"subscriber-{secrets.token_hex(4)}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=machine.environment[topic_setting], Protocol="sqs", Endpoint=arn)
    received: list[dict[str, Any]] = []

    def receive() -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            received.append(json.loads(message["Body"]))
        return received

    return receive
