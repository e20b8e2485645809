"""Requests that may be sent again: by their `Idempotency-Key` each runs at most once. Owns IDEMPOTENCY_TABLE.

Powertools keeps the records: one item a key, in progress for as long as a function can live, then with the answer.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core import clients, config, ids, log
from chalicelib.core.aws.grants import DynamoDBOperation
from chalicelib.core.errors import ConflictError, InvalidRequestError, UnavailableError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

NEEDS = {
    "IDEMPOTENCY_TABLE": [DynamoDBOperation.PUT_ITEM, DynamoDBOperation.UPDATE_ITEM, DynamoDBOperation.DELETE_ITEM]
}

KEPT_SECONDS = 86_400
# The API function's timeout (.chalice/config.json): after that, whoever held the key is dead.
LONGEST_RUN_MS = 30_000
# A store has one prefix for all of its threads: what tells requests apart is in what is hashed.
_PREFIX = "request"
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")


class KeyReusedError(ConflictError):
    code, message = "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key came with another request before."


class InProgressError(ConflictError):
    code, message = "IN_PROGRESS", "The same request is still under way; ask again shortly."

    def __init__(self) -> None:
        super().__init__(retry_after=1)


def checked(key: str) -> str:
    """The header's value.

    Raises:
        InvalidRequestError: it is not 1 to 255 visible ASCII characters.
    """
    if _VISIBLE_ASCII.fullmatch(key) is None:
        field = {"field": HEADER, "message": "must be 1 to 255 visible ASCII characters"}
        raise InvalidRequestError(details=[field])
    return key


def once(
    scope: tuple[str, str, str],
    payload: Mapping[str, Any],
    run: Callable[[], Mapping[str, Any]],
    context: Any,
    keeps: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> tuple[Mapping[str, Any], bool]:
    """What `run` gives, or what `keeps` kept of it when the same request came first; and whether it is that.

    A run that raises is forgotten. `scope` is the user's id, the operation and the key; `payload` all that the
    request asks for; `context` Lambda's, or None.

    Raises:
        KeyReusedError: the key came with another payload.
        InProgressError: the first one still runs.
        UnavailableError: the table cannot be asked; nothing was run.
    """
    from aws_lambda_powertools.utilities.idempotency import exceptions, idempotent_function

    attempt = _Attempt(run, keeps)
    guarded = idempotent_function(
        attempt.run,
        data_keyword_argument="request",
        persistence_store=_store(config.get("IDEMPOTENCY_TABLE"), clients.client("dynamodb", plain=False)),
        key_prefix=_PREFIX,
        config=_rules(_Lifetime(context)),
    )
    try:
        kept = guarded(request={"scope": list(scope), "payload": payload})
    except exceptions.IdempotencyValidationError:
        raise KeyReusedError from None
    except exceptions.IdempotencyAlreadyInProgressError:
        raise InProgressError from None
    except (exceptions.IdempotencyPersistenceLayerError, exceptions.IdempotencyInconsistentStateError) as error:
        return attempt.in_spite_of(error), False
    return (attempt.answer, False) if attempt.ran else (json.loads(kept), True)


class _Attempt:
    """One run, and how it ended, in case that cannot be written down."""

    def __init__(
        self, run: Callable[[], Mapping[str, Any]], keeps: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        self._run, self._keeps = run, keeps
        self.answer: Mapping[str, Any] = {}
        self._failure: Exception | None = None
        self.ran = False

    def run(self, request: Mapping[str, Any]) -> str:
        """What is kept of the answer, as text, so that it comes back with its names in the same order."""
        self.ran = True
        try:
            self.answer = self._run()
        except Exception as error:
            self._failure = error
            raise
        return ids.to_json(self._keeps(self.answer))

    def in_spite_of(self, error: Exception) -> Mapping[str, Any]:
        """What is due to the caller although the table failed: what came of the run, if it did run."""
        if not self.ran:
            raise UnavailableError from error
        log.warning("IDEMPOTENCY_NOT_RECORDED", error)
        if self._failure is not None:
            raise self._failure
        return self.answer


class _Lifetime:
    """How long whoever runs this may live, as Powertools asks a Lambda context for it."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def get_remaining_time_in_millis(self) -> int:
        """Never less than a whole run: a key that is freed too early would let a twin in."""
        left = 0 if self._context is None else int(self._context.get_remaining_time_in_millis())
        return max(LONGEST_RUN_MS, left)


def _rules(lifetime: _Lifetime | None = None) -> Any:
    from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig

    return IdempotencyConfig(
        event_key_jmespath="scope",
        payload_validation_jmespath="payload",
        expires_after_seconds=KEPT_SECONDS,
        hash_function="sha256",
        lambda_context=lifetime,  # type: ignore[arg-type]
    )


@functools.cache
def _store(table: str, client: Any) -> Any:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    store = DynamoDBPersistenceLayer(table_name=table, key_attr="key", expiry_attr="ttl", boto3_client=client)
    # By its first call it says that it is configured before it is: another thread would find other hashes.
    store.configure(_rules(), key_prefix=_PREFIX)
    return store
