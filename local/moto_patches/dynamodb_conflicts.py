"""Writes to an item that a running transaction writes are refused, as DynamoDB does; tests can plan such conflicts."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.patching import patch

PREFIX = "com.amazonaws.dynamodb.v20120810#"
CONFLICT = "Transaction is ongoing for the item"
_WRITES = ("put_item", "update_item", "delete_item")
_TRANSACTION = "transact_write_items"
_WRITING_OPERATIONS = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")

# An item: the table's name and the key as JSON.
Item = tuple[str, str]
Body = Mapping[str, Any]

# The items of running transactions. Read without a lock: a look-up in a dict is one step.
_locked: dict[Item, int] = {}


class PlannedConflicts:
    """Writes to the embedded tables that are to be refused as if a transaction held their items."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._remaining: dict[str, int] = {}

    def add(self, table: str, times: int = 1) -> None:
        """Refuse the next `times` writes to a table."""
        with self._lock:
            self._remaining[table] = self._remaining.get(table, 0) + times

    def clear(self) -> int:
        """Forget all planned conflicts; how many were left."""
        with self._lock:
            left = sum(self._remaining.values())
            self._remaining.clear()
        return left

    def take(self, table: str) -> bool:
        """Whether this write is to be refused; counts it if so."""
        with self._lock:
            left = self._remaining.get(table, 0)
            if left:
                self._remaining[table] = left - 1
        return left > 0


# A process has one embedded AWS.
CONFLICTS = PlannedConflicts()


def refuse_conflicting_writes() -> None:
    """Check every write before moto sees it."""
    from moto.dynamodb.responses import DynamoHandler

    for name in (*_WRITES, _TRANSACTION):
        patch(DynamoHandler, name, _checked(name, getattr(DynamoHandler, name)))


def _checked(name: str, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def action(self: Any) -> Any:
        blocked = getattr(self, "blocked_writes", [])
        if any(blocked):
            raise _transaction_cancelled(blocked) if name == _TRANSACTION else _conflict()
        if name != _TRANSACTION:
            return original(self)
        with _locked_items(written_items(self.dynamodb_backend, self.body)):
            return original(self)

    return action


def blocked_writes(backend: Any, operation: str, body: Body) -> list[bool]:
    """For each write of a request, whether a running transaction holds its item or a test planned a conflict.

    Called before the request waits for its turn: requests run one at a time, so no transaction runs then.
    """
    if operation not in _WRITING_OPERATIONS:
        return []
    return [item in _locked or CONFLICTS.take(item[0]) for item in written_items(backend, body)]


def written_items(backend: Any, body: Body) -> list[Item]:
    """The items of a request's writes, in order."""
    writes = [write for entry in body.get("TransactItems", ()) for write in entry.values()] or [body]
    return [_item(backend, write) for write in writes]


def _item(backend: Any, write: Body) -> Item:
    name = str(write.get("TableName"))
    attributes = write.get("Item") or write.get("Key") or {}
    keys = backend.tables[name].table_key_attrs if name in backend.tables else []
    return name, json.dumps({key: attributes.get(key) for key in keys}, sort_keys=True)


@contextmanager
def _locked_items(items: list[Item]) -> Iterator[None]:
    locks = dict.fromkeys(items, threading.get_ident())
    _locked.update(locks)
    try:
        yield
    finally:
        for item in locks:
            _locked.pop(item, None)


def _conflict() -> Exception:
    from moto.dynamodb.exceptions import DynamodbException

    return DynamodbException(f"{PREFIX}TransactionConflictException", CONFLICT)


def _transaction_cancelled(blocked: list[bool]) -> Exception:
    from moto.dynamodb.exceptions import TransactionCanceledException

    return TransactionCanceledException(
        [("TransactionConflict", CONFLICT, None) if each else (None, None, None) for each in blocked]
    )
