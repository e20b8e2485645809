"""What the routes call: to submit an action of any kind, to see actions, and to erase them."""

import functools
import operator
from collections.abc import Mapping
from typing import Any

from chalicelib import images
from chalicelib.actions import estimates, external_service, lifecycle
from chalicelib.actions.kinds import ActionKind, OutOfTimeError
from chalicelib.actions.lifecycle import ActionNotFoundError
from chalicelib.actions.models import ACTIONS, Action, ActionType, Status
from chalicelib.actions.schemas import ACTION_ID, DEFAULT_PAGE
from chalicelib.core import ids, log
from chalicelib.core.aws import objects
from chalicelib.core.aws.grants import DynamoDBOperation, S3Operation, required_env_vars
from chalicelib.core.aws.tables import Attr
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import raises
from chalicelib.core.http.operations import APIAccessType, Caller
from chalicelib.core.settings import Settings

# The API has 30 seconds in all, and after the deadline a run still writes its files.
SECONDS_AT_ONCE = 8.0


def submit(kind: ActionKind, user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Stores the action, then hands it over to the external service, or does it now, or leaves it to the queue.

    `kind.steps` declare what this needs.

    Raises:
        DarkroomError: what `kind.prepare` raises, before there is an action; later errors end the action as FAILED.
    """
    request = kind.prepare(user, data)
    action = lifecycle.begin(user, request.action_type, request.metadata)
    if action.status is Status.COMPLETED:
        return kind.answer(action)
    with lifecycle.fail_on_error(action):
        if external_service.is_configured():
            return kind.answer(external_service.hand_over(action, kind.service_path, request.payload()))
        run = request.run or kind.run
        if run is not None and request.is_small():
            try:
                return kind.answer(run(action, Deadline.within(SECONDS_AT_ONCE)))
            except OutOfTimeError:
                log.info("ACTION_LEFT_TO_QUEUE", actionId=action.action_id, actionType=action.action_type)
        lifecycle.enqueue(action)
    return kind.answer(action, estimates.estimated_time(action, request.seconds))


# The access types with which an API key opens actions of these types; all others take ACTIONS.
_ACCESS = {ActionType.GENERATE_REPORT: APIAccessType.REPORTS, ActionType.EXPORT_DATA: APIAccessType.EXPORTS}


@required_env_vars(external_service.refresh, images.output_link)
@raises(ActionNotFoundError)
def show(user: Caller, action_id: str) -> dict[str, Any]:
    """The caller's own action as it is now, with links to its files.

    Raises:
        ActionNotFoundError: the caller has no such action, or their API key does not open actions of its type.
    """
    action = lifecycle.get(user.id, action_id)
    access = next((access for of, access in _ACCESS.items() if of == action.action_type), APIAccessType.ACTIONS)
    if not _has_access(user, access):
        raise ActionNotFoundError
    return {"action": external_service.refresh(action).shown()}


def _has_access(user: Caller, access: APIAccessType) -> bool:
    return user.api_key_id is None or user.carries(frozenset({access}))


@required_env_vars({"ACTIONS_TABLE": [DynamoDBOperation.QUERY], "CUSTOM_ACTION_TYPES": []}, images.output_link)
def list_page(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the caller's actions that their API key opens, newest first, and the stage's own types of action.

    `status` and `actionType` keep only actions with these.
    """
    filters = [Attr(name).eq(data[name]) for name in ("status", "actionType") if name in data]
    filters += _access_filters(user)
    page = ACTIONS.page(
        user.id,
        limit=data.get("limit", DEFAULT_PAGE),
        after=ids.start_of_page(data, str(ACTION_ID["pattern"])),
        keep=functools.reduce(operator.and_, filters) if filters else None,
    )
    return {**page.response(Action.show_item), "customTypes": list(Settings.CUSTOM_ACTION_TYPES.get())}


def _access_filters(user: Caller) -> list[Any]:
    """The condition that keeps the actions which the caller's API key opens; empty where it opens all."""
    opened = [str(of) for of, access in _ACCESS.items() if _has_access(user, access)]
    if not _has_access(user, APIAccessType.ACTIONS):
        return [Attr("actionType").is_in(opened)]
    closed = [str(of) for of in _ACCESS if of not in opened]
    return [~Attr("actionType").is_in(closed)] if closed else []


@required_env_vars(
    {
        "ACTIONS_TABLE": [DynamoDBOperation.QUERY, DynamoDBOperation.DELETE_ITEM],
        "S3_OUTPUT_BUCKET": [S3Operation.LIST_OBJECT_VERSIONS, S3Operation.DELETE_OBJECTS],
    }
)
def erase_all(user_id: str) -> None:
    """Removes all actions of a user with the files of their reports and exports.

    The rows go first: a worker that ends its action later finds no row, and removes its file itself.
    """
    for action in lifecycle.all_of(user_id):
        ACTIONS.delete(user_id, action.action_id)
    for prefix in ("reports", "exports"):
        objects.delete_all(Settings.S3_OUTPUT_BUCKET.get(), f"{prefix}/{user_id}/")
