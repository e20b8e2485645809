"""moto's tables: atomic requests, transactions that undo only their own writes, exact sums, DynamoDB's refusals."""

import copy
import threading
import types
from decimal import Context
from typing import Any

from local.moto_patches import (
    dynamodb_conflicts,
    dynamodb_items,
    dynamodb_keys,
    dynamodb_recovery,
    dynamodb_repetitions,
    dynamodb_speed,
    dynamodb_start_keys,
)
from local.patching import patch
from local.state.changes import CHANGES


def patch_dynamodb() -> None:
    """Apply the patches of this module and of its neighbours."""
    dynamodb_conflicts.refuse_conflicting_writes()
    dynamodb_repetitions.recognize_transactions()
    dynamodb_keys.refuse_empty_keys()
    dynamodb_start_keys.refuse_foreign_start_keys()
    dynamodb_recovery.recover_points_in_time()
    _run_one_request_at_a_time()
    _undo_only_written_items()
    _add_all_numbers()
    dynamodb_speed.avoid_repeated_work()


def _run_one_request_at_a_time() -> None:
    # A conditional write is a check and then a change. moto lets other threads in between, and returns items that
    # others are changing.
    from moto.dynamodb.responses import DynamoHandler

    original, lock = DynamoHandler.call_action, threading.RLock()

    def call_action(self: Any) -> Any:
        body = getattr(self, "params", {})
        self.blocked_writes = dynamodb_conflicts.blocked_writes(self.dynamodb_backend, self._get_action(), body)
        if any(self.blocked_writes):
            # The request is refused at once: it does not wait for the transaction.
            return original(self)
        with lock:
            dynamodb_recovery.keep_what_is_replaced(self.dynamodb_backend, self._get_action(), body)
            try:
                return original(self)
            finally:
                _mark_written_rows(self.dynamodb_backend, self._get_action(), body)

    patch(DynamoHandler, "call_action", call_action)


def _mark_written_rows(backend: Any, action: str, body: Any) -> None:
    for table, attributes in dynamodb_items.written(backend, action, body) if CHANGES.are_recorded else ():
        CHANGES.mark("dynamodb", dynamodb_items.name_of(table, attributes))
        # The table's stream has a record of it.
        CHANGES.mark("work")


def _undo_only_written_items() -> None:
    """Let a cancelled transaction restore the items that it writes.

    moto copies the whole table for every item and puts the old table back: what others wrote meanwhile is lost.
    """
    from moto.dynamodb import models
    from moto.dynamodb.models.table import Table

    def deepcopy(value: Any) -> Any:
        # moto's snapshot of a table becomes the table itself, so that its own undoing changes nothing.
        return value if isinstance(value, Table) else copy.deepcopy(value)

    patch(models, "copy", types.SimpleNamespace(copy=copy.copy, deepcopy=deepcopy))
    original = models.DynamoDBBackend.transact_write_items

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        before = [dynamodb_items.read(self, operation) for entry in transact_items for operation in entry.values()]
        try:
            original(self, transact_items)
        except Exception:
            for table, keys, item in before:
                dynamodb_items.put_back(table, keys, item)
            raise

    patch(models.DynamoDBBackend, "transact_write_items", transact_write_items)


def _add_all_numbers() -> None:
    # moto takes a number without a point for an integer, and cannot read "2E-7", as boto3 writes small ones.
    from moto.dynamodb.models.dynamo_type import DynamoType

    original, exact = DynamoType.__add__, Context(prec=38)

    def add(self: Any, other: Any) -> Any:
        if not (self.is_number() and other.is_number()):
            return original(self, other)
        return DynamoType({"N": format(exact.add(self.cast_value, other.cast_value), "f")})

    patch(DynamoType, "__add__", add)
