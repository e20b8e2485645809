"""Tables refuse what DynamoDB refuses: empty keys, and writes to items of a running transaction."""

import functools
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


def key(name: str) -> dict[str, Any]:
    return {"scope": {"S": "tables"}, "day#what": {"S": name}}


def writes(tiny: Tiny, item: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Each kind of write to an item outside a transaction."""
    dynamodb = tiny.client("dynamodb")
    return {
        "put": lambda: dynamodb.put_item(TableName=DAILY, Item=item),
        "update": lambda: dynamodb.update_item(
            TableName=DAILY, Key=item, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"N": "1"}}
        ),
        "delete": lambda: dynamodb.delete_item(TableName=DAILY, Key=item),
    }


def put_in_transaction(tiny: Tiny, *items: dict[str, Any]) -> None:
    puts = [{"Put": {"TableName": DAILY, "Item": item}} for item in items]
    tiny.client("dynamodb").transact_write_items(TransactItems=puts)


def refusal(call: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        call()
    response: dict[str, Any] = refused.value.response
    return response


@contextmanager
def running_transaction(tiny: Tiny, monkeypatch: pytest.MonkeyPatch, *items: dict[str, Any]) -> Iterator[None]:
    """A transaction on these items that ends with the block."""
    started, ending, original = threading.Event(), threading.Event(), DynamoDBBackend.transact_write_items

    def paused(self: Any, transact_items: Any) -> None:
        started.set()
        assert ending.wait(30)
        original(self, transact_items)

    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", paused)
    with ThreadPoolExecutor(1) as threads:
        transaction = threads.submit(put_in_transaction, tiny, *items)
        try:
            assert started.wait(30)
            monkeypatch.setattr(DynamoDBBackend, "transact_write_items", original)
            yield
        finally:
            ending.set()
            transaction.result(30)


def test_an_item_of_a_running_transaction_cannot_be_written(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    held, free = key(uuid.uuid4().hex), key(uuid.uuid4().hex)
    with running_transaction(tiny, monkeypatch, held):
        for write in writes(tiny, held).values():
            assert refusal(write)["Error"]["Code"] == CONFLICT
        response = refusal(lambda: put_in_transaction(tiny, free, held))
        assert [each["Code"] for each in response["CancellationReasons"]] == ["None", "TransactionConflict"]
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
TABLE = {"TableName": DAILY}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "get": ("get_item", {**TABLE, "Key": EMPTY}),
    "put": ("put_item", {**TABLE, "Item": EMPTY}),
    "update": ("update_item", {**TABLE, "Key": EMPTY, "UpdateExpression": "REMOVE a"}),
    "delete": ("delete_item", {**TABLE, "Key": EMPTY}),
    "first key": ("get_item", {**TABLE, "Key": {"scope": {"S": ""}, "day#what": {"S": "x"}}}),
    "transaction": ("transact_write_items", {"TransactItems": [{"Delete": {**TABLE, "Key": EMPTY}}]}),
    "batch of reads": ("batch_get_item", {"RequestItems": {DAILY: {"Keys": [EMPTY]}}}),
    "batch of writes": ("batch_write_item", {"RequestItems": {DAILY: [{"DeleteRequest": {"Key": EMPTY}}]}}),
    "start of a scan": ("scan", {**TABLE, "ExclusiveStartKey": EMPTY}),
    "start of a query": (
        "query",
        {
            **TABLE,
            "KeyConditionExpression": "#s = :s",
            "ExpressionAttributeNames": {"#s": "scope"},
            "ExpressionAttributeValues": {":s": {"S": "tables"}},
            "ExclusiveStartKey": EMPTY,
        },
    ),
    "condition of a query": (
        "query",
        {
            **TABLE,
            "KeyConditionExpression": "#s = :s AND #d BETWEEN :from AND :to",
            "ExpressionAttributeNames": {"#s": "scope", "#d": "day#what"},
            "ExpressionAttributeValues": {":s": {"S": "tables"}, ":from": {"S": ""}, ":to": {"S": "x"}},
        },
    ),
}


@pytest.mark.parametrize(("operation", "arguments"), CALLS.values(), ids=CALLS)
def test_an_empty_string_in_a_key_is_refused(tiny: Tiny, operation: str, arguments: dict[str, Any]) -> None:
    error = refusal(lambda: getattr(tiny.client("dynamodb"), operation)(**arguments))["Error"]
    assert error["Code"] == "ValidationException"
    assert "key attribute cannot contain an empty string value" in error["Message"]


def test_an_empty_string_in_an_index_key_is_refused(tiny: Tiny) -> None:
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


def test_a_query_begins_inside_of_its_own_keys(tiny: Tiny) -> None:
    scope = uuid.uuid4().hex
    for name in "abcd":
        tiny.client("dynamodb").put_item(TableName=DAILY, Item={"scope": {"S": scope}, "day#what": {"S": name}})

    def names(start: str, of: str = scope) -> list[str]:
        found = tiny.client("dynamodb").query(
            TableName=DAILY,
            KeyConditionExpression="#scope = :scope AND #what BETWEEN :first AND :last",
            ExpressionAttributeNames={"#scope": "scope", "#what": "day#what"},
            ExpressionAttributeValues={":scope": {"S": scope}, ":first": {"S": "b"}, ":last": {"S": "c"}},
            ExclusiveStartKey={"scope": {"S": of}, "day#what": {"S": start}},
        )
        return [item["day#what"]["S"] for item in found["Items"]]

    assert (names("b"), names("bb"), names("c")) == (["c"], ["c"], [])
    for start in ("a", "d"):
        error = refusal(functools.partial(names, start))["Error"]
        assert (error["Code"], "range key predicate" in error["Message"]) == ("ValidationException", True)
    error = refusal(lambda: names("b", "another"))["Error"]
    assert (error["Code"], "outside query boundaries" in error["Message"]) == ("ValidationException", True)
