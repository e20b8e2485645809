"""Tables refuse what DynamoDB refuses: empty keys, and writes to what a transaction holds."""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models import DynamoDBBackend

from local.moto_patches.dynamodb_conflicts import CONFLICTS
from tests.machine.conftest import DAILY, Tiny

CONFLICT = "TransactionConflictException"


def key(what: str) -> dict[str, Any]:
    return {"scope": {"S": "tables"}, "day#what": {"S": what}}


def writes(tiny: Tiny, item: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Each kind of plain write to an item."""
    dynamodb = tiny.client("dynamodb")
    return {
        "put": lambda: dynamodb.put_item(TableName=DAILY, Item=item),
        "update": lambda: dynamodb.update_item(
            TableName=DAILY, Key=item, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"N": "1"}}
        ),
        "delete": lambda: dynamodb.delete_item(TableName=DAILY, Key=item),
    }


def transaction(tiny: Tiny, *items: dict[str, Any]) -> None:
    puts = [{"Put": {"TableName": DAILY, "Item": item}} for item in items]
    tiny.client("dynamodb").transact_write_items(TransactItems=puts)


def refusal(make: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        make()
    answer: dict[str, Any] = refused.value.response
    return answer


@contextmanager
def under_way(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, *items: dict[str, Any]) -> Iterator[None]:
    """A transaction on these items that is not over yet."""
    begun, ending, stock = threading.Event(), threading.Event(), DynamoDBBackend.transact_write_items

    def held_up(self: Any, transact_items: Any) -> None:
        begun.set()
        assert ending.wait(30)
        stock(self, transact_items)

    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", held_up)
    with ThreadPoolExecutor(1) as threads:
        made = threads.submit(transaction, tiny, *items)
        try:
            assert begun.wait(30)
            monkeypatch.setattr(DynamoDBBackend, "transact_write_items", stock)
            yield
        finally:
            ending.set()
            made.result(30)


def test_what_a_transaction_holds_is_written_by_nobody_else(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    held, free = key(uuid.uuid4().hex), key(uuid.uuid4().hex)
    with under_way(tiny, monkeypatch, held):
        for write in writes(tiny, held).values():
            assert refusal(write)["Error"]["Code"] == CONFLICT
        said = refusal(lambda: transaction(tiny, free, held))
        assert [each["Code"] for each in said["CancellationReasons"]] == ["None", "TransactionConflict"]
    for write in [*writes(tiny, held).values(), *writes(tiny, free).values()]:
        write()


@pytest.mark.parametrize("kind", ["put", "update", "delete"])
def test_a_conflict_can_be_planned(tiny: Tiny, kind: str) -> None:
    write = writes(tiny, key(uuid.uuid4().hex))[kind]
    CONFLICTS.add(DAILY, 2)
    try:
        codes = [refusal(write)["Error"]["Code"] for _ in range(2)]
    finally:
        CONFLICTS.clear()
    assert codes == [CONFLICT, CONFLICT]
    write()


EMPTY = {"scope": {"S": "tables"}, "day#what": {"S": ""}}
NAMED = {"TableName": DAILY}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "get": ("get_item", {**NAMED, "Key": EMPTY}),
    "put": ("put_item", {**NAMED, "Item": EMPTY}),
    "update": ("update_item", {**NAMED, "Key": EMPTY, "UpdateExpression": "REMOVE a"}),
    "delete": ("delete_item", {**NAMED, "Key": EMPTY}),
    "first key": ("get_item", {**NAMED, "Key": {"scope": {"S": ""}, "day#what": {"S": "x"}}}),
    "transaction": ("transact_write_items", {"TransactItems": [{"Delete": {**NAMED, "Key": EMPTY}}]}),
    "batch of reads": ("batch_get_item", {"RequestItems": {DAILY: {"Keys": [EMPTY]}}}),
    "batch of writes": ("batch_write_item", {"RequestItems": {DAILY: [{"DeleteRequest": {"Key": EMPTY}}]}}),
    "start of a scan": ("scan", {**NAMED, "ExclusiveStartKey": EMPTY}),
    "start of a query": (
        "query",
        {
            **NAMED,
            "KeyConditionExpression": "#s = :s",
            "ExpressionAttributeNames": {"#s": "scope"},
            "ExpressionAttributeValues": {":s": {"S": "tables"}},
            "ExclusiveStartKey": EMPTY,
        },
    ),
    "condition of a query": (
        "query",
        {
            **NAMED,
            "KeyConditionExpression": "#s = :s AND #d BETWEEN :from AND :to",
            "ExpressionAttributeNames": {"#s": "scope", "#d": "day#what"},
            "ExpressionAttributeValues": {":s": {"S": "tables"}, ":from": {"S": ""}, ":to": {"S": "x"}},
        },
    ),
}


@pytest.mark.parametrize(("operation", "arguments"), CALLS.values(), ids=CALLS)
def test_an_empty_string_is_no_key(tiny: Tiny, operation: str, arguments: dict[str, Any]) -> None:
    error = refusal(lambda: getattr(tiny.client("dynamodb"), operation)(**arguments))["Error"]
    assert error["Code"] == "ValidationException"
    assert "key attribute cannot contain an empty string value" in error["Message"]


def test_an_empty_string_is_no_key_of_an_index(tiny: Tiny) -> None:
    dynamodb, name = tiny.client("dynamodb"), f"indexed-{uuid.uuid4().hex}"
    attributes = [{"AttributeName": each, "AttributeType": "S"} for each in ("id", "email")]
    by_email = {"IndexName": "by-email", "KeySchema": [{"AttributeName": "email", "KeyType": "HASH"}]}
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=attributes,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[{**by_email, "Projection": {"ProjectionType": "ALL"}}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "1"}, "email": {"S": ""}}
    change = {"UpdateExpression": "SET #e = :e", "ExpressionAttributeNames": {"#e": "email"}}
    update = {"Key": {"id": {"S": "1"}}, **change, "ExpressionAttributeValues": {":e": {"S": ""}}}
    for write in (
        lambda: dynamodb.put_item(TableName=name, Item=item),
        lambda: dynamodb.update_item(TableName=name, **update),
        lambda: dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item}}]),
    ):
        error = refusal(write)["Error"]
        assert error["Code"] in ("ValidationException", "TransactionCanceledException")
        assert "IndexKey: email" in error["Message"]
