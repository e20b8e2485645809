"""What is noted on a user's row as they use Darkroom: what their runs cost, what they store, how their webhook does."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from chalicelib.accounts.users import USERS, User, WebhookError
from chalicelib.core.aws.tables import Attr
from chalicelib.core.http import budgets

# When a run began, and its dollars: the user's (`user`) and, by its id, the API key's.
Run = tuple[str, Mapping[str, Decimal]]

# How much of an ISO time names its hour, in characters.
_HOUR = 13


def spending_more(user_id: str, runs: Iterable[Run]) -> list[dict[str, Any]]:
    """The write, for a transaction, that adds what runs cost the user; none where the user is gone."""
    item = USERS.get(user_id)
    if item is None:
        return []
    before = after = item.get("spent")
    for timestamp, dollars in sorted(runs, key=lambda run: run[0]):
        after = budgets.add_spending(after or {}, timestamp, dollars)
    return [USERS.to_update(USERS.key(user_id), {"spent": after}, where={"userId": user_id, "spent": before})]


def storing_more(user_id: str, number: int) -> list[dict[str, Any]]:
    """The write, for a transaction, that adds so many bytes, or takes them away; none where the user is gone.

    Never below nothing: images from before there was this sum are not in it, and may be deleted.
    """
    item = USERS.get(user_id)
    if item is None or number == 0:
        return []
    before = item.get("storedBytes")
    after = max(0, int(before or 0) + number)
    return [
        USERS.to_update(USERS.key(user_id), {"storedBytes": after}, where={"userId": user_id, "storedBytes": before})
    ]


def note_webhook(user: User, error: WebhookError | None) -> None:
    """Notes why the user's webhook did not take what it was told, or, with None, that it took it.

    Written only where that says something new: a webhook that stays silent costs a write an hour.

    Raises:
        ConditionFailedError: the user has gone, or named another webhook meanwhile.
    """
    before = user.webhook_error
    if error is None and before is None:
        return
    if error is not None and before is not None and _is_known(before, error):
        return
    change = {"webhookError": None if error is None else error.to_item()}
    USERS.update(user.id, when=Attr("preferences").eq(user.preferences), change=change)


def _is_known(before: WebhookError, error: WebhookError) -> bool:
    same = (before.message, before.status) == (error.message, error.status)
    return same and before.at[:_HOUR] == error.at[:_HOUR]
