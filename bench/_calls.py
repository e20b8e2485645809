"""What passes between functions and the embedded AWS, counted as AWS bills it: by caller, service and operation.

DynamoDB's units follow from the items themselves, as its page of prices defines them: a write takes one for each KB of
the larger of the item before and after it, on the table and on every index that it changes, twice that in a
transaction; a consistent read one for each 4 KB, an eventual one half.
"""

import json
import math
import os
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
from local.aws import ACCOUNT, REGION
from local.moto_server import MotoServer
from local.patching import patch
from local.wsgi import Application

Item = Mapping[str, Mapping[str, Any]]

# Calls of whoever has set no name: the triggers' pollers, and the state machine.
NOBODY = ""
# botocore puts it into the User-Agent, and so it names the caller of each request.
NAME = "AWS_SDK_UA_APP_ID"

_CALLER = re.compile(r"\bapp/(\S+)")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")
_OBJECT_OPERATIONS = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}


@dataclass(frozen=True)
class Call:
    """One request, with the units that DynamoDB would bill for it, and those of the tables' own partitions.

    A partition is named by its table and partition key; writes to indexes are not in it.
    """

    caller: str
    service: str
    operation: str
    writes: float = 0.0
    reads: float = 0.0
    partitions: tuple[tuple[str, float], ...] = ()


class Recorder:
    """Stands before the embedded AWS and writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.invoked: list[str] = []

    def install(self) -> None:
        """Watches every machine that is started in this process from now on."""
        cloud = sys.modules[MotoServer.__module__]
        dispatcher: Any = vars(cloud)["DomainDispatcherApplication"]
        environment, run = functions._environment, functions.Function._run

        def watched(create: Any) -> Any:
            return _Watch(dispatcher(create), self.calls)

        def named(spec: Any) -> dict[str, str]:
            return {**environment(spec), NAME: spec["name"]}

        def counted(function: functions.Function, *arguments: Any) -> Any:
            self.invoked.append(function.name)
            return run(function, *arguments)

        patch(cloud, "DomainDispatcherApplication", watched)
        patch(functions, "_environment", named)
        patch(functions.Function, "_run", counted)

    def clear(self) -> None:
        self.calls.clear()
        self.invoked.clear()


class _Watch:
    def __init__(self, application: Application, calls: list[Call]) -> None:
        self._application = application
        self._calls = calls
        # moto answers one request at a time: what stands before a write is what it finds.
        self._lock = threading.RLock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"].seek(0)
        service, operation = _asked(environ, body)
        caller = _CALLER.search(str(environ.get("HTTP_USER_AGENT", "")))
        name = caller[1] if caller else NOBODY
        if service != "dynamodb":
            self._calls.append(Call(name, service, operation))
            return self._application(environ, start_response)
        request = json.loads(body)
        with self._lock:
            before = [_stored(table, key) for table, key, _ in _written(operation, request)]
            answer = b"".join(self._application(environ, start_response))
            after = [_stored(table, key) for table, key, _ in _written(operation, request)]
        changes = list(zip(_written(operation, request), before, after, strict=True))
        writes = sum(write_units(old, new, _indexes(table)) * factor for (table, _, factor), old, new in changes)
        partitions = tuple(
            (_partition(table, key), float(write_units(old, new) * factor))
            for (table, key, factor), old, new in changes
        )
        reads = _read_units(operation, request, json.loads(answer))
        self._calls.append(Call(name, service, operation, writes, reads, partitions))
        return [answer]


def _asked(environ: Mapping[str, Any], body: bytes) -> tuple[str, str]:
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


def _stored(table: str, key: Item) -> Item | None:
    found = _table(table)
    hash_value, range_value = DynamoType(dict(key[found.hash_key_attr])), key.get(found.range_key_attr or "")
    item = found.get_item(hash_value, DynamoType(dict(range_value)) if range_value else None)
    return None if item is None else dict(item.to_json()["Attributes"])


def _partition(table: str, key: Item) -> str:
    (value,) = key[_table(table).hash_key_attr].values()
    return f"{table}: {value}"


def _key(table: str, item: Item) -> Item:
    found = _table(table)
    return {name: item[name] for name in (found.hash_key_attr, found.range_key_attr) if name}


def _written(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, Item, int]]:
    """Table, key and factor of each item that a request writes."""
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
                yield (
                    table,
                    each["DeleteRequest"]["Key"]
                    if "DeleteRequest" in each
                    else _key(table, each["PutRequest"]["Item"]),
                    1,
                )


def _indexes(table: str) -> list[tuple[tuple[str, ...], frozenset[str] | None]]:
    """Each index as its keys and what it projects beside all keys (None: everything)."""
    found = _table(table)
    own = [name for name in (found.hash_key_attr, found.range_key_attr) if name]
    made = []
    for index in found.global_indexes:
        keys = tuple(each["AttributeName"] for each in index.schema)
        projected = {*own, *keys, *index.projection.get("NonKeyAttributes", [])}
        made.append((keys, None if index.projection["ProjectionType"] == "ALL" else frozenset(projected)))
    return made


def write_units(
    before: Item | None, after: Item | None, indexes: Iterable[tuple[tuple[str, ...], frozenset[str] | None]] = ()
) -> int:
    """Units of one write outside of a transaction; one that changed nothing costs what it would have cost."""
    units = _kilobytes(max(item_size(before or {}), item_size(after or {})), 1)
    for keys, projected in indexes:
        old, new = _entry(before, keys, projected), _entry(after, keys, projected)
        if old == new:
            continue
        if old is not None and new is not None and all(old[key] == new[key] for key in keys):
            units += _kilobytes(max(item_size(old), item_size(new)), 1)
        else:
            # An entry whose key changes is taken out and put in.
            units += sum(_kilobytes(item_size(each), 1) for each in (old, new) if each is not None)
    return units


def _entry(item: Item | None, keys: tuple[str, ...], projected: frozenset[str] | None) -> Item | None:
    if item is None or any(key not in item for key in keys):
        return None
    return {name: value for name, value in item.items() if projected is None or name in projected}


def _read_units(operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    if operation == "GetItem":
        size = item_size(_stored(request["TableName"], request["Key"]) or {})
        return _kilobytes(size, 4) * (1.0 if request.get("ConsistentRead") else 0.5)
    if operation == "Query":
        size = sum(item_size(item) for item in answer.get("Items", []))
        return _kilobytes(size, 4) * (1.0 if request.get("ConsistentRead") else 0.5)
    if operation == "BatchGetItem":
        return sum(
            _kilobytes(item_size(item), 4) * (1.0 if request["RequestItems"][table].get("ConsistentRead") else 0.5)
            for table, items in answer.get("Responses", {}).items()
            for item in items
        )
    return 0.0


def _kilobytes(size: int, step: int) -> int:
    return max(1, math.ceil(size / (step * 1024)))


def item_size(item: Item) -> int:
    """Bytes of an item: its names and values (Amazon DynamoDB, "DynamoDB item sizes and formats")."""
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
    """All that the tables hold, with the 100 bytes that AWS adds to each item."""
    tables = dynamodb_backends[ACCOUNT][REGION].tables.values()
    return sum(100 + item_size(item.to_json()["Attributes"]) for table in tables for item in table.all_items())


# ----------------------------------------------------------------------------- processes


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU that processes and their finished children took, to a hundredth of a second (proc(5), /proc/pid/stat)."""
    tick = os.sysconf("SC_CLK_TCK")
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            # The name, in brackets, may hold spaces.
            fields = stat.read().rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / tick
