"""Who sees which actions: a user their own; and the removal of all that a user's actions left."""

import functools
import operator
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.actions.models import ACTIONS, BY_ACTION, Action, ActionType, Status
from chalicelib.core import config, ids
from chalicelib.core.aws import objects
from chalicelib.core.aws.tables import Attr
from chalicelib.core.errors import NotFoundError
from chalicelib.core.http.operations import APIAccessType, Caller
from chalicelib.core.schemas import list_of, shape

MAX_PAGE = 100
DEFAULT_PAGE = 20

ACTION_ID = {"type": "string", "pattern": "^act_[0-9a-z]{26}$", "maxLength": 30}
GET = shape({"actionId": ACTION_ID})
LIST = list_of(MAX_PAGE, status={"enum": [str(status) for status in Status]})


class ActionNotFoundError(NotFoundError):
    code, message = "ACTION_NOT_FOUND", "There is no such action."


def get(user_id: str, action_id: str) -> Action:
    """The caller's own action.

    Raises:
        ActionNotFoundError: there is none of that id, or it is another user's: the same to the caller.
    """
    item = ACTIONS.get(user_id, action_id)
    if item is None:
        raise ActionNotFoundError
    return Action.from_item(item)


# What an API key carries to see actions of that type, with links to their files; the rest takes `actions`.
_SEEN_WITH = {ActionType.GENERATE_REPORT: APIAccessType.REPORTS, ActionType.EXPORT_DATA: APIAccessType.EXPORTS}


def seen_by(user: Caller, action_id: str) -> Action:
    """The caller's own action. Raises as `get` does, also where the caller's key does not open actions of its type."""
    action = get(user.id, action_id)
    kind = next((kind for seen, kind in _SEEN_WITH.items() if seen == action.action_type), APIAccessType.ACTIONS)
    if not _carries(user, kind):
        raise ActionNotFoundError
    return action


def _carries(user: Caller, kind: APIAccessType) -> bool:
    return user.api_key_id is None or user.carries(frozenset({kind}))


def _types_seen_by(user: Caller) -> Any:
    """The filter of a list for what the caller's key opens; None where that is all."""
    opened = [str(seen) for seen, kind in _SEEN_WITH.items() if _carries(user, kind)]
    if not _carries(user, APIAccessType.ACTIONS):
        return Attr("actionType").is_in(opened)
    closed = [str(seen) for seen in _SEEN_WITH if seen not in opened]
    return ~Attr("actionType").is_in(closed) if closed else None


def find_anyones(action_id: str) -> Action | None:
    """The action of that id, whoever's it is: for the service that does it."""
    found = BY_ACTION.any_of(action_id)
    return None if found is None else get(found["userId"], action_id)


def listed(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the caller's actions that their key opens, newest first, of one status where asked."""
    filters = [Attr("status").eq(data["status"])] if "status" in data else []
    filters += [seen for seen in [_types_seen_by(user)] if seen is not None]
    keep = functools.reduce(operator.and_, filters) if filters else None
    after = ids.start_of_page(data, str(ACTION_ID["pattern"]))
    page = ACTIONS.page(user.id, limit=data.get("limit", DEFAULT_PAGE), after=after, keep=keep)
    return page.response(Action.show_item)


def all_of(user_id: str) -> Iterator[Action]:
    """Every action of a user, newest first."""
    yield from map(Action.from_item, ACTIONS.all_of(user_id, newest_first=True))


def erase_all(user_id: str) -> None:
    """Removes all actions of a user with the files of their reports and exports.

    The rows first: a worker that ends its action after that finds none, and discards its file itself.
    """
    for action in all_of(user_id):
        ACTIONS.delete(user_id, action.action_id)
    for prefix in ("reports", "exports"):
        objects.delete_all(config.get("S3_OUTPUT_BUCKET"), f"{prefix}/{user_id}/")
