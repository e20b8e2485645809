"""Usage records and streams as an operator reads them; and a damaged row."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.core import clients
from local.machine import Machine
from tests.waiting import wait_for


def runs(machine: Machine, account: str) -> list[dict[str, Any]]:
    """All usage records of an account as plain values, oldest first."""
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


def summed(written: list[dict[str, Any]]) -> dict[str, Any]:
    """The sums of these usage records."""
    return {
        "requests": len(written),
        "failures": sum(not run["success"] for run in written),
        "dollars": float(sum(run["lambda_cost"] for run in written)),
        "milliseconds": float(sum(run["duration_ms"] for run in written)),
    }


def spent_by(machine: Machine, account: str) -> dict[str, Any]:
    """What the user's row says was spent, by window."""
    item = machine.client("dynamodb").get_item(
        TableName=machine.environment["USERS_TABLE"], Key={"userId": {"S": account}}, ConsistentRead=True
    )["Item"]
    return dict(clients.unmarshal(item).get("spent", {}))


def settled(machine: Machine) -> None:
    """Wait until all stream records are delivered."""
    for name in ("image_changes", "usage_records"):
        wait_for(functools.partial(_is_read, machine, name), f"{name} to read its stream", 60)


def _is_read(machine: Machine, name: str) -> bool:
    return machine.records_waiting(name) == 0


@contextmanager
def damaged(machine: Machine, user_id: str) -> Iterator[None]:
    """The user's row has no `createdAt` meanwhile."""
    table = {"TableName": machine.environment["USERS_TABLE"]}
    key = {"userId": {"S": user_id}}
    row = machine.client("dynamodb").get_item(**table, Key=key)["Item"]
    machine.client("dynamodb").update_item(**table, Key=key, UpdateExpression="REMOVE createdAt")
    try:
        yield
    finally:
        repair = {"UpdateExpression": "SET createdAt = :at", "ExpressionAttributeValues": {":at": row["createdAt"]}}
        machine.client("dynamodb").update_item(**table, Key=key, **repair)
