"""Writes to DynamoDB, alone or in transactions: repeated while they conflict, and each takes place once.

If the answer to a write is lost, botocore sends it again, and the condition then fails because the first try took
place. So what is put or updated with a condition holds a token of its write: the item that a failed condition found
tells whether it is the write's own. A transaction is also recognized by DynamoDB, for ten minutes: botocore sends the
same ClientRequestToken with each try.
"""

import random
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core import clients

Item = dict[str, Any]

# The attribute with the token of the last such write. Short, because DynamoDB bills items by their bytes.
TOKEN = "w"  # noqa: S105
_TOKEN_BYTES = 6

_TRANSACTION = "transact_write_items"
_TRIES = 8
# Before another try: at most so long at first, then twice as long each time, two seconds in all.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 0.4


class ConditionFailedError(Exception):
    """A conditional write found the item in another state; nothing was written.

    For a transaction, `writes` are the positions of those that failed. For a single write, `item` is the item that it
    found, empty if there is none.
    """

    def __init__(self, writes: Iterable[int] = (), item: Mapping[str, Any] | None = None) -> None:
        super().__init__("an item was in another state")
        self.writes = frozenset(writes)
        self.item = item or {}


def new_token() -> dict[str, str]:
    """The attribute with the token of one write, the same in all of its tries: eight characters."""
    return {TOKEN: secrets.token_urlsafe(_TOKEN_BYTES)}


def without_token(item: Item) -> Item:
    """The item as those who read it know it."""
    item.pop(TOKEN, None)
    return item


def transact(*writes: Item) -> None:
    """Makes all of the writes, or none. Writes that a transaction has made are not made again by another one.

    Raises:
        ConditionFailedError: a write found its item in another state.
    """
    write(_TRANSACTION, TransactItems=list(writes))


def write(operation: str, **arguments: Any) -> Item:
    """DynamoDB's response to a write, repeated a few times while another transaction holds one of its items.

    Nothing was written then, and the other transaction takes milliseconds. AWS's clients do not retry this.

    Raises:
        ConditionFailedError: a condition did not hold, and not because the write had taken place already.
    """
    call = getattr(clients.client("dynamodb"), operation)
    attempt, repetitions = 0, 0
    while True:
        try:
            return dict(call(**arguments))
        except clients.ClientError as error:
            attempt, repetitions = attempt + 1, repetitions + clients.repetitions(error)
            if found := _found_by_failed(error):
                if (own := _own_result(operation, arguments, found, repetitions)) is not None:
                    return own
                raise _condition_failed(operation, found) from error
            if attempt == _TRIES or not clients.is_conflict(error):
                raise
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        time.sleep(random.uniform(0, pause))  # noqa: S311


def _found_by_failed(error: clients.ClientError) -> dict[int, Item]:
    """The positions of the writes whose conditions failed, and the items that they found (empty: there was none)."""
    # An error has items in DynamoDB's typed form, with every client.
    if clients.error_code(error) == "ConditionalCheckFailedException":
        return {0: clients.unmarshal(error.response.get("Item", {}))}
    reasons = error.response.get("CancellationReasons", ())
    return {
        place: clients.unmarshal(reason.get("Item", {}))
        for place, reason in enumerate(reasons)
        if reason.get("Code") == "ConditionalCheckFailed"
    }


def _own_result(
    operation: str, arguments: Mapping[str, Any], found: Mapping[int, Item], repetitions: int
) -> Item | None:
    """The response of an earlier try of the same write, if that is why the conditions failed; else None."""
    if operation == _TRANSACTION:
        writes = [what for each in arguments["TransactItems"] for what in each.values()]
        return {} if any(_has_made(writes[place], item) for place, item in found.items()) else None
    if _has_made(arguments, found[0]):
        return {"Attributes": without_token(found[0])}
    # A deleted item holds no token. Whoever deleted it since the first try, it is as it should be.
    return {} if operation == "delete_item" and repetitions and not found[0] else None


def _has_made(write_arguments: Mapping[str, Any], item: Item) -> bool:
    """Whether that write made the item what it is."""
    token = item.get(TOKEN)
    put, values = write_arguments.get("Item", {}), write_arguments.get("ExpressionAttributeValues", {})
    return token is not None and (put.get(TOKEN) == token or token in values.values())


def _condition_failed(operation: str, found: Mapping[int, Item]) -> ConditionFailedError:
    if operation == _TRANSACTION:
        return ConditionFailedError(found)
    return ConditionFailedError(item=without_token(found[0]))
