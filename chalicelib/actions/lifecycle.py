"""The life of an action: PENDING before any of its work is done, then COMPLETED or FAILED, once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chalicelib.accounts.models import last_action_update
from chalicelib.actions.models import ACTIONS, BY_ACTION, FINISHED, UNFINISHED, Action, File, Status, unfinished
from chalicelib.core import clients, ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, SQSOperation, required_env_vars
from chalicelib.core.aws.tables import Attr, ConditionFailedError, transact
from chalicelib.core.errors import (
    ConflictError,
    DarkroomError,
    NotFoundError,
    UnavailableError,
    UnexpectedError,
    raises,
)
from chalicelib.core.http import deeds
from chalicelib.core.http.operations import Caller
from chalicelib.core.settings import Settings

_LONGEST_REASON = 500
_IS_PENDING = Attr("status").eq(str(Status.PENDING))


class ActionFinishedError(ConflictError):
    code, message = "ACTION_FINISHED", "This action has ended already."


class ActionNotFoundError(NotFoundError):
    code, message = "ACTION_NOT_FOUND", "There is no such action."
    next_step = "Use the actionId that the answer of process_file, generate_report or export_data had."


@required_env_vars({"ACTIONS_TABLE": [DynamoDBOperation.GET_ITEM]})
@raises(ActionNotFoundError)
def get(user_id: str, action_id: str) -> Action:
    """The user's own action.

    Raises:
        ActionNotFoundError: no action has that id, or it is another user's; the caller cannot tell which.
    """
    item = ACTIONS.get(user_id, action_id)
    if item is None:
        raise ActionNotFoundError
    return Action.from_item(item)


@required_env_vars(get, {"ACTIONS_TABLE": [DynamoDBOperation.QUERY_INDEX]})
def find_by_id(action_id: str) -> Action | None:
    """The action with that id, of any user."""
    row = BY_ACTION.any_of(action_id)
    return None if row is None else get(row["userId"], action_id)


@required_env_vars({"ACTIONS_TABLE": [DynamoDBOperation.QUERY]})
def all_of(user_id: str) -> Iterator[Action]:
    """Every action of a user, newest first."""
    yield from map(Action.from_item, ACTIONS.all_of(user_id, newest_first=True))


@required_env_vars(get, {"ACTIONS_TABLE": [DynamoDBOperation.QUERY_INDEX]})
def pending_since(first: str, last: str) -> Iterator[Action]:
    """The actions that became PENDING between these times (ISO 8601) and still are, the oldest first."""
    for entry in UNFINISHED.between(str(Status.PENDING), first, last):
        item = ACTIONS.get(entry["userId"], entry["actionId"])
        # The index lags behind the table.
        if item is not None and item["status"] == Status.PENDING and item.get("unfinishedSince", last) <= last:
            yield Action.from_item(item)


@required_env_vars({"ACTIONS_TABLE": [DynamoDBOperation.QUERY_INDEX]})
def oldest_since() -> str | None:
    """The time at which the oldest PENDING action became so; None where no action is PENDING."""
    entries = UNFINISHED.page(str(Status.PENDING), limit=1, newest_first=False).items
    return str(entries[0]["unfinishedSince"]) if entries else None


@required_env_vars(get, {"ACTIONS_TABLE": [DynamoDBOperation.PUT_ITEM, DynamoDBOperation.UPDATE_ITEM]})
def begin(user: Caller, action_type: str, metadata: Mapping[str, Any]) -> Action:
    """Stores a new action, PENDING, before any of its work is done.

    If an earlier try of the request has stored it, gives that one: PENDING again if it had failed, or COMPLETED.
    """
    action = Action(
        user_id=user.id,
        action_id=deeds.new_id("act"),
        action_type=action_type,
        created_at=ids.now(),
        metadata=metadata,
        correlation_id=log.correlation_id(),
    )
    try:
        ACTIONS.create(action.to_item())
    except ConditionFailedError:
        return reopen(user.id, action.action_id) or get(user.id, action.action_id)
    log.info("ACTION_STARTED", actionId=action.action_id, actionType=action_type, userId=user.id)
    return action


@required_env_vars({"ACTIONS_QUEUE_URL": [SQSOperation.SEND_MESSAGE]})
def enqueue(action: Action) -> None:
    """Leaves the action's work to the queue."""
    body = {
        "userId": action.user_id,
        "actionId": action.action_id,
        "actionType": action.action_type,
        "correlationId": action.correlation_id,
    }
    clients.client("sqs").send_message(QueueUrl=Settings.ACTIONS_QUEUE_URL.get(), MessageBody=ids.to_json(body))


@required_env_vars({"ACTIONS_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
def reopen(user_id: str, action_id: str) -> Action | None:
    """The action of a message, PENDING again if it had failed; None where it is COMPLETED or gone."""
    is_open = Attr("status").is_in([str(Status.PENDING), str(Status.FAILED)])
    change = {"status": str(Status.PENDING), **unfinished(ids.now())}
    try:
        item = ACTIONS.update(user_id, action_id, when=is_open, change=change, remove=["reason", "completedAt"])
    except ConditionFailedError:
        return None
    return Action.from_item(item)


@required_env_vars({"ACTIONS_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
@raises(ActionFinishedError)
def save_external(action: Action, path: str, external_id: str, external_status: str) -> Action:
    """Stores which service took the action over, and its id of the work.

    Raises:
        ActionFinishedError: the action has ended meanwhile, or its user is erased.
    """
    change = {"externalId": external_id, "externalStatus": external_status, "externalPath": path}
    try:
        return Action.from_item(ACTIONS.update(action.user_id, action.action_id, when=_IS_PENDING, change=change))
    except ConditionFailedError:
        raise ActionFinishedError from None


def save_progress(action: Action, done: int) -> None:
    """Stores how many records are done. An error here is only logged: the work goes on."""
    try:
        ACTIONS.update(action.user_id, action.action_id, when=_IS_PENDING, change={"progress": done})
    except Exception as error:
        log.warning("PROGRESS_NOT_NOTED", error, actionId=action.action_id)


@required_env_vars({"ACTIONS_TABLE": [DynamoDBOperation.UPDATE_ITEM], "USERS_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
@raises(ActionFinishedError)
def _end(
    action: Action,
    status: Status,
    external_status: str | None,
    change: Mapping[str, Any],
    also: Sequence[dict[str, Any]] = (),
) -> Action:
    now, external_status = ids.now(), external_status or action.external_status
    ended = {"status": str(status), "completedAt": now, **change}
    if external_status is not None:
        ended["externalStatus"] = external_status
    key = ACTIONS.key(action.user_id, action.action_id)
    end = ACTIONS.to_update(key, ended, where={"status": str(Status.PENDING)}, remove=FINISHED)
    try:
        _write(end, [last_action_update(action.user_id, now), *also])
    except ConditionFailedError:
        raise ActionFinishedError from None
    log.info("ACTION_ENDED", actionId=action.action_id, actionType=action.action_type, status=str(status))
    return Action.from_item({**action.to_item(), **ended})


def _write(end: dict[str, Any], also: Sequence[dict[str, Any]]) -> None:
    """All writes in one transaction. Where a secondary write fails, the end is written alone."""
    try:
        transact(end, *also)
    except Exception as error:
        if isinstance(error, ConditionFailedError) and 0 in error.writes:
            raise
        log.warning("ACTION_NOT_NOTED_ELSEWHERE", error)
        transact(end)


@required_env_vars(_end)
def complete(
    action: Action,
    *,
    files: Sequence[File] = (),
    result: Mapping[str, Any] | None = None,
    external_status: str | None = None,
    also: Sequence[dict[str, Any]] = (),
) -> Action:
    """Ends the action as COMPLETED and stores when its user was last active.

    `also` holds further writes for the same transaction.

    Raises:
        ActionFinishedError: it has ended already.
    """
    change = {"files": [file.to_item() for file in files], "result": result or {}}
    return _end(action, Status.COMPLETED, external_status, change, also)


@required_env_vars(_end)
def fail(action: Action, code: str, sentence: str, *, external_status: str | None = None) -> Action:
    """Ends the action as FAILED. Raises ActionFinishedError as `complete` does."""
    return _end(action, Status.FAILED, external_status, {"reason": f"{code}: {sentence}"[:_LONGEST_REASON]})


@contextmanager
def fail_on_error(action: Action) -> Iterator[None]:
    """Ends the action as FAILED with the reason of any error raised inside. The error then names the action."""
    try:
        yield
    except Exception as error:
        error.__dict__["action_id"] = action.action_id
        try:
            fail(action, *reason_of(error))
        except ActionFinishedError:
            # It has ended meanwhile, or its user's account is erased.
            log.info("ACTION_NOT_NEEDED", actionId=action.action_id)
        except Exception as second_error:
            # The caller gets the first error.
            log.error("ACTION_NOT_ENDED", second_error, actionId=action.action_id)
        raise


def reason_of(error: Exception) -> tuple[str, str]:
    """The code and the sentence that the action's user may read."""
    if isinstance(error, DarkroomError):
        return error.code, error.message
    kind = UnavailableError if clients.is_transient(error) else UnexpectedError
    return kind.code, kind.message
