"""The users' rows: who may act, in which role, and what they prefer. Owns USERS_TABLE."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from chalicelib.core import limits, records
from chalicelib.core.access import Caller
from chalicelib.core.errors import PermissionDeniedError
from chalicelib.core.table import Attr, ConditionFailedError, Table

USERS = Table("USERS_TABLE", "userId")


class Role(StrEnum):
    USER = "USER"
    ADMIN = "ADMIN"


@dataclass(frozen=True)
class User:
    """One person's row. Times are ISO 8601 UTC; `tokens_valid_from` is in epoch seconds, as tokens' `iat` is.

    `limits` holds the user's own numbers of requests; what it does not name is the stage's.
    """

    id: str
    email: str
    name: str = ""
    role: str = Role.USER
    is_active: bool = True
    can_export_data: bool = False
    limits: Mapping[str, int] = field(default_factory=dict)
    preferences: Mapping[str, Any] = field(default_factory=dict)
    webhook_secret: str | None = None
    tokens_valid_from: int = 0
    created_at: str = ""

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        return cls(
            id=item["userId"],
            email=item["email"],
            name=item.get("name", ""),
            role=item["role"],
            is_active=item["isActive"] is True,
            can_export_data=item.get("canExportData") is True,
            limits=limits.read(item.get("limits")),
            preferences=item.get("preferences", {}),
            webhook_secret=item.get("webhookSecret"),
            tokens_valid_from=int(item.get("tokensValidFrom", 0)),
            created_at=item["createdAt"],
        )

    def to_item(self) -> dict[str, Any]:
        return {
            "userId": self.id,
            "email": self.email,
            "name": self.name,
            "role": str(self.role),
            "isActive": self.is_active,
            "canExportData": self.can_export_data,
            "limits": self.limits,
            "preferences": self.preferences,
            "webhookSecret": self.webhook_secret,
            "tokensValidFrom": self.tokens_valid_from,
            "createdAt": self.created_at,
        }

    def as_caller(self) -> Caller:
        """The user as whoever calls with a proof of being them.

        Raises:
            PermissionDeniedError: the account has been switched off.
        """
        if not self.is_active:
            raise PermissionDeniedError("This account is not active.")
        return Caller(
            id=self.id,
            email=self.email,
            name=self.name,
            role=self.role,
            can_export_data=self.can_export_data,
            limits=self.limits,
        )

    def profile(self) -> dict[str, Any]:
        """What its owner sees. The webhook's secret is theirs: it proves our deliveries to them."""
        seen = {
            "userId": self.id,
            "email": self.email,
            "name": self.name,
            "role": self.role,
            "canExportData": self.can_export_data,
            "preferences": self.preferences,
            "createdAt": self.created_at,
        }
        return seen if self.webhook_secret is None else {**seen, "webhookSecret": self.webhook_secret}


def find(user_id: str) -> User | None:
    item = USERS.get(user_id)
    return None if item is None else User.from_item(item)


def ensure(user_id: str, email: str, name: str) -> User:
    """The user's row, made on their first sign-in."""
    found = find(user_id)
    if found is not None:
        return found
    user = User(id=user_id, email=email, name=name, created_at=records.now())
    try:
        USERS.create(user.to_item())
    except ConditionFailedError:
        # Two first sign-ins at once: the other one's row stands.
        return find(user_id) or user
    return user


def change(user: User, *, name: str | None, preferences: Mapping[str, Any] | None) -> User:
    """Changes only what is given; inside the preferences too, where null takes one away.

    Raises:
        ConditionFailedError: the user is gone.
    """
    changed: dict[str, Any] = {} if name is None else {"name": name}
    if preferences is not None:
        kept = {key: value for key, value in {**user.preferences, **preferences}.items() if value is not None}
        secret = (user.webhook_secret or secrets.token_urlsafe(32)) if "webhook" in kept else None
        changed |= {"preferences": kept, "webhookSecret": secret}
    return User.from_item(USERS.update(user.id, when=Attr("userId").exists(), change=changed))


def refuse_tokens_before(user_id: str, moment: int) -> None:
    """Every access token issued up to that second (epoch) is refused from now on."""
    USERS.update(user_id, when=Attr("userId").exists(), change={"tokensValidFrom": moment})


def delete(user_id: str) -> None:
    USERS.delete(user_id)
