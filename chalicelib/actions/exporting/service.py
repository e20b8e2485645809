"""Asking for an export: what may be asked, and what is answered; small ones are made at once, others by the queue."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from chalicelib import actions, images
from chalicelib.accounts.permissions import can_export
from chalicelib.actions import Action, ActionType, Status, estimates, external
from chalicelib.actions.exporting import build, contents
from chalicelib.actions.external import Service
from chalicelib.core import config
from chalicelib.core.errors import ConflictError, PermissionDeniedError
from chalicelib.core.http.operations import Caller, Replay, only_fields, refusal_of
from chalicelib.core.schemas import EMAIL, TEXT, shape
from chalicelib.notify import mail

# What the API writes while its caller waits: so many images and actions, and sums by day, half a second's work as PDF.
_ROWS_AT_ONCE = 100
# A thumbnail costs as much as ten rows without one, and S3's time beside that.
_THUMBNAILS_AT_ONCE = 25
_SUMS_AT_ONCE = 1000
# What the worker takes for what is just too large for that, before it has been measured. How many rows there are is
# known when they have been read; a PDF has thumbnails to make.
_SECONDS_QUEUED = {"json": 3.0, "csv": 3.0, "pdf": 10.0}

EXPORT = shape(
    {
        "dataTypes": {
            "type": "array",
            "items": {"enum": list(contents.DATA_TYPES)},
            "minItems": 1,
            "maxItems": len(contents.DATA_TYPES),
            "uniqueItems": True,
        },
        "format": {"enum": list(build.FORMATS)},
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
    {"downloadUrl": {"type": ["string", "null"]}, "estimatedTime": {"type": ["string", "null"]}},
)


class EmailNotAllowedError(PermissionDeniedError):
    code = "EMAIL_NOT_ALLOWED"
    message = "An export is mailed to the account's own address, or to one of the domains that this stage allows."


class EmailNotOfferedError(ConflictError):
    code, message = "EMAIL_NOT_OFFERED", "This stage sends no e-mail; leave email out."


def may_export(user: Caller, data: Mapping[str, Any]) -> bool:
    """The permission of `export_data`: the right to export, and a recipient who may have the link.

    Raises:
        PermissionDeniedError: an administrator has not given the right to export.
        EmailNotAllowedError: `email` is neither the account's own address nor of EXPORT_EMAIL_DOMAINS.
    """
    if not can_export(user, data):
        raise refusal_of(can_export)
    if "email" in data and not _may_receive(user, data["email"]):
        raise EmailNotAllowedError
    return True


def _may_receive(user: Caller, address: str) -> bool:
    """Whether a link that opens without its owner may go to that address."""
    address = address.lower()
    allowed = {domain.lower() for domain in config.words("EXPORT_EMAIL_DOMAINS")}
    return address == user.email.lower() or address.rpartition("@")[2] in allowed


def export_data(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Makes the export, or has it made; `exportId` is the action's id, `downloadUrl` None until there is a file.

    Raises:
        EmailNotOfferedError: an e-mail is asked for, and the stage has no sender.
    """
    is_handed_over = external.configured()
    if "email" in data and not is_handed_over and not mail.configured():
        raise EmailNotOfferedError
    # The address is kept with the action: a later try, perhaps days after, needs it. Both go together.
    asked = {name: data[name] for name in ("dataTypes", "format", "email") if name in data}
    action = actions.begin(user, ActionType.EXPORT_DATA, asked)
    with actions.failing(action):
        if is_handed_over:
            return _answer(external.hand_over(action, Service.DATA_EXPORTER, {**asked, "userId": user.id}))
        if _is_small(user.id, asked):
            return _answer(build.run(action))
        actions.enqueue(action)
    return _answer(action, estimates.estimated_time(action, _SECONDS_QUEUED[asked["format"]]))


def _is_small(user_id: str, asked: Mapping[str, Any]) -> bool:
    data_types = asked["dataTypes"]
    if "files" in data_types and _has_more_files(user_id, _files_at_once(asked["format"])):
        return False
    # A profile is never long.
    return "activities" not in data_types or not _has_many_activities(user_id)


def _files_at_once(file_format: str) -> int:
    return _THUMBNAILS_AT_ONCE if file_format == "pdf" else _ROWS_AT_ONCE


def _has_many_activities(user_id: str) -> bool:
    of_actions = next(islice(actions.all_of(user_id), _ROWS_AT_ONCE, None), None)
    return of_actions is not None or contents.has_more_sums(user_id, _SUMS_AT_ONCE)


def _has_more_files(user_id: str, number: int) -> bool:
    return images.IMAGES.page(user_id, limit=number).next_after is not None


def _answer(action: Action, estimated: str | None = None) -> dict[str, Any]:
    is_mailed = "email" in action.metadata
    return {
        "exportId": action.action_id,
        "deliveryMethod": "email" if is_mailed else "download",
        "message": _message(action, is_mailed),
        "downloadUrl": action.shown()["resultUrl"],
        "estimatedTime": estimated,
        "status": str(action.status),
    }


def _again(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The export as it is by now, with a fresh link."""
    return _answer(actions.get(user.id, kept["exportId"]))


REPLAY = Replay(stores=only_fields("exportId"), rebuild=_again)


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
