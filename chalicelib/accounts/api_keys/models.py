"""The rows of an API key: one a secret, under its hash, and one a key, under its id. Owns API_KEYS_TABLE."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from chalicelib.core.aws.tables import Attr, Table
from chalicelib.core.errors import NotFoundError
from chalicelib.core.http import limits
from chalicelib.core.http.operations import APIAccessType

KEYS = Table("API_KEYS_TABLE", "keyHash")
BY_USER = Table("API_KEYS_TABLE", "userId", "keyId", index="by-user")

MAX_KEYS = 100


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


def current(user_id: str) -> list[ApiKey]:
    """The user's keys, newest first, each by its current secret."""
    # Keys that are made at the same moment may go a little beyond MAX_KEYS.
    page = BY_USER.page(user_id, limit=2 * MAX_KEYS, keep=Attr("graceEnd").not_exists())
    return [ApiKey.from_item(item) for item in page.items]


class InGrace(NamedTuple):
    """A secret that was replaced and works until `grace_end` (ISO 8601 UTC)."""

    key_hash: str
    grace_end: str


@dataclass(frozen=True)
class Anchor:
    """What stands under a key's id: the hash of its current secret, and those that were replaced.

    `issued` is the hash of the secret in the first answer of the request that made the current one: a request that
    is sent again replaces its own secret, and is known by it.
    """

    name: str
    current: str
    issued: str
    in_grace: tuple[InGrace, ...] = ()

    @classmethod
    def of_new_key(cls, user_id: str, key_id: str, key_hash: str) -> Self:
        return cls(_anchor(user_id, key_id), key_hash, key_hash)

    def to_item(self) -> dict[str, Any]:
        return {"keyHash": self.name, **self.change()}

    def change(self) -> dict[str, Any]:
        """All of the row but its key.

        `previous` is for version 0.1.0, in case an upgrade is taken back: that version knows of no list, and ends
        with a key its current secret and the one that `previous` names.
        """
        in_grace = [{"keyHash": each.key_hash, "graceEnd": each.grace_end} for each in self.in_grace]
        previous = {"previous": self.in_grace[-1].key_hash} if self.in_grace else {}
        return {"current": self.current, "issued": self.issued, "inGrace": in_grace, **previous}

    @property
    def hashes(self) -> list[str]:
        """All secrets of the key, those included that may have ended."""
        return [self.current, *(each.key_hash for each in self.in_grace)]


def own_anchor(user_id: str, key_id: str) -> Anchor:
    """The anchor of the user's key.

    Raises:
        ApiKeyNotFoundError: the user has no such key.
    """
    item = KEYS.get(_anchor(user_id, key_id))
    if item is None:
        raise ApiKeyNotFoundError
    in_grace = [InGrace(each["keyHash"], each["graceEnd"]) for each in item.get("inGrace", ())]
    # Version 0.1.0 kept no list: it names one replaced secret, whose own row says how long it works.
    is_listed = item.get("previous") in {each.key_hash for each in in_grace}
    replaced = KEYS.get(item["previous"]) if "previous" in item and not is_listed else None
    if replaced is not None:
        in_grace.append(InGrace(replaced["keyHash"], replaced["graceEnd"]))
    current_hash: str = item["current"]
    return Anchor(item["keyHash"], current_hash, str(item.get("issued", current_hash)), tuple(in_grace))


def _anchor(user_id: str, key_id: str) -> str:
    return f"{user_id}#{key_id}"
