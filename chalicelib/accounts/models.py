"""The user: their row, and the changes of it. Owns USERS_TABLE."""

import contextlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from chalicelib.core import ids
from chalicelib.core.aws.records import LATER, SHOWN, Exported, Record, Shown, Stored
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Table
from chalicelib.core.errors import NotFoundError
from chalicelib.core.http import budgets, limits
from chalicelib.core.http.callers import Spent
from chalicelib.core.http.operations import Caller
from chalicelib.core.settings import Settings

USERS = Table(Settings.USERS_TABLE, "userId")
BY_ROLE = Table(Settings.USERS_TABLE, "role", "userId", index="by-role")
BY_EMAIL = Table(Settings.USERS_TABLE, "email", "userId", index="by-email")

# A run's start, and its dollars by payer: the user (`budgets.USER`), and the API key by its id.
RunCost = tuple[str, Mapping[str, Decimal]]

ADMIN = Shown("admin")
# Of a row: since when its account is being erased.
ERASING_SINCE = "erasingSince"
# Of a row: how many bytes its images were found to take more than was counted, and since when.
STORED_BYTES_DIFFERENCE = "storedBytesDifference"
_LIMITS = Stored(read=limits.read_limits)
# The length of an ISO time up to its hour.
_HOUR = 13


class Role(StrEnum):
    USER = "USER"
    ADMIN = "ADMIN"


class UserNotFoundError(NotFoundError):
    code, message = "USER_NOT_FOUND", "There is no such user."


class AccountGoneError(NotFoundError):
    message = "This account is no longer there."


class UserErasedError(Exception):
    """The user is erased, or is being erased: nothing of them may be written any more."""


@dataclass(frozen=True)
class WebhookError(Record):
    """Why a notification was not delivered, and the HTTP status, if there was a response."""

    at: Annotated[str, SHOWN]
    message: Annotated[str, SHOWN]
    status: Annotated[int | None, SHOWN] = None

    def repeats(self, earlier: "WebhookError | None") -> bool:
        """Whether the earlier error says the same, in the same hour."""
        return (
            earlier is not None
            and (earlier.message, earlier.status) == (self.message, self.status)
            and earlier.at[:_HOUR] == self.at[:_HOUR]
        )


@dataclass(frozen=True, kw_only=True)
class User(Record):
    """A user's row. Times are ISO 8601 UTC; `tokens_valid_from` is in epoch seconds, as is `iat` of a token.

    `limits` holds the user's own numbers of requests, dollars and bytes. The stage's apply to what it does not name.
    `spent` holds the dollars of the user's and their keys' runs, by window; `stored_bytes` is the size of their images.
    `webhook_error` is why the last notification was not delivered. `erasing_since` is when the erasure of the account
    came so far that nothing may begin in it any more.
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
    erasing_since: str | None = None

    def as_caller(self) -> Caller:
        """The user as an authenticated caller."""
        return Caller(
            id=self.id,
            email=self.email,
            name=self.name,
            role=self.role,
            is_active=self.is_active and self.erasing_since is None,
            is_erasing=self.erasing_since is not None,
            can_export_data=self.can_export_data,
            limits=self.limits,
            spent=self.spent,
            stored_bytes=self.stored_bytes,
        )

    def as_profile(self) -> dict[str, Any]:
        """The user as they see themselves. They need the webhook's secret to verify our notifications."""
        if self.webhook_secret is None:
            return self.shown()
        error = None if self.webhook_error is None else self.webhook_error.shown()
        return {**self.shown(), "webhookSecret": self.webhook_secret, "webhook": {"lastError": error}}


def find_user(user_id: str) -> User | None:
    item = USERS.get(user_id)
    return None if item is None else User.from_item(item)


def user_exists(user_id: str) -> bool:
    """Whether the user has a row, and is not being erased. A row that cannot be read counts too."""
    return _present(user_id) is not None


def _present(user_id: str) -> Mapping[str, Any] | None:
    """The row of a user who is there, and not being erased."""
    item = USERS.get(user_id)
    return None if item is None or ERASING_SINCE in item else item


def ensure_user(user_id: str, email: str, name: str) -> User:
    """The user. Their first sign-in creates the row."""
    user = find_user(user_id)
    if user is not None:
        return user
    user = User(id=user_id, email=email, name=name, is_active=True, created_at=ids.now())
    try:
        USERS.create(user.to_item())
    except ConditionFailedError:
        # Another first sign-in at the same moment was faster.
        return find_user(user_id) or user
    return user


def change_user(user: User, *, name: str | None, preferences: Mapping[str, Any] | None) -> User:
    """Changes only what is given, also within the preferences, where null removes one.

    Raises:
        ConditionFailedError: the user is gone.
    """
    change: dict[str, Any] = {} if name is None else {"name": name}
    if preferences is not None:
        kept = {key: value for key, value in {**user.preferences, **preferences}.items() if value is not None}
        secret = (user.webhook_secret or secrets.token_urlsafe(32)) if "webhook" in kept else None
        change |= {"preferences": kept, "webhookSecret": secret}
        if "webhook" in preferences:
            change["webhookError"] = None
    return User.from_item(USERS.update(user.id, when=Attr("userId").exists(), change=change))


def refuse_tokens_before(user_id: str, moment: int) -> None:
    """Refuses from now on every access token that was issued up to that second (epoch).

    Raises:
        ConditionFailedError: the user has no row.
    """
    USERS.update(user_id, when=Attr("userId").exists(), change={"tokensValidFrom": moment})


def write_webhook_result(user: User, error: WebhookError | None) -> None:
    """Stores how the user's last notification went, unless the row says so already: at most one write an hour.

    Raises:
        ConditionFailedError: the user is gone, or has named another webhook meanwhile.
    """
    is_known = user.webhook_error is None if error is None else error.repeats(user.webhook_error)
    if is_known:
        return
    change = {"webhookError": None if error is None else error.to_item()}
    USERS.update(user.id, when=Attr("preferences").eq(user.preferences), change=change)


def mark_erasing(user_id: str) -> None:
    """Lets nothing begin any more in the user's account but its erasure, which can be requested again until it ends."""
    with contextlib.suppress(ConditionFailedError):
        USERS.update(user_id, when=Attr("userId").exists(), change={ERASING_SINCE: ids.now()})


def delete_user(user_id: str) -> None:
    USERS.delete(user_id)


def note_stored_bytes(user_id: str, kept: int, now: str, since: str) -> int | None:
    """Compares the stored bytes of a user with the bytes that their images take, and corrects a lasting difference.

    Changes under way make a difference for seconds, for a day at the most (the age of a stream's records). So one is
    noted in the row first, and corrected once the same one was noted by `since`. Gives the correction, or None.
    """
    item = _present(user_id)
    if item is None:
        return None
    before, noted = int(item.get("storedBytes") or 0), item.get(STORED_BYTES_DIFFERENCE)
    difference = kept - before
    is_lasting = noted is not None and noted["bytes"] == difference and noted["at"] <= since
    if difference and is_lasting:
        change: dict[str, Any] = {"storedBytes": kept, STORED_BYTES_DIFFERENCE: None}
    elif difference and (noted is None or noted["bytes"] != difference):
        change = {STORED_BYTES_DIFFERENCE: {"bytes": difference, "at": now}}
    elif not difference and noted is not None:
        change = {STORED_BYTES_DIFFERENCE: None}
    else:
        return None
    unchanged = Attr("userId").exists() & Attr(ERASING_SINCE).not_exists()
    unchanged &= Attr("storedBytes").eq(before) if "storedBytes" in item else Attr("storedBytes").not_exists()
    try:
        USERS.update(user_id, when=unchanged, change=change)
    except ConditionFailedError:
        # Counted in this moment: the next look tells.
        return None
    return difference if "storedBytes" in change else None


# ------------------------------------------------------------------ writes for a transaction


def last_action_update(user_id: str, moment: str) -> dict[str, Any]:
    """The write that sets when the user last did something."""
    return USERS.to_update(USERS.key(user_id), {"lastActionAt": moment}, where={"userId": user_id})


def spent_update(user_id: str, runs: Iterable[RunCost]) -> list[dict[str, Any]]:
    """The write that adds what runs cost the user.

    Raises:
        UserErasedError: the user is gone.
    """
    item = _existing(user_id)
    spent = item.get("spent")
    for timestamp, dollars in sorted(runs, key=lambda run: run[0]):
        spent = budgets.add_spending(spent or {}, timestamp, dollars)
    return [_replacement(item, "spent", spent)]


def stored_bytes_update(user_id: str, number: int) -> list[dict[str, Any]]:
    """The write that adds a number of bytes, perhaps a negative one; none for 0.

    The sum stays at 0 or above: images that are older than the sum are not in it, and may be deleted.

    Raises:
        UserErasedError: the user is gone.
    """
    item = _existing(user_id)
    if number == 0:
        return []
    return [_replacement(item, "storedBytes", max(0, int(item.get("storedBytes") or 0) + number))]


def _replacement(item: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The write of an attribute which fails if another write has changed it since the item was read."""
    unchanged = {"userId": item["userId"], name: item.get(name), ERASING_SINCE: None}
    return USERS.to_update(USERS.key(item["userId"]), {name: value}, where=unchanged)


def _existing(user_id: str) -> Mapping[str, Any]:
    item = _present(user_id)
    if item is None:
        raise UserErasedError
    return item
