"""A user's API keys: created, listed, revoked."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.accounts.api_keys import secrets
from chalicelib.accounts.api_keys.models import (
    KEYS,
    MAX_KEYS,
    Anchor,
    ApiKey,
    ApiKeyNotFoundError,
    current_keys,
    read_anchor,
)
from chalicelib.accounts.api_keys.rotation import ChangedError, rotate_key
from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError, transact
from chalicelib.core.errors import ConflictError, InvalidRequestError, PermissionDeniedError, raises
from chalicelib.core.http import deeds, limits
from chalicelib.core.http.operations import APIAccessType, Caller

_TRIES = 10


class TooManyKeysError(ConflictError):
    message = f"You have {MAX_KEYS} keys; revoke one first."


# A request that is sent again rotates the key that it created.
@required_env_vars(rotate_key, {"API_KEYS_TABLE": [DynamoDBOperation.PUT_ITEM, DynamoDBOperation.QUERY_INDEX]})
@raises(PermissionDeniedError, TooManyKeysError)
def create_key(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Creates a key. Its secret is in this response alone.

    Raises:
        InvalidRequestError: `expiresAt` is not in the future.
        PermissionDeniedError: only administrators may have such a key.
        TooManyKeysError: the caller has MAX_KEYS keys.
    """
    kinds = frozenset(APIAccessType(kind) for kind in data["accessTypes"])
    if APIAccessType.ADMIN in kinds and user.role != "ADMIN":
        raise PermissionDeniedError("Only an administrator's key may carry admin.")
    if len(current_keys(user.id)) >= MAX_KEYS:
        raise TooManyKeysError
    expires_at = _future_time(data["expiresAt"]) if "expiresAt" in data else None
    secret = secrets.generate()
    key = ApiKey(
        key_hash=secrets.hash_of(secret),
        user_id=user.id,
        key_id=deeds.new_id("key"),
        name=data["name"],
        access_types=kinds,
        created_at=ids.now(),
        expires_at=expires_at,
        limits=limits.read_limits(data.get("limits")),
    )
    anchor = Anchor.of_new_key(user.id, key.key_id, key.key_hash)
    try:
        transact(KEYS.to_create(key.to_item()), KEYS.to_create(anchor.to_item()))
    except ConditionFailedError:
        # An earlier try of this request has created the key, and nobody has the secret.
        return rotate_key(user, {"keyId": key.key_id, "graceSeconds": 0})
    log.info("KEY_CREATED", userId=user.id, keyId=key.key_id, accessTypes=sorted(kinds))
    return {"keyId": key.key_id, "key": secret, "apiKey": key.shown()}


def _future_time(expires_at: str) -> str:
    try:
        moment = datetime.fromisoformat(expires_at)
    except ValueError:
        moment = datetime.min.replace(tzinfo=UTC)
    if moment <= datetime.now(UTC):
        raise InvalidRequestError(details=[{"field": "expiresAt", "message": "must be a moment in the future"}])
    return ids.timestamp(moment)


@required_env_vars({"API_KEYS_TABLE": [DynamoDBOperation.QUERY_INDEX]})
def list_keys(user: Caller) -> dict[str, Any]:
    """The caller's keys, newest first, in one page."""
    return {"items": [key.shown() for key in current_keys(user.id)], "nextCursor": None}


@required_env_vars({"API_KEYS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.DELETE_ITEM]})
@raises(ApiKeyNotFoundError, ChangedError)
def revoke_key(user: Caller, key_id: str) -> dict[str, Any]:
    """Ends all secrets of a key; the next request with one of them is refused.

    Raises:
        ApiKeyNotFoundError: the caller has no such key.
        ChangedError: other requests kept rotating it.
    """
    _revoke(user.id, key_id)
    log.info("KEY_REVOKED", userId=user.id, keyId=key_id)
    return {"message": "The key is revoked."}


@required_env_vars(
    {
        "API_KEYS_TABLE": [
            DynamoDBOperation.GET_ITEM,
            DynamoDBOperation.DELETE_ITEM,
            DynamoDBOperation.QUERY_INDEX,
        ]
    }
)
@raises(ChangedError)
def erase_all(user_id: str) -> None:
    """Revokes all keys of a user."""
    for key in current_keys(user_id):
        # The index is a moment behind the table: it may list a key that is gone.
        with contextlib.suppress(ApiKeyNotFoundError):
            _revoke(user_id, key.key_id)


def _revoke(user_id: str, key_id: str) -> None:
    for _ in range(_TRIES):
        anchor = read_anchor(user_id, key_id)
        # Fails if the key was rotated since the read: the anchor would not name the newest secret.
        delete_anchor = KEYS.to_delete(KEYS.key(anchor.name), where={"current": anchor.current})
        with contextlib.suppress(ConditionFailedError):
            transact(delete_anchor, *(KEYS.to_delete(KEYS.key(key_hash)) for key_hash in anchor.hashes))
            return
    raise ChangedError
