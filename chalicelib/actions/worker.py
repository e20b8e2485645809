"""Actions that take longer than a caller waits: what the queue's worker does, and how it ends what cannot be done."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib import actions
from chalicelib.actions import Action, ActionType, exporting, processing, reporting
from chalicelib.core import log
from chalicelib.core.errors import DarkroomError

# The queue's own number (infra/resources.yaml): after so many tries a message rests in the dead-letter queue.
TRIES = 5

_WORK: dict[str, Callable[[Action], Action]] = {
    ActionType.PROCESS_FILE: processing.run,
    ActionType.GENERATE_REPORT: reporting.run,
    ActionType.EXPORT_DATA: exporting.run,
}


def kind(event: Mapping[str, Any]) -> str | None:
    """The type of the action that the event's one message is about; None where it does not tell."""
    try:
        (record,) = event["Records"]
        told = json.loads(record["body"])["actionType"]
    except (KeyError, TypeError, ValueError):
        # A message that was sent before there was such a field, or by hand.
        return None
    return told if told in _WORK else None


def work(event: Mapping[str, Any]) -> None:
    """Does the action of each message, and ends it.

    Raises:
        Exception: what a later try may mend; after the last one the action is FAILED and its message is kept
            in the dead-letter queue, from where sending it on begins the action anew.
    """
    for record in event["Records"]:
        message = json.loads(record["body"])
        action = actions.try_again(message["userId"], message["actionId"])
        if action is None:
            log.info("ACTION_NOT_NEEDED", actionId=message["actionId"])
            continue
        _run(action, is_last=int(record["attributes"]["ApproximateReceiveCount"]) >= TRIES)


def _run(action: Action, *, is_last: bool) -> None:
    try:
        _WORK[action.action_type](action)
    except actions.ActionFinishedError:
        log.info("ACTION_NOT_NEEDED", actionId=action.action_id)
    except Exception as error:
        if _is_final(error):
            log.info("ACTION_REFUSED", actionId=action.action_id, reason=str(error))
            actions.fail(action, *actions.reason_of(error))
            return
        if is_last:
            actions.fail(action, *actions.reason_of(error))
        raise


def _is_final(error: Exception) -> bool:
    """Whether the action itself is to blame, so that no try will mend it."""
    return isinstance(error, DarkroomError) and not error.is_transient
