"""The rows of an API key: one for each secret, under its hash, and an anchor under the key's id.

Owns API_KEYS_TABLE.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Self

from chalicelib.core.aws.records import SHOWN, Exported, Record, Shown, Stored
from chalicelib.core.aws.tables import Attr, Table
from chalicelib.core.errors import NotFoundError
from chalicelib.core.http import limits
from chalicelib.core.http.operations import APIAccessType
from chalicelib.core.schemas import TEXT
from chalicelib.core.settings import Settings

KEYS = Table(Settings.API_KEYS_TABLE, "keyHash")
BY_USER = Table(Settings.API_KEYS_TABLE, "userId", "keyId", index="by-user")

MAX_KEYS = 100


class ApiKeyNotFoundError(NotFoundError):
    code, message = "API_KEY_NOT_FOUND", "There is no such API key."


_TYPES = {"type": "array", "items": TEXT}
_LIMITS = Stored(read=limits.read_limits)


@dataclass(frozen=True, kw_only=True)
class ApiKey(Record):
    """One secret of a key, by its hash. Times are ISO 8601 UTC. Only a replaced secret has a `grace_end`."""

    key_hash: str
    user_id: str
    key_id: Annotated[str, SHOWN, Exported("API key")]
    name: Annotated[str, SHOWN, Exported("Name")]
    access_types: Annotated[frozenset[APIAccessType], Shown(schema=_TYPES), Exported("Opens")]
    limits: Annotated[Mapping[str, float], _LIMITS, Shown(last=True), Exported("Limits")] = field(default_factory=dict)
    created_at: Annotated[str, SHOWN, Exported("Created", "time")]
    expires_at: Annotated[str | None, SHOWN, Exported("Expires", "time")] = None
    grace_end: str | None = None
    last_used_at: Annotated[str | None, SHOWN, Exported("Last used", "time")] = None

    def is_valid_at(self, moment: str) -> bool:
        return all(moment < end for end in (self.expires_at, self.grace_end) if end is not None)


def current_keys(user_id: str) -> list[ApiKey]:
    """The user's keys, newest first, each by its current secret."""
    # Keys that are created at the same moment may exceed MAX_KEYS a little.
    page = BY_USER.page(user_id, limit=2 * MAX_KEYS, keep=Attr("graceEnd").not_exists())
    return [ApiKey.from_item(item) for item in page.items]


@dataclass(frozen=True)
class InGrace(Record):
    """A replaced secret, which works until `grace_end` (ISO 8601 UTC)."""

    key_hash: str
    grace_end: str


@dataclass(frozen=True)
class Anchor(Record):
    """The row under a key's id: the hash of its current secret, and the replaced ones.

    `issued` is the hash of the secret in the first response to the request that created the current one. It recognizes
    the same request when it is sent again, which replaces its own secret.
    """

    name: Annotated[str, Stored("keyHash")]
    current: str
    issued: str
    in_grace: tuple[InGrace, ...] = ()

    @classmethod
    def of_new_key(cls, user_id: str, key_id: str, key_hash: str) -> Self:
        return cls(_anchor_name(user_id, key_id), key_hash, key_hash)

    def to_item(self) -> dict[str, Any]:
        """The row. `previous` is for version 0.1.0, in case an upgrade is undone: it knows no list of secrets."""
        previous = {"previous": self.in_grace[-1].key_hash} if self.in_grace else {}
        return {**super().to_item(), **previous}

    def to_change(self) -> dict[str, Any]:
        """The row without its key."""
        return {name: value for name, value in self.to_item().items() if name != KEYS.partition}

    @property
    def hashes(self) -> list[str]:
        """The hashes of all the key's secrets, perhaps of expired ones too."""
        return [self.current, *(each.key_hash for each in self.in_grace)]


def read_anchor(user_id: str, key_id: str) -> Anchor:
    """The anchor of the user's key.

    Raises:
        ApiKeyNotFoundError: the user has no such key.
    """
    item = KEYS.get(_anchor_name(user_id, key_id))
    if item is None:
        raise ApiKeyNotFoundError
    anchor = Anchor.from_item({"issued": item["current"], **item})
    previous = item.get("previous")
    if previous is None or previous in anchor.hashes[1:]:
        return anchor
    # A row of version 0.1.0 names one replaced secret, whose own row has its `graceEnd`.
    replaced = KEYS.get(previous)
    in_grace = () if replaced is None else (InGrace.from_item(replaced),)
    return replace(anchor, in_grace=anchor.in_grace + in_grace)


def _anchor_name(user_id: str, key_id: str) -> str:
    return f"{user_id}#{key_id}"
