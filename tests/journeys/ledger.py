"""What tracking wrote down, as an operator would look it up."""

import functools
from typing import Any

from chalicelib.core import aws
from local.machine import Machine
from tests.waiting import wait_for


def runs(machine: Machine, account: str) -> list[dict[str, Any]]:
    """Every usage record of an account, oldest first, in plain values."""
    pages = (
        machine.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=machine.environment["USAGE_METRICS_DYNAMO_TABLE"],
            KeyConditionExpression="account = :account",
            ExpressionAttributeValues={":account": {"S": account}},
            ConsistentRead=True,
        )
    )
    return [aws.unmarshal(item) for page in pages for item in page["Items"]]


def settled(machine: Machine) -> None:
    """Waits until the streams have been read to their ends."""
    for name in ("image_changes", "usage_records"):
        wait_for(functools.partial(_is_read, machine, name), f"{name} to read its stream", 60)


def _is_read(machine: Machine, name: str) -> bool:
    return machine.records_waiting(name) == 0
