"""Asking for an export: what may be asked, and what is answered; small ones are made at once, others by the queue."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from chalicelib import actions, delegation, images, mailing
from chalicelib.accounts.schemas import EMAIL
from chalicelib.actions import Action, ActionType, Status
from chalicelib.core.errors import ConflictError
from chalicelib.core.operations import Caller, Repeat, naming
from chalicelib.core.payload import TEXT, shape
from chalicelib.delegation import Service
from chalicelib.exporting import contents, running

# What the API writes while its caller waits: so many images and actions, and sums by day, half a second's work as PDF.
_ROWS_AT_ONCE = 100
_SUMS_AT_ONCE = 1000

EXPORT = shape(
    {
        "dataTypes": {
            "type": "array",
            "items": {"enum": list(contents.DATA_TYPES)},
            "minItems": 1,
            "uniqueItems": True,
        },
        "format": {"enum": list(running.FORMATS)},
    },
    {"email": EMAIL},
)
EXPORTED = shape(
    {
        "exportId": TEXT,
        "deliveryMethod": {"enum": ["download", "email"]},
        "message": TEXT,
        "status": {"enum": [str(status) for status in Status]},
    },
    {"downloadUrl": {"type": ["string", "null"]}},
)


class EmailNotOfferedError(ConflictError):
    code, message = "EMAIL_NOT_OFFERED", "This stage sends no e-mail; leave email out."


def export_data(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Makes the export, or has it made; `exportId` is the action's id, `downloadUrl` None until there is a file.

    Raises:
        EmailNotOfferedError: an e-mail is asked for, and the stage has no sender.
    """
    is_handed_over = delegation.configured()
    if "email" in data and not is_handed_over and not mailing.configured():
        raise EmailNotOfferedError
    # The address is kept with the action: a later try, perhaps days after, needs it. Both go together.
    asked = {name: data[name] for name in ("dataTypes", "format", "email") if name in data}
    action = actions.begin(user, ActionType.EXPORT_DATA, asked)
    with actions.failing(action):
        if is_handed_over:
            return _answer(delegation.hand_over(action, Service.DATA_EXPORTER, {**asked, "userId": user.id}))
        if _is_small(user.id, asked["dataTypes"]):
            return _answer(running.run(action))
        actions.enqueue(action)
    return _answer(action)


def _is_small(user_id: str, data_types: Iterable[str]) -> bool:
    return not any(_HAS_MANY[each](user_id) for each in data_types if each in _HAS_MANY)


def _has_many_activities(user_id: str) -> bool:
    of_actions = next(islice(actions.all_of(user_id), _ROWS_AT_ONCE, None), None)
    return of_actions is not None or contents.has_more_sums(user_id, _SUMS_AT_ONCE)


def _has_many_files(user_id: str) -> bool:
    return images.IMAGES.page(user_id, limit=_ROWS_AT_ONCE).next_after is not None


# Nobody's profile is long.
_HAS_MANY: dict[str, Callable[[str], bool]] = {"activities": _has_many_activities, "files": _has_many_files}


def _answer(action: Action) -> dict[str, Any]:
    is_mailed = "email" in action.metadata
    return {
        "exportId": action.action_id,
        "deliveryMethod": "email" if is_mailed else "download",
        "message": _message(action, is_mailed),
        "downloadUrl": action.shown()["resultUrl"],
        "status": str(action.status),
    }


def _again(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The export as it is by now, with a fresh link."""
    return _answer(actions.get(user.id, kept["exportId"]))


REPEAT = Repeat(keeps=naming("exportId"), again=_again)


def _message(action: Action, is_mailed: bool) -> str:
    if action.status is Status.FAILED:
        return "The export could not be made."
    if action.status is Status.PENDING:
        return f"The export is being made{'; a link to it will come by e-mail' if is_mailed else ''}."
    if not is_mailed:
        return "The export is ready."
    if action.result.get("emailSent") is False:
        return "The export is ready, but the e-mail could not be sent: download it here."
    return "The export is ready; a link to it is on its way by e-mail."
