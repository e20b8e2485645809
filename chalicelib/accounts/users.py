"""The table record of a user: role, rights, limits and preferences. Owns USERS_TABLE."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from chalicelib.accounts.permissions import is_admin
from chalicelib.core import ids, log
from chalicelib.core.aws.records import LATER, SHOWN, Exported, Record, Shown, Stored
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Page, Table, transact
from chalicelib.core.errors import ConflictError, NotFoundError
from chalicelib.core.http import limits
from chalicelib.core.http.callers import Spent
from chalicelib.core.http.operations import Caller, refusal_of
from chalicelib.core.schemas import EMAIL, list_of, page_of, shape

USERS = Table("USERS_TABLE", "userId")
BY_ROLE = Table("USERS_TABLE", "role", "userId", index="by-role")
BY_EMAIL = Table("USERS_TABLE", "email", "userId", index="by-email")

MAX_PAGE = 100
DEFAULT_PAGE = 20


class Role(StrEnum):
    USER = "USER"
    ADMIN = "ADMIN"


_ROLE = {"enum": [str(role) for role in Role]}
_FLAG = {"type": "boolean"}
LIST = list_of(MAX_PAGE, role=_ROLE, email=EMAIL)
CHANGE_RIGHTS = {
    **shape(
        {"userId": {"type": "string", "minLength": 1, "maxLength": 100}},
        {"role": _ROLE, "isActive": _FLAG, "canExportData": _FLAG, "limits": limits.USER_SCHEMA},
    ),
    "minProperties": 2,
}


class UserNotFoundError(NotFoundError):
    code, message = "USER_NOT_FOUND", "There is no such user."


ADMIN = Shown("admin")
_LIMITS = Stored(read=limits.read_limits)


@dataclass(frozen=True)
class WebhookError(Record):
    """Why a notification was not delivered, and the HTTP status, if there was a response."""

    at: Annotated[str, SHOWN]
    message: Annotated[str, SHOWN]
    status: Annotated[int | None, SHOWN] = None


@dataclass(frozen=True, kw_only=True)
class User(Record):
    """One person's row. Times are ISO 8601 UTC; `tokens_valid_from` is in epoch seconds, as tokens' `iat` is.

    `limits` holds the user's own numbers of requests, dollars and bytes; what it does not name is the stage's.
    `spent` holds the dollars that the user's and their keys' runs cost, by window; `stored_bytes` is what their images
    take. `webhook_error` is why the last notification was not delivered.
    """

    id: Annotated[str, Stored("userId"), SHOWN, ADMIN, Exported("User")]
    email: Annotated[str, SHOWN, ADMIN, Exported("E-mail")]
    name: Annotated[str, SHOWN, ADMIN, Exported("Name")] = ""
    role: Annotated[str, SHOWN, ADMIN, Exported("Role")] = Role.USER.value
    is_active: Annotated[bool, ADMIN]
    can_export_data: Annotated[bool, SHOWN, ADMIN, Exported("May export")] = False
    preferences: Annotated[Mapping[str, Any], SHOWN, Exported("Preferences")] = field(default_factory=dict)
    limits: Annotated[Mapping[str, float], _LIMITS, ADMIN, Exported("Limits")] = field(default_factory=dict)
    spent: Annotated[Spent, LATER] = field(default_factory=dict)
    stored_bytes: Annotated[int, LATER] = 0
    webhook_secret: str | None = None
    webhook_error: WebhookError | None = None
    tokens_valid_from: int = 0
    created_at: Annotated[str, SHOWN, ADMIN, Exported("Created", "time")]
    last_action_at: Annotated[str | None, SHOWN, ADMIN, Exported("Last action", "time")] = None

    def as_caller(self) -> Caller:
        """The user as an authenticated caller."""
        return Caller(
            id=self.id,
            email=self.email,
            name=self.name,
            role=self.role,
            is_active=self.is_active,
            can_export_data=self.can_export_data,
            limits=self.limits,
            spent=self.spent,
            stored_bytes=self.stored_bytes,
        )

    def profile(self) -> dict[str, Any]:
        """The user as they see themselves. They need the webhook's secret to verify our deliveries."""
        if self.webhook_secret is None:
            return self.shown()
        error = None if self.webhook_error is None else self.webhook_error.shown()
        return {**self.shown(), "webhookSecret": self.webhook_secret, "webhook": {"lastError": error}}


ONE = shape({"user": User.schema("admin")})
PAGE = page_of(User.schema("admin"))


def find(user_id: str) -> User | None:
    item = USERS.get(user_id)
    return None if item is None else User.from_item(item)


def exists(user_id: str) -> bool:
    """Whether the user has a row. Reads nothing of it, so a broken row is one too."""
    return USERS.get(user_id) is not None


def ensure(user_id: str, email: str, name: str) -> User:
    """The user, whose row is created on their first sign-in."""
    found = find(user_id)
    if found is not None:
        return found
    user = User(id=user_id, email=email, name=name, is_active=True, created_at=ids.now())
    try:
        USERS.create(user.to_item())
    except ConditionFailedError:
        # Another first sign-in at the same moment was faster.
        return find(user_id) or user
    return user


def change(user: User, *, name: str | None, preferences: Mapping[str, Any] | None) -> User:
    """Changes only what is given, also inside the preferences, where null removes one.

    Raises:
        ConditionFailedError: the user is gone.
    """
    changed: dict[str, Any] = {} if name is None else {"name": name}
    if preferences is not None:
        kept = {key: value for key, value in {**user.preferences, **preferences}.items() if value is not None}
        secret = (user.webhook_secret or secrets.token_urlsafe(32)) if "webhook" in kept else None
        changed |= {"preferences": kept, "webhookSecret": secret}
        if "webhook" in preferences:
            changed["webhookError"] = None
    return User.from_item(USERS.update(user.id, when=Attr("userId").exists(), change=changed))


def list_page(data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of users: all of a role (USER by default), or those with an e-mail address."""
    after = ids.start_of_page(data)
    limit = data.get("limit", DEFAULT_PAGE)
    if "email" in data:
        page = BY_EMAIL.page(data["email"].lower(), limit=limit, after=after)
    else:
        page = BY_ROLE.page(data.get("role", Role.USER), limit=limit, after=after)
    # The indexes lack attributes that change often, as lastActionAt.
    rows = {row["userId"]: row for row in USERS.get_many(USERS.key(item["userId"]) for item in page.items)}
    items = [rows[item["userId"]] for item in page.items if item["userId"] in rows]
    return Page(items, page.next_after).response(lambda row: User.from_item(row).shown("admin"))


def change_rights(by: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Changes a user's role, activity, right to export, and limits (all of them). It holds from their next request on.

    Raises:
        ConflictError: administrators would lock themselves out.
        PermissionDeniedError: the caller is no longer an administrator.
        UserNotFoundError: no user has that id.
    """
    user_id = data["userId"]
    change = {name: value for name, value in data.items() if name != "userId"}
    if user_id == by.id and (change.get("role", Role.ADMIN) != Role.ADMIN or change.get("isActive") is False):
        raise ConflictError("You cannot take your own rights; another administrator can.")
    # In one transaction, or two administrators who demote each other at once would leave none.
    is_still_admin = {"role": str(Role.ADMIN), "isActive": True}
    is_own = user_id == by.id
    there = {"userId": user_id, **(is_still_admin if is_own else {})}
    proofs = [] if is_own else [USERS.to_check(USERS.key(by.id), where=is_still_admin)]
    try:
        transact(USERS.to_update(USERS.key(user_id), change, where=there), *proofs)
    except ConditionFailedError as refused:
        raise (UserNotFoundError() if refused.writes == {0} and not is_own else refusal_of(is_admin)) from None
    changed = find(user_id)
    if changed is None:
        raise UserNotFoundError
    log.info("USER_RIGHTS_CHANGED", userId=user_id, changedBy=by.id, **change)
    return {"user": changed.shown("admin")}


def last_action_update(user_id: str, moment: str) -> dict[str, Any]:
    """The write, for a transaction, that sets when the user last did something."""
    return USERS.to_update(USERS.key(user_id), {"lastActionAt": moment}, where={"userId": user_id})


def refuse_tokens_before(user_id: str, moment: int) -> None:
    """Refuses from now on every access token that was issued up to that second (epoch)."""
    USERS.update(user_id, when=Attr("userId").exists(), change={"tokensValidFrom": moment})


def delete(user_id: str) -> None:
    USERS.delete(user_id)
