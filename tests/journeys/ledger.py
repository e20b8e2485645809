"""What is written down, as an operator would look it up; and a row that is not as it should be."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.core import clients
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
    return [clients.unmarshal(item) for page in pages for item in page["Items"]]


def settled(machine: Machine) -> None:
    """Waits until the streams have been read to their ends."""
    for name in ("image_changes", "usage_records"):
        wait_for(functools.partial(_is_read, machine, name), f"{name} to read its stream", 60)


def _is_read(machine: Machine, name: str) -> bool:
    return machine.records_waiting(name) == 0


@contextmanager
def damaged(machine: Machine, user_id: str) -> Iterator[None]:
    """The user's row lacks what every one has; afterwards it is whole again, for whoever lists all users."""
    table = {"TableName": machine.environment["USERS_TABLE"]}
    key = {"userId": {"S": user_id}}
    whole = machine.client("dynamodb").get_item(**table, Key=key)["Item"]
    machine.client("dynamodb").update_item(**table, Key=key, UpdateExpression="REMOVE createdAt")
    try:
        yield
    finally:
        lost = {"UpdateExpression": "SET createdAt = :at", "ExpressionAttributeValues": {":at": whole["createdAt"]}}
        machine.client("dynamodb").update_item(**table, Key=key, **lost)
