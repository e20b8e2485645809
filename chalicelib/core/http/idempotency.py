"""Requests that may be sent again: each runs at most once under its `Idempotency-Key`. Owns IDEMPOTENCY_TABLE.

Powertools keeps one item a key: in progress for as long as a function can live, then with the response.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Table
from chalicelib.core.errors import ConflictError, InvalidRequestError, UnavailableError, raises
from chalicelib.core.http import deeds
from chalicelib.core.http.operations import Operation
from chalicelib.core.settings import Settings

RECORDS = Table(Settings.IDEMPOTENCY_TABLE, "key")

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

KEPT_SECONDS = 86_400
# The API function's timeout (.chalice/config.json): after that, the run that held the key is dead.
LONGEST_RUN_MS = 30_000
# A store has one prefix for all threads, so what identifies a request is in the hashed value instead.
_PREFIX = "request"
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")


class KeyReusedError(ConflictError):
    code, message = "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key came with another request before."
    next_step = "Send a new key with new arguments, or the same arguments as before with this key."


class InProgressError(ConflictError):
    code, message = "IN_PROGRESS", "The same request is still under way; ask again shortly."
    retry_after = 1


def valid_key(key: str) -> str:
    """The header's value. Raises InvalidRequestError unless it is 1 to 255 visible ASCII characters."""
    if _VISIBLE_ASCII.fullmatch(key) is None:
        field = {"field": HEADER, "message": "must be 1 to 255 visible ASCII characters"}
        raise InvalidRequestError(details=[field])
    return key


def run_operation(
    operation: Operation, available: Mapping[str, Any], key: str | None, check: Callable[[Any], None]
) -> tuple[Any, bool]:
    """The operation's response and False; or, if the same call came before under this key, that one's and True.

    A route and a tool of one operation share their keys. An operation that is not `idempotent` ignores them.

    Args:
        operation: what is called.
        available: what its function may ask for by name; `user`, `data` and `context` among it.
        key: the Idempotency-Key; None: the call has none.
        check: raises if a response does not fit; it is not stored then.

    Raises:
        InvalidRequestError: the key is not valid.
        KeyReusedError, InProgressError, UnavailableError: as `run_once`.
    """
    replay, user, data = operation.replay, available["user"], available["data"]

    def run() -> Any:
        response = operation.run(available)
        check(response)
        return response

    if replay is None or key is None or user is None:
        return run(), False
    scope = user.id, operation.name, valid_key(key)
    response, is_replay = run_once(scope, data, lambda: run() or {}, available.get("context"), replay.stores)
    if is_replay:
        response = replay.rebuild(user, data, response)
        check(response)
    return response, is_replay


@required_env_vars(
    {"IDEMPOTENCY_TABLE": [DynamoDBOperation.PUT_ITEM, DynamoDBOperation.UPDATE_ITEM, DynamoDBOperation.DELETE_ITEM]}
)
@raises(KeyReusedError, InProgressError, InvalidRequestError, UnavailableError)
def run_once(
    scope: tuple[str, str, str],
    payload: Mapping[str, Any],
    run: Callable[[], Mapping[str, Any]],
    context: Any,
    stores: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
) -> tuple[Mapping[str, Any], bool]:
    """The response of `run` and False; or, if the same request came before, what `stores` kept of it and True.

    A run that is refused is forgotten. One that fails otherwise may have done something, so the next one under the key
    goes on with its deed (deeds.py). `scope` is the user's id, the operation and the key; `payload` is the whole
    request; `context` is Lambda's, or None.

    Raises:
        KeyReusedError: the key came with another payload.
        InProgressError: the first run is not finished.
        UnavailableError: the table cannot be reached; nothing was run.
    """
    from aws_lambda_powertools.utilities.idempotency import exceptions, idempotent_function

    attempt = _Attempt(run, stores)
    guarded = idempotent_function(
        attempt.run,
        data_keyword_argument="request",
        persistence_store=_store(),
        key_prefix=_PREFIX,
        config=_rules(_Lifetime(context)),
    )
    try:
        with deeds.begin():
            stored = guarded(request={"scope": list(scope), "payload": payload})
    except exceptions.IdempotencyValidationError:
        raise KeyReusedError from None
    except exceptions.IdempotencyAlreadyInProgressError:
        raise InProgressError from None
    except (exceptions.IdempotencyPersistenceLayerError, exceptions.IdempotencyInconsistentStateError) as error:
        return attempt.outcome_despite(error), False
    return (attempt.response, False) if attempt.ran else (json.loads(stored), True)


class _Attempt:
    """One run and its outcome, in case the table cannot store it."""

    def __init__(
        self, run: Callable[[], Mapping[str, Any]], stores: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        self._run, self._stores = run, stores
        self.response: Mapping[str, Any] = {}
        self._failure: Exception | None = None
        self.ran = False

    def run(self, request: Mapping[str, Any]) -> str:
        """What is stored of the response, as text: so a replay has its names in the same order."""
        self.ran = True
        try:
            self.response = self._run()
        except Exception as error:
            self._failure = error
            deeds.current().fail(error)
            raise
        return ids.to_json(self._stores(self.response))

    def outcome_despite(self, error: Exception) -> Mapping[str, Any]:
        """The outcome of the run although the table failed. Raises UnavailableError if nothing was run."""
        if not self.ran:
            raise UnavailableError from error
        log.warning("IDEMPOTENCY_NOT_RECORDED", error)
        if self._failure is not None:
            raise self._failure
        return self.response


class _Lifetime:
    """How long the function may still live, in the form of a Lambda context, as Powertools asks for it."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def get_remaining_time_in_millis(self) -> int:
        """Never less than a whole run: a key that is freed too early would let a second run in."""
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
def _store() -> Any:
    # Imported with the first key, as Powertools is everywhere in this module.
    from chalicelib.core.http.idempotency_store import TableStore

    store = TableStore(RECORDS)
    # A first call marks the store as configured before it is: another thread would compute other hashes.
    store.configure(_rules(), key_prefix=_PREFIX)
    return store
