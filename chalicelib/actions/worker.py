"""The queue's worker: it does actions that take longer than a caller waits, and fails those that no retry can mend."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.actions import exporting, lifecycle, processing, reporting
from chalicelib.actions.kinds import Run
from chalicelib.actions.models import Action, ActionType
from chalicelib.core import log
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import DarkroomError

# The queue's number (infra/resources.yaml): after so many tries it moves a message to the dead-letter queue.
TRIES = 5
# The function has 300 (.chalice/config.json); the rest is for an export's last part and e-mail, and the action's end.
SECONDS, RESERVED_SECONDS = 270.0, 30.0

_RUNS: dict[str, Run] = {
    ActionType.PROCESS_FILE: processing.run,
    ActionType.GENERATE_REPORT: reporting.run,
    ActionType.EXPORT_DATA: exporting.run,
}


def kind(event: Mapping[str, Any]) -> str | None:
    """The action type of the event's one message; None where the message has none that is known."""
    try:
        (record,) = event["Records"]
        action_type = json.loads(record["body"])["actionType"]
    except (KeyError, TypeError, ValueError):
        # Messages of earlier versions have no such field.
        return None
    return action_type if action_type in _RUNS else None


@required_env_vars(lifecycle.reopen, lifecycle.fail, *_RUNS.values())
def work(event: Mapping[str, Any], context: Any = None) -> None:
    """Does the action of each message, and ends it.

    Raises:
        Exception: an error that a later try may not meet. After the last try the action is FAILED and its message
            is in the dead-letter queue; when that is sent on, the action begins anew.
    """
    for record in event["Records"]:
        message = json.loads(record["body"])
        action = lifecycle.reopen(message["userId"], message["actionId"])
        if action is None:
            log.info("ACTION_NOT_NEEDED", actionId=message["actionId"])
            continue
        is_last_try = int(record["attributes"]["ApproximateReceiveCount"]) >= TRIES
        _run(action, Deadline.within(SECONDS, context, RESERVED_SECONDS), is_last_try=is_last_try)


def _run(action: Action, deadline: Deadline, *, is_last_try: bool) -> None:
    try:
        _RUNS[action.action_type](action, deadline)
    except lifecycle.ActionFinishedError:
        log.info("ACTION_NOT_NEEDED", actionId=action.action_id)
    except Exception as error:
        # No try can mend what is wrong with the action itself.
        is_final = isinstance(error, DarkroomError) and not error.is_transient
        if is_final:
            log.info("ACTION_REFUSED", actionId=action.action_id, reason=str(error))
        if is_final or is_last_try:
            lifecycle.fail(action, *lifecycle.reason_of(error))
        if not is_final:
            raise
