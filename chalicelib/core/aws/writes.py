"""Writes to DynamoDB, alone or in transactions, repeated while another transaction holds one of the items."""

import random
import time
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core import clients

Item = dict[str, Any]

_TRIES = 8
# Before another try: at most so long at first, then twice as long each time, two seconds in all.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 0.4


class ConditionFailedError(Exception):
    """A conditional write found the item in another state; nothing was written.

    For a transaction, `writes` are the positions of those that failed; `item` is the item found, typed, if requested.
    """

    def __init__(self, writes: Iterable[int] = (), item: Mapping[str, Any] | None = None) -> None:
        super().__init__("an item was in another state")
        self.writes = frozenset(writes)
        self.item = item or {}


def transact(*writes: Item) -> None:
    """Makes all of the writes, or none. Raises ConditionFailedError if one found its item in another state."""
    try:
        write("transact_write_items", TransactItems=list(writes))
    except clients.ClientError as error:
        if failed := _failed_writes(error):
            raise ConditionFailedError(failed) from error
        raise


def _failed_writes(error: clients.ClientError) -> list[int]:
    """The positions of a transaction's writes that found their items in another state."""
    reasons = error.response.get("CancellationReasons", ())
    return [place for place, reason in enumerate(reasons) if reason.get("Code") == "ConditionalCheckFailed"]


def write(operation: str, **arguments: Any) -> Item:
    """DynamoDB's response to a write, repeated a few times while another transaction holds one of its items.

    Nothing was written then, and the other transaction takes milliseconds. AWS's clients do not retry this.
    """
    call = getattr(clients.client("dynamodb"), operation)
    for attempt in range(_TRIES - 1):
        try:
            return dict(call(**arguments))
        except clients.ClientError as error:
            if _failed_writes(error) or not clients.is_conflict(error):
                raise
        time.sleep(random.uniform(0, min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)))  # noqa: S311
    return dict(call(**arguments))
