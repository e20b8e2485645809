"""How an action goes: PENDING before anything is done, then COMPLETED or FAILED, once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chalicelib.accounts import users
from chalicelib.actions.models import ACTIONS, FINISHED, UNFINISHED, Action, File, Status, unfinished
from chalicelib.core import clients, config, ids, log
from chalicelib.core.aws.tables import Attr, ConditionFailedError, transact
from chalicelib.core.errors import ConflictError, DarkroomError, UnavailableError, UnexpectedError
from chalicelib.core.http.operations import Caller

_LONGEST_REASON = 500


class ActionFinishedError(ConflictError):
    code, message = "ACTION_FINISHED", "This action has ended already."


def begin(user: Caller, action_type: str, metadata: Mapping[str, Any]) -> Action:
    """The action's row, PENDING: written before any of its work is done."""
    action = Action(
        user_id=user.id,
        action_id=ids.new_id("act"),
        action_type=action_type,
        created_at=ids.now(),
        metadata=metadata,
        correlation_id=log.correlation_id(),
    )
    ACTIONS.create(action.to_item())
    log.info("ACTION_STARTED", actionId=action.action_id, actionType=action_type, userId=user.id)
    return action


@contextmanager
def failing(action: Action) -> Iterator[None]:
    """Ends the action as FAILED with the reason of whatever is raised inside, which then names the action."""
    try:
        yield
    except Exception as error:
        error.__dict__["action_id"] = action.action_id
        try:
            fail(action, *reason_of(error))
        except ActionFinishedError:
            # It has ended meanwhile, or its user's account is erased.
            log.info("ACTION_NOT_NEEDED", actionId=action.action_id)
        except Exception as fault:
            # What went wrong first is what the caller is to hear of.
            log.error("ACTION_NOT_ENDED", fault, actionId=action.action_id)
        raise


def reason_of(error: Exception) -> tuple[str, str]:
    """The code and the sentence that the action's user may read."""
    if isinstance(error, DarkroomError):
        return error.code, error.message
    kind = UnavailableError if clients.is_transient(error) else UnexpectedError
    return kind.code, kind.message


def complete(
    action: Action,
    *,
    files: Sequence[File] = (),
    result: Mapping[str, Any] | None = None,
    external_status: str | None = None,
    notes: Sequence[dict[str, Any]] = (),
) -> Action:
    """Ends the action well, and notes when its user last did something. `notes` are further writes beside the end.

    Raises:
        ActionFinishedError: it has ended already.
    """
    change = {
        "files": [file.to_item() for file in files],
        "result": result or {},
        "externalStatus": external_status or action.external_status,
    }
    return _end(action, Status.COMPLETED, change, notes)


def fail(action: Action, code: str, sentence: str, *, external_status: str | None = None) -> Action:
    """Ends the action badly. Raises ActionFinishedError as `complete` does."""
    change = {
        "reason": f"{code}: {sentence}"[:_LONGEST_REASON],
        "externalStatus": external_status or action.external_status,
    }
    return _end(action, Status.FAILED, change)


def _end(action: Action, status: Status, change: Mapping[str, Any], notes: Sequence[dict[str, Any]] = ()) -> Action:
    now = ids.now()
    ended = {
        "status": str(status),
        "completedAt": now,
        **{name: new for name, new in change.items() if new is not None},
    }
    key = ACTIONS.key(action.user_id, action.action_id)
    end = ACTIONS.to_update(key, ended, where={"status": str(Status.PENDING)}, remove=FINISHED)
    try:
        _with_notes(end, [users.last_action_update(action.user_id, now), *notes])
    except ConditionFailedError:
        raise ActionFinishedError from None
    log.info("ACTION_ENDED", actionId=action.action_id, actionType=action.action_type, status=str(status))
    return Action.from_item({**action.to_item(), **ended})


def _with_notes(end: dict[str, Any], notes: Sequence[dict[str, Any]]) -> None:
    """All writes in one call; where a note fails, the end alone: it must not hang on what is secondary."""
    try:
        transact(end, *notes)
    except Exception as error:
        if isinstance(error, ConditionFailedError) and 0 in error.writes:
            raise
        log.warning("ACTION_NOT_NOTED_ELSEWHERE", error)
        transact(end)


def enqueue(action: Action) -> None:
    """Leaves the action's work to the queue."""
    body = {
        "userId": action.user_id,
        "actionId": action.action_id,
        "actionType": action.action_type,
        "correlationId": action.correlation_id,
    }
    clients.client("sqs").send_message(QueueUrl=config.get("ACTIONS_QUEUE_URL"), MessageBody=ids.to_json(body))


def note_external(action: Action, path: str, external_id: str, external_status: str) -> Action:
    """Notes which service took the action over, under which id.

    Raises:
        ActionFinishedError: it has ended meanwhile, or its user has gone.
    """
    change = {"externalId": external_id, "externalStatus": external_status, "externalPath": path}
    pending = Attr("status").eq(str(Status.PENDING))
    try:
        return Action.from_item(ACTIONS.update(action.user_id, action.action_id, when=pending, change=change))
    except ConditionFailedError:
        raise ActionFinishedError from None


def note_progress(action: Action, done: int) -> None:
    """Notes how many records are done; what goes wrong here is nobody's fault."""
    try:
        pending = Attr("status").eq(str(Status.PENDING))
        ACTIONS.update(action.user_id, action.action_id, when=pending, change={"progress": done})
    except Exception as error:
        log.warning("PROGRESS_NOT_NOTED", error, actionId=action.action_id)


def try_again(user_id: str, action_id: str) -> Action | None:
    """The action that a message is about, PENDING again if it had failed; None where nothing is left to do."""
    open_ = Attr("status").is_in([str(Status.PENDING), str(Status.FAILED)])
    try:
        change = {"status": str(Status.PENDING), **unfinished(ids.now())}
        item = ACTIONS.update(user_id, action_id, when=open_, change=change, remove=["reason", "completedAt"])
    except ConditionFailedError:
        return None
    return Action.from_item(item)


def pending_since(first: str, last: str) -> Iterator[Action]:
    """The actions that have been PENDING since some moment between these (ISO 8601), the oldest first."""
    for entry in UNFINISHED.between(str(Status.PENDING), first, last):
        item = ACTIONS.get(entry["userId"], entry["actionId"])
        # The index is a moment behind.
        if item is not None and item["status"] == Status.PENDING and item.get("unfinishedSince", last) <= last:
            yield Action.from_item(item)


def oldest_since() -> str | None:
    """Since when the oldest PENDING action has been so; None where there is none."""
    found = UNFINISHED.page(str(Status.PENDING), limit=1, newest_first=False).items
    return None if not found else str(found[0]["unfinishedSince"])
