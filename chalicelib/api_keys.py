"""API keys: issued, listed, rotated with grace, revoked; and the caller behind one. Owns API_KEYS_TABLE.

A key's secret is shown once and only its SHA-256 is stored, in an item of its own that leads to the key's record.
The record decides: one conditional write revokes or rotates, and every request reads it consistently.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from chalicelib import users
from chalicelib.core import log, records
from chalicelib.core.access import APIAccessType, Caller
from chalicelib.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
)
from chalicelib.core.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.table import Attr, ConditionFailedError, Table

KEYS = Table("API_KEYS_TABLE", "keyHash")
BY_USER = Table("API_KEYS_TABLE", "userId", "keyId", index="by-user")

PREFIX = "drk_"
# 256 bits: what SHA-256 can hold, and more than anyone can guess.
_SECRET_BYTES = 32
DEFAULT_GRACE_SECONDS = 86_400
_LONGEST_GRACE_SECONDS = 30 * 86_400
_LAST_USED_EVERY = timedelta(minutes=1)
MAX_KEYS = 100

_KEY_ID = {"type": "string", "pattern": "^key_[0-9a-z]{26}$"}
CREATE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "accessTypes": {
            "type": "array",
            "items": {"enum": [str(kind) for kind in APIAccessType]},
            "minItems": 1,
            "uniqueItems": True,
        },
        "expiresAt": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$"},
    },
    "required": ["name", "accessTypes"],
    "additionalProperties": False,
}
ONE = {"type": "object", "properties": {"keyId": _KEY_ID}, "required": ["keyId"], "additionalProperties": False}
ROTATE = {
    "type": "object",
    "properties": {
        "keyId": _KEY_ID,
        "graceSeconds": {"type": "integer", "minimum": 0, "maximum": _LONGEST_GRACE_SECONDS},
    },
    "required": ["keyId"],
    "additionalProperties": False,
}


class ApiKeyNotFoundError(NotFoundError):
    code, message = "API_KEY_NOT_FOUND", "There is no such API key."


@dataclass(frozen=True)
class ApiKey:
    """A key's record. Times are ISO 8601 UTC; `previous_hash` is good until `grace_end`."""

    user_id: str
    key_id: str
    name: str
    access_types: frozenset[APIAccessType]
    current_hash: str
    created_at: str
    expires_at: str | None = None
    previous_hash: str | None = None
    grace_end: str | None = None
    last_used_at: str | None = None

    @property
    def place(self) -> str:
        return _place(self.user_id, self.key_id)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        return cls(
            user_id=item["userId"],
            key_id=item["keyId"],
            name=item["name"],
            access_types=frozenset(APIAccessType(kind) for kind in item["accessTypes"]),
            current_hash=item["currentHash"],
            created_at=item["createdAt"],
            expires_at=item.get("expiresAt"),
            previous_hash=item.get("previousHash"),
            grace_end=item.get("graceEnd"),
            last_used_at=item.get("lastUsedAt"),
        )

    def to_item(self) -> dict[str, Any]:
        return {
            "keyHash": self.place,
            "userId": self.user_id,
            "keyId": self.key_id,
            "name": self.name,
            "accessTypes": sorted(self.access_types),
            "currentHash": self.current_hash,
            "createdAt": self.created_at,
            "expiresAt": self.expires_at,
        }

    def shown(self) -> dict[str, Any]:
        """The key as its owner sees it: all but the secret."""
        return {
            "keyId": self.key_id,
            "name": self.name,
            "accessTypes": sorted(self.access_types),
            "createdAt": self.created_at,
            "expiresAt": self.expires_at,
            "graceEnd": self.grace_end,
            "lastUsedAt": self.last_used_at,
        }

    def accepts(self, key_hash: str, moment: str) -> bool:
        """Whether a secret of that hash opens anything at that moment."""
        if self.expires_at is not None and moment >= self.expires_at:
            return False
        current = hmac.compare_digest(key_hash, self.current_hash)
        previous = self.previous_hash is not None and hmac.compare_digest(key_hash, self.previous_hash)
        return current or (previous and self.grace_end is not None and moment < self.grace_end)


# ------------------------------------------------------------------- the caller


@required_env_vars(
    {
        "API_KEYS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
    }
)
def authenticate(secret: str) -> Caller:
    """The caller behind a key.

    Raises:
        NotAuthenticatedError: no such key, or it has expired, was revoked, or was rotated too long ago.
        PermissionDeniedError: its user has been switched off.
    """
    key_hash, moment = _hash(secret), records.now()
    leads_to = KEYS.get(key_hash)
    item = None if leads_to is None else KEYS.get(leads_to["place"])
    if item is None:
        raise NotAuthenticatedError
    key = ApiKey.from_item(item)
    user = users.find(key.user_id)
    if user is None or not key.accepts(key_hash, moment):
        raise NotAuthenticatedError
    if not user.is_active:
        raise PermissionDeniedError("This account is not active.")
    _note_use(key)
    return Caller(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        can_export_data=user.can_export_data,
        api_key_id=key.key_id,
        access_types=key.access_types,
    )


def _note_use(key: ApiKey) -> None:
    """Writes when the key was last used, at most once a minute; what goes wrong here is nobody's fault."""
    now = datetime.now(UTC)
    if key.last_used_at is not None and key.last_used_at > records.timestamp(now - _LAST_USED_EVERY):
        return
    try:
        KEYS.update(key.place, when=Attr("keyHash").exists(), change={"lastUsedAt": records.timestamp(now)})
    except Exception as error:
        log.warning("KEY_USE_NOT_NOTED", error, keyId=key.key_id)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# ------------------------------------------------------------------- the owner


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
    if len(BY_USER.page(user.id, limit=MAX_KEYS).items) >= MAX_KEYS:
        raise ConflictError(f"You have {MAX_KEYS} keys; revoke one first.")
    expires_at = _normal(data["expiresAt"]) if "expiresAt" in data else None
    secret = _new_secret()
    key = ApiKey(
        user_id=user.id,
        key_id=records.new_id("key"),
        name=data["name"],
        access_types=kinds,
        current_hash=_hash(secret),
        created_at=records.now(),
        expires_at=expires_at,
    )
    _store_hash(key, secret)
    KEYS.create(key.to_item())
    log.info("KEY_CREATED", userId=user.id, keyId=key.key_id, accessTypes=sorted(kinds))
    return {"keyId": key.key_id, "key": secret, "apiKey": key.shown()}


def listed(user: Caller) -> dict[str, Any]:
    page = BY_USER.page(user.id, limit=MAX_KEYS)
    return {"items": [ApiKey.from_item(item).shown() for item in page.items], "nextCursor": None}


def rotate(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new secret for the key; the present one goes on working for `graceSeconds`, an older one dies at once.

    Raises:
        ApiKeyNotFoundError: the caller has no such key.
    """
    key = _own(user, data["keyId"])
    secret = _new_secret()
    grace = timedelta(seconds=data.get("graceSeconds", DEFAULT_GRACE_SECONDS))
    change = {
        "currentHash": _hash(secret),
        "previousHash": key.current_hash,
        "graceEnd": records.timestamp(datetime.now(UTC) + grace),
    }
    _store_hash(key, secret)
    try:
        item = KEYS.update(key.place, when=Attr("currentHash").eq(key.current_hash), change=change)
    except ConditionFailedError:
        raise ApiKeyNotFoundError from None
    if key.previous_hash is not None:
        KEYS.delete(key.previous_hash)
    log.info("KEY_ROTATED", userId=user.id, keyId=key.key_id)
    return {"keyId": key.key_id, "key": secret, "apiKey": ApiKey.from_item(item).shown()}


def revoke(user: Caller, key_id: str) -> dict[str, Any]:
    """Ends a key at once: the next request with it, anywhere, finds no record.

    Raises:
        ApiKeyNotFoundError: the caller has no such key.
    """
    _revoke(_own(user, key_id))
    log.info("KEY_REVOKED", userId=user.id, keyId=key_id)
    return {"message": "The key is revoked."}


def erase_all(user_id: str) -> None:
    for item in BY_USER.page(user_id, limit=MAX_KEYS).items:
        _revoke(ApiKey.from_item(item))


def _revoke(key: ApiKey) -> None:
    # The record first: without it the hashes lead nowhere.
    KEYS.delete(key.place)
    for key_hash in (key.current_hash, key.previous_hash):
        if key_hash is not None:
            KEYS.delete(key_hash)


def _own(user: Caller, key_id: str) -> ApiKey:
    item = KEYS.get(_place(user.id, key_id))
    if item is None:
        raise ApiKeyNotFoundError
    return ApiKey.from_item(item)


def _place(user_id: str, key_id: str) -> str:
    return f"{user_id}#{key_id}"


def _new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def _store_hash(key: ApiKey, secret: str) -> None:
    KEYS.create({"keyHash": _hash(secret), "place": key.place})


def _normal(expires_at: str) -> str:
    try:
        moment = datetime.fromisoformat(expires_at)
    except ValueError:
        moment = datetime.min.replace(tzinfo=UTC)
    if moment <= datetime.now(UTC):
        raise InvalidRequestError(details=[{"field": "expiresAt", "message": "must be a moment in the future"}])
    return records.timestamp(moment)
