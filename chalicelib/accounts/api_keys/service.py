"""What an owner does with their API keys: makes, lists and revokes them."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.accounts.api_keys import models
from chalicelib.accounts.api_keys import secret as secrets
from chalicelib.accounts.api_keys.models import KEYS, MAX_KEYS, Anchor, ApiKey, ApiKeyNotFoundError, own_anchor
from chalicelib.accounts.api_keys.rotation import ChangedError
from chalicelib.core import ids, log
from chalicelib.core.aws.tables import ConditionFailedError, transact
from chalicelib.core.errors import ConflictError, InvalidRequestError, PermissionDeniedError
from chalicelib.core.http import limits
from chalicelib.core.http.operations import APIAccessType, Caller

_TRIES = 10


def create(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new key; the answer alone holds its secret.

    Raises:
        InvalidRequestError: it would have expired already.
        PermissionDeniedError: it would carry more than the caller may.
        ConflictError: the caller has MAX_KEYS of them.
    """
    kinds = frozenset(APIAccessType(kind) for kind in data["accessTypes"])
    if APIAccessType.ADMIN in kinds and user.role != "ADMIN":
        raise PermissionDeniedError("Only an administrator's key may carry admin.")
    if len(models.current_keys(user.id)) >= MAX_KEYS:
        raise ConflictError(f"You have {MAX_KEYS} keys; revoke one first.")
    expires_at = _normal(data["expiresAt"]) if "expiresAt" in data else None
    secret = secrets.new()
    key = ApiKey(
        key_hash=secrets.hashed(secret),
        user_id=user.id,
        key_id=ids.new_id("key"),
        name=data["name"],
        access_types=kinds,
        created_at=ids.now(),
        expires_at=expires_at,
        limits=limits.read_limits(data.get("limits")),
    )
    anchor = Anchor.of_new_key(user.id, key.key_id, key.key_hash)
    transact(KEYS.to_create(key.to_item()), KEYS.to_create(anchor.to_item()))
    log.info("KEY_CREATED", userId=user.id, keyId=key.key_id, accessTypes=sorted(kinds))
    return {"keyId": key.key_id, "key": secret, "apiKey": key.shown()}


def _normal(expires_at: str) -> str:
    try:
        moment = datetime.fromisoformat(expires_at)
    except ValueError:
        moment = datetime.min.replace(tzinfo=UTC)
    if moment <= datetime.now(UTC):
        raise InvalidRequestError(details=[{"field": "expiresAt", "message": "must be a moment in the future"}])
    return ids.timestamp(moment)


def listed(user: Caller) -> dict[str, Any]:
    """The caller's keys, newest first; MAX_KEYS is a page."""
    return {"items": [key.shown() for key in models.current_keys(user.id)], "nextCursor": None}


def revoke(user: Caller, key_id: str) -> dict[str, Any]:
    """Ends a key at once: the next request with any of its secrets, anywhere, finds nothing.

    Raises:
        ApiKeyNotFoundError: the caller has no such key.
        ChangedError: it kept being rotated meanwhile.
    """
    _revoke(user.id, key_id)
    log.info("KEY_REVOKED", userId=user.id, keyId=key_id)
    return {"message": "The key is revoked."}


def erase_all(user_id: str) -> None:
    """Ends all keys of a user."""
    for key in models.current_keys(user_id):
        # The index is a moment behind the table: a key that is gone already may still be in it.
        with contextlib.suppress(ApiKeyNotFoundError):
            _revoke(user_id, key.key_id)


def _revoke(user_id: str, key_id: str) -> None:
    for _ in range(_TRIES):
        anchor = own_anchor(user_id, key_id)
        # A rotation in between would leave a secret that the anchor, as it was read, does not name.
        whole = KEYS.to_delete(KEYS.key(anchor.name), where={"current": anchor.current})
        with contextlib.suppress(ConditionFailedError):
            transact(whole, *(KEYS.to_delete(KEYS.key(key_hash)) for key_hash in anchor.hashes))
            return
    raise ChangedError
