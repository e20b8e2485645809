"""A transaction with the ClientRequestToken of one that took place changes nothing, as in DynamoDB.

Clients send the same token with each try of a call. DynamoDB knows it for ten minutes after the transaction. moto
ignores it.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from local.clock import CLOCK
from local.moto_patches.dynamodb_conflicts import PREFIX
from local.patching import patch

# Amazon DynamoDB Developer Guide, "Managing complex workflows with DynamoDB transactions", "Idempotency".
KNOWN_SECONDS = 600.0

Action = Callable[[Any], Any]


def recognize_transactions() -> None:
    """Answer a repeated transaction before its conditions and conflicts are looked at."""
    from moto.dynamodb.responses import DynamoHandler

    patch(DynamoHandler, "transact_write_items", _recognizing(DynamoHandler.transact_write_items))


def _recognizing(original: Action) -> Action:
    def transact_write_items(self: Any) -> Any:
        token = self.body.get("ClientRequestToken")
        # Not the writes themselves: those of ten minutes may be many.
        digest = hashlib.sha256(repr(self.body.get("TransactItems")).encode()).digest()
        known = _known_transactions(self.dynamodb_backend)
        if token in known:
            _, before, response = known[token]
            if before != digest:
                raise _mismatch()
            return response
        response = original(self)
        if token is not None:
            known[token] = CLOCK.now(), digest, response
        return response

    return transact_write_items


def _known_transactions(backend: Any) -> dict[str, tuple[float, bytes, Any]]:
    """The transactions of the last ten minutes by their tokens, oldest first. Requests run one at a time."""
    known: dict[str, tuple[float, bytes, Any]] = backend.__dict__.setdefault("known_transactions", {})
    for token, (moment, _, _) in list(known.items()):
        if moment > CLOCK.now() - KNOWN_SECONDS:
            break
        del known[token]
    return known


def _mismatch() -> Exception:
    from moto.dynamodb.exceptions import DynamodbException

    text = "The request uses the same client token as a previous, but non-identical request"
    return DynamodbException(f"{PREFIX}IdempotentParameterMismatchException", text)
