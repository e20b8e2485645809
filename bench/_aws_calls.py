"""Records the calls of functions to the embedded AWS, by caller, service and operation, as AWS bills them.

DynamoDB's units are computed from the items, as DynamoDB's pricing page defines them: a write takes one unit for each
KB of the larger of the old and the new item, on the table and on every index that changes, and twice that in a
transaction. A consistent read takes one unit for each 4 KB, an eventually consistent one a half.
"""

import json
import math
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from local import functions
from local.cloud import ACCOUNT, REGION, Application, Cloud
from local.models import patch

Item = Mapping[str, Mapping[str, Any]]

# The caller of requests without a name: the triggers' pollers and the state machine.
UNNAMED_CALLER = ""
# botocore adds this setting to the User-Agent, so that each request names its caller.
CALLER_SETTING = "AWS_SDK_UA_APP_ID"

_CALLER = re.compile(r"\bapp/(\S+)")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")
_OBJECT_OPERATIONS = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True)
class Call:
    """One request, with the units that DynamoDB would bill, and the written units of each partition.

    A partition is named by its table and partition key. Writes to indexes are not included.
    """

    caller: str
    service: str
    operation: str
    writes: float = 0.0
    reads: float = 0.0
    partitions: tuple[tuple[str, float], ...] = ()


class Recorder:
    """Records the requests to the embedded AWS, and the functions that ran."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.invoked: list[str] = []

    def install(self) -> None:
        """Records the calls of every local machine that starts in this process from now on."""
        cloud = sys.modules[Cloud.__module__]
        dispatcher: Any = vars(cloud)["DomainDispatcherApplication"]
        environment, run = functions._environment, functions.Function._run

        def create_recording_application(create: Any) -> Any:
            return _RecordingApplication(dispatcher(create), self.calls)

        def environment_with_caller(spec: Any, region: str) -> dict[str, str]:
            return {**environment(spec, region), CALLER_SETTING: spec["name"]}

        def run_and_record(function: functions.Function, *arguments: Any) -> Any:
            self.invoked.append(function.name)
            return run(function, *arguments)

        patch(cloud, "DomainDispatcherApplication", create_recording_application)
        patch(functions, "_environment", environment_with_caller)
        patch(functions.Function, "_run", run_and_record)

    def clear(self) -> None:
        self.calls.clear()
        self.invoked.clear()


class _RecordingApplication:
    def __init__(self, application: Application, calls: list[Call]) -> None:
        self._application = application
        self._calls = calls
        # One request at a time, so that the items are unchanged between reading them here and the write.
        self._lock = threading.RLock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"].seek(0)
        service, operation = _service_and_operation(environ, body)
        caller = _CALLER.search(str(environ.get("HTTP_USER_AGENT", "")))
        name = caller[1] if caller else UNNAMED_CALLER
        if service != "dynamodb":
            self._calls.append(Call(name, service, operation))
            return self._application(environ, start_response)
        request = json.loads(body)
        keys = list(_written_keys(operation, request))
        with self._lock:
            before = [_stored_item(table, key) for table, key, _ in keys]
            response = b"".join(self._application(environ, start_response))
            after = [_stored_item(table, key) for table, key, _ in keys]
        changes = list(zip(keys, before, after, strict=True))
        writes = sum(write_units(old, new, _indexes(table)) * factor for (table, _, factor), old, new in changes)
        partitions = tuple(
            (_partition_name(table, key), float(write_units(old, new) * factor))
            for (table, key, factor), old, new in changes
        )
        reads = _read_units(operation, request, json.loads(response))
        self._calls.append(Call(name, service, operation, writes, reads, partitions))
        return [response]


def _service_and_operation(environ: Mapping[str, Any], body: bytes) -> tuple[str, str]:
    scope = _SCOPE.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    service = scope[1] if scope else "s3"
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if "DynamoDBStreams" in target:
        return "dynamodbstreams", target.rpartition(".")[2]
    if target:
        return service, target.rpartition(".")[2]
    if service == "s3":
        query = str(environ.get("QUERY_STRING", ""))
        method = str(environ["REQUEST_METHOD"])
        if method == "POST":
            return service, "DeleteObjects" if "delete" in query else "PostObject"
        return service, "ListObjects" if "versions" in query or "list-type" in query else _OBJECT_OPERATIONS[method]
    form = parse_qs(body.decode(errors="replace"))
    return service, form.get("Action", [str(environ.get("PATH_INFO"))])[0]


# ------------------------------------------------------------------------- DynamoDB's units


def _table(name: str) -> Any:
    return dynamodb_backends[ACCOUNT][REGION].get_table(name)


def _stored_item(table: str, key: Item) -> Item | None:
    keys = _table(table)
    hash_value, range_value = DynamoType(dict(key[keys.hash_key_attr])), key.get(keys.range_key_attr or "")
    item = keys.get_item(hash_value, DynamoType(dict(range_value)) if range_value else None)
    return None if item is None else dict(item.to_json()["Attributes"])


def _partition_name(table: str, key: Item) -> str:
    (value,) = key[_table(table).hash_key_attr].values()
    return f"{table}: {value}"


def _key(table: str, item: Item) -> Item:
    definition = _table(table)
    return {name: item[name] for name in (definition.hash_key_attr, definition.range_key_attr) if name}


def _written_keys(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, Item, int]]:
    """Table, key and cost factor of each item that a request writes."""
    if operation == "PutItem":
        yield request["TableName"], _key(request["TableName"], request["Item"]), 1
    elif operation in ("UpdateItem", "DeleteItem"):
        yield request["TableName"], request["Key"], 1
    elif operation == "TransactWriteItems":
        for each in request["TransactItems"]:
            (write,) = each.values()
            table = write["TableName"]
            yield table, write["Key"] if "Key" in write else _key(table, write["Item"]), 2
    elif operation == "BatchWriteItem":
        for table, writes in request["RequestItems"].items():
            for each in writes:
                is_delete = "DeleteRequest" in each
                yield table, each["DeleteRequest"]["Key"] if is_delete else _key(table, each["PutRequest"]["Item"]), 1


def _indexes(table: str) -> list[tuple[tuple[str, ...], frozenset[str] | None]]:
    """Each index as its key attributes and its projected attributes (None: all)."""
    definition = _table(table)
    table_keys = [name for name in (definition.hash_key_attr, definition.range_key_attr) if name]
    indexes = []
    for index in definition.global_indexes:
        keys = tuple(each["AttributeName"] for each in index.schema)
        projected = {*table_keys, *keys, *index.projection.get("NonKeyAttributes", [])}
        indexes.append((keys, None if index.projection["ProjectionType"] == "ALL" else frozenset(projected)))
    return indexes


def write_units(
    before: Item | None, after: Item | None, indexes: Iterable[tuple[tuple[str, ...], frozenset[str] | None]] = ()
) -> int:
    """Units of one write outside of a transaction. A write that changes nothing costs the same."""
    units = _kilobytes(max(item_size(before or {}), item_size(after or {})), 1)
    for keys, projected in indexes:
        old, new = _entry(before, keys, projected), _entry(after, keys, projected)
        if old == new:
            continue
        if old is not None and new is not None and all(old[key] == new[key] for key in keys):
            units += _kilobytes(max(item_size(old), item_size(new)), 1)
        else:
            # An entry whose key changes is deleted and written again.
            units += sum(_kilobytes(item_size(each), 1) for each in (old, new) if each is not None)
    return units


def _entry(item: Item | None, keys: tuple[str, ...], projected: frozenset[str] | None) -> Item | None:
    if item is None or any(key not in item for key in keys):
        return None
    return {name: value for name, value in item.items() if projected is None or name in projected}


def _read_units(operation: str, request: Mapping[str, Any], response: Mapping[str, Any]) -> float:
    if operation == "GetItem":
        size = item_size(_stored_item(request["TableName"], request["Key"]) or {})
        return _kilobytes(size, 4) * (1.0 if request.get("ConsistentRead") else 0.5)
    if operation == "Query":
        size = sum(item_size(item) for item in response.get("Items", []))
        return _kilobytes(size, 4) * (1.0 if request.get("ConsistentRead") else 0.5)
    if operation == "BatchGetItem":
        return sum(
            _kilobytes(item_size(item), 4) * (1.0 if request["RequestItems"][table].get("ConsistentRead") else 0.5)
            for table, items in response.get("Responses", {}).items()
            for item in items
        )
    return 0.0


def _kilobytes(size: int, step: int) -> int:
    return max(1, math.ceil(size / (step * 1024)))


def item_size(item: Item) -> int:
    """Bytes of an item's names and values (Amazon DynamoDB, "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    if kind == "S":
        return len(str(value).encode())
    if kind == "N":
        return math.ceil(len(str(value).strip("-").replace(".", "")) / 2) + 1
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in value.items())
    if kind == "L":
        return 3 + sum(1 + _value_size(each) for each in value)
    if kind in ("SS", "NS", "BS"):
        return sum(_value_size({kind[0]: each}) for each in value)
    return len(str(value)) * 3 // 4 if kind == "B" else 1


def stored_bytes() -> int:
    """Bytes of all items of all tables, with the 100 bytes that AWS adds to each item."""
    tables = dynamodb_backends[ACCOUNT][REGION].tables.values()
    return sum(100 + item_size(item.to_json()["Attributes"]) for table in tables for item in table.all_items())
