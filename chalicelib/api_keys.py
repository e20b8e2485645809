"""API keys: issued, listed, rotated with grace, revoked; and the caller behind one. Owns API_KEYS_TABLE.

A key's secret is shown once. What is stored is an item under its SHA-256 that holds all a request needs, so that one
consistent read decides; and an anchor under "userId#keyId" that names the hashes, so that a rotation or a revocation
reaches all of them, in one transaction and with the next request.
"""

import base64
import contextlib
import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from chalicelib import users
from chalicelib.core import limits, log, records
from chalicelib.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
)
from chalicelib.core.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.operations import APIAccessType, Caller
from chalicelib.core.payload import TEXT, page_of, shape
from chalicelib.core.table import Attr, ConditionFailedError, Table, transact

KEYS = Table("API_KEYS_TABLE", "keyHash")
BY_USER = Table("API_KEYS_TABLE", "userId", "keyId", index="by-user")

PREFIX = "drk_"
# 256 bits: what SHA-256 can hold, and more than anyone can guess. In base 64 they have 43 characters; a checksum of
# six follows, so that junk is told apart without a look at the table, and scanners for leaked keys see no others.
_SECRET_BYTES = 32
_SECRET_FORM = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}")
DEFAULT_GRACE_SECONDS = 86_400
_LONGEST_GRACE_SECONDS = 30 * 86_400
_LAST_USED_EVERY = timedelta(minutes=1)
MAX_KEYS = 100
_TRIES = 10
_CHANGED = "The key has just been rotated or revoked."

_KEY_ID = {"type": "string", "pattern": "^key_[0-9a-z]{26}$", "maxLength": 30}
CREATE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "accessTypes": {
            "type": "array",
            "items": {"enum": [str(kind) for kind in APIAccessType]},
            "minItems": 1,
            "maxItems": len(APIAccessType),
            "uniqueItems": True,
        },
        "expiresAt": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$", "maxLength": 27},
        "limits": limits.SCHEMA,
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


_SHOWN = shape(
    {
        "keyId": TEXT,
        "name": TEXT,
        "accessTypes": {"type": "array", "items": TEXT},
        "createdAt": TEXT,
        "expiresAt": {"type": ["string", "null"]},
        "lastUsedAt": {"type": ["string", "null"]},
        "limits": {"type": "object"},
    }
)
ISSUED = shape({"keyId": TEXT, "key": TEXT, "apiKey": _SHOWN}, {"graceEnd": TEXT})
PAGE = page_of(_SHOWN)


class ApiKeyNotFoundError(NotFoundError):
    code, message = "API_KEY_NOT_FOUND", "There is no such API key."


@dataclass(frozen=True)
class ApiKey:
    """One secret of a key, by its hash. Times are ISO 8601 UTC; `grace_end` stands on one that was rotated out."""

    key_hash: str
    user_id: str
    key_id: str
    name: str
    access_types: frozenset[APIAccessType]
    created_at: str
    expires_at: str | None = None
    grace_end: str | None = None
    last_used_at: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        return cls(
            key_hash=item["keyHash"],
            user_id=item["userId"],
            key_id=item["keyId"],
            name=item["name"],
            access_types=frozenset(APIAccessType(kind) for kind in item["accessTypes"]),
            created_at=item["createdAt"],
            expires_at=item.get("expiresAt"),
            grace_end=item.get("graceEnd"),
            last_used_at=item.get("lastUsedAt"),
            limits=limits.read(item.get("limits")),
        )

    def to_item(self) -> dict[str, Any]:
        return {
            "keyHash": self.key_hash,
            "userId": self.user_id,
            "keyId": self.key_id,
            "name": self.name,
            "accessTypes": sorted(self.access_types),
            "createdAt": self.created_at,
            "expiresAt": self.expires_at,
            "graceEnd": self.grace_end,
            "lastUsedAt": self.last_used_at,
            "limits": self.limits,
        }

    def shown(self) -> dict[str, Any]:
        """The key as its owner sees it: all but the secret."""
        return {
            "keyId": self.key_id,
            "name": self.name,
            "accessTypes": sorted(self.access_types),
            "createdAt": self.created_at,
            "expiresAt": self.expires_at,
            "lastUsedAt": self.last_used_at,
            "limits": self.limits,
        }

    def is_good(self, moment: str) -> bool:
        """Whether it opens anything at that moment."""
        return all(moment < end for end in (self.expires_at, self.grace_end) if end is not None)


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
        NotAuthenticatedError: no such key, or it has expired, was revoked, or was rotated too long ago. What cannot
            be a key of ours is refused unread.
    """
    if not _is_well_formed(secret):
        raise NotAuthenticatedError
    key_hash = _hash(secret)
    item = KEYS.get(key_hash)
    # An anchor is no key, although it stands in the same table.
    if item is None or not hmac.compare_digest(item["keyHash"], key_hash) or "accessTypes" not in item:
        raise NotAuthenticatedError
    key = ApiKey.from_item(item)
    user = users.find(key.user_id) if key.is_good(records.now()) else None
    if user is None:
        raise NotAuthenticatedError
    caller = user.as_caller()
    _note_use(key)
    return replace(caller, api_key_id=key.key_id, access_types=key.access_types, key_limits=key.limits)


def _note_use(key: ApiKey) -> None:
    """Writes when the key was last used, at most once a minute; what goes wrong here is nobody's fault."""
    now = datetime.now(UTC)
    if key.last_used_at is not None and key.last_used_at > records.timestamp(now - _LAST_USED_EVERY):
        return
    try:
        KEYS.update(key.key_hash, when=Attr("keyHash").exists(), change={"lastUsedAt": records.timestamp(now)})
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
    if len(_current(user.id)) >= MAX_KEYS:
        raise ConflictError(f"You have {MAX_KEYS} keys; revoke one first.")
    expires_at = _normal(data["expiresAt"]) if "expiresAt" in data else None
    secret = _new_secret()
    key = ApiKey(
        key_hash=_hash(secret),
        user_id=user.id,
        key_id=records.new_id("key"),
        name=data["name"],
        access_types=kinds,
        created_at=records.now(),
        expires_at=expires_at,
        limits=limits.read(data.get("limits")),
    )
    anchor = {"keyHash": _anchor(user.id, key.key_id), "current": key.key_hash}
    transact(KEYS.creating(key.to_item()), KEYS.creating(anchor))
    log.info("KEY_CREATED", userId=user.id, keyId=key.key_id, accessTypes=sorted(kinds))
    return {"keyId": key.key_id, "key": secret, "apiKey": key.shown()}


def listed(user: Caller) -> dict[str, Any]:
    """The caller's keys, newest first; MAX_KEYS is a page."""
    return {"items": [key.shown() for key in _current(user.id)], "nextCursor": None}


def _current(user_id: str) -> list[ApiKey]:
    # A key in its grace has two hashes, hence two items.
    page = BY_USER.page(user_id, limit=2 * MAX_KEYS, keep=Attr("graceEnd").not_exists())
    return [ApiKey.from_item(item) for item in page.items]


def rotate(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new secret for the key; the present one goes on working for `graceSeconds`, an older one dies at once.

    Raises:
        ApiKeyNotFoundError: the caller has no such key.
        ConflictError: it was rotated or revoked meanwhile.
    """
    anchor = _own(user.id, data["keyId"])
    item = KEYS.get(anchor["current"])
    if item is None:
        raise ConflictError(_CHANGED)
    secret, key = _new_secret(), ApiKey.from_item(item)
    fresh = replace(key, key_hash=_hash(secret), last_used_at=None)
    grace = timedelta(seconds=data.get("graceSeconds", DEFAULT_GRACE_SECONDS))
    grace_end = records.timestamp(datetime.now(UTC) + grace)
    writes = [
        KEYS.creating(fresh.to_item()),
        KEYS.setting(KEYS.key(key.key_hash), {"graceEnd": grace_end}, where={"keyHash": key.key_hash}),
        KEYS.setting(
            KEYS.key(anchor["keyHash"]),
            {"current": fresh.key_hash, "previous": key.key_hash},
            where={"current": key.key_hash},
        ),
    ]
    if "previous" in anchor:
        writes.append(KEYS.deleting(KEYS.key(anchor["previous"])))
    try:
        transact(*writes)
    except ConditionFailedError:
        raise ConflictError(_CHANGED) from None
    log.info("KEY_ROTATED", userId=user.id, keyId=key.key_id)
    return {"keyId": key.key_id, "key": secret, "apiKey": fresh.shown(), "graceEnd": grace_end}


def revoke(user: Caller, key_id: str) -> dict[str, Any]:
    """Ends a key at once: the next request with any of its secrets, anywhere, finds nothing.

    Raises:
        ApiKeyNotFoundError: the caller has no such key.
        ConflictError: it kept being rotated meanwhile.
    """
    _revoke(user.id, key_id)
    log.info("KEY_REVOKED", userId=user.id, keyId=key_id)
    return {"message": "The key is revoked."}


def erase_all(user_id: str) -> None:
    """Ends all keys of a user."""
    for key in _current(user_id):
        # The index is a moment behind the table: a key that is gone already may still be in it.
        with contextlib.suppress(ApiKeyNotFoundError):
            _revoke(user_id, key.key_id)


def _revoke(user_id: str, key_id: str) -> None:
    for _ in range(_TRIES):
        anchor = _own(user_id, key_id)
        secrets_left = [KEYS.key(anchor[name]) for name in ("current", "previous") if name in anchor]
        # A rotation in between would leave a secret that the anchor, as it was read, does not name.
        whole = KEYS.deleting(KEYS.key(anchor["keyHash"]), where={"current": anchor["current"]})
        with contextlib.suppress(ConditionFailedError):
            transact(whole, *map(KEYS.deleting, secrets_left))
            return
    raise ConflictError(_CHANGED)


def _own(user_id: str, key_id: str) -> dict[str, Any]:
    """The anchor of the user's key."""
    anchor = KEYS.get(_anchor(user_id, key_id))
    if anchor is None:
        raise ApiKeyNotFoundError
    return anchor


def _anchor(user_id: str, key_id: str) -> str:
    return f"{user_id}#{key_id}"


def _new_secret() -> str:
    start = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    return start + _checksum(start)


def _is_well_formed(secret: str) -> bool:
    return _SECRET_FORM.fullmatch(secret) is not None and _checksum(secret[:-6]) == secret[-6:]


def _checksum(start: str) -> str:
    """CRC-32 of all that stands before it, in base 64: six characters."""
    return base64.urlsafe_b64encode(zlib.crc32(start.encode()).to_bytes(4, "big")).decode().rstrip("=")


def _normal(expires_at: str) -> str:
    try:
        moment = datetime.fromisoformat(expires_at)
    except ValueError:
        moment = datetime.min.replace(tzinfo=UTC)
    if moment <= datetime.now(UTC):
        raise InvalidRequestError(details=[{"field": "expiresAt", "message": "must be a moment in the future"}])
    return records.timestamp(moment)
