"""Asking for an export: who may ask for what, which exports are small, and the answer."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from chalicelib import actions, images
from chalicelib.accounts.permissions import can_export
from chalicelib.actions import external_service
from chalicelib.actions.exporting import build, contents, schemas
from chalicelib.actions.kinds import ActionKind, ActionRequest
from chalicelib.actions.models import Action, ActionType, Status
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.errors import ConflictError, PermissionDeniedError
from chalicelib.core.http.operations import Caller, refusal_of
from chalicelib.core.settings import Settings
from chalicelib.external import services
from chalicelib.notify import email

# The API exports so many images, actions and sums by day while its caller waits: as PDF they take half a second.
_SMALL_ROWS = 100
# A thumbnail takes as long as ten rows without one, and S3's time besides.
_SMALL_THUMBNAILS = 25
_SMALL_SUMS = 1000
# The estimate before any run is measured, for exports that are just too large for the API. A PDF has thumbnails.
_SECONDS = {"json": 3.0, "csv": 3.0, "pdf": 10.0}


class EmailNotAllowedError(PermissionDeniedError):
    code = "EMAIL_NOT_ALLOWED"
    message = "An export is mailed to the account's own address, or to one of the domains that this stage allows."
    next_step = "Leave email out, to get a link in the answer, or name the account's own address."


class EmailNotOfferedError(ConflictError):
    code, message = "EMAIL_NOT_OFFERED", "This stage sends no e-mail; leave email out."


@required_env_vars({"EXPORT_EMAIL_DOMAINS": []})
def may_export(user: Caller, data: Mapping[str, Any]) -> bool:
    """The permission to export: the user's right, and a recipient who may have the link (it opens for anyone).

    Raises:
        PermissionDeniedError: no administrator has given the user the right to export.
        EmailNotAllowedError: `email` is neither the account's own address nor of EXPORT_EMAIL_DOMAINS.
    """
    if not can_export(user, data):
        raise refusal_of(can_export)
    address = data.get("email", user.email).lower()
    if address != user.email.lower() and address.rpartition("@")[2] not in _email_domains():
        raise EmailNotAllowedError
    return True


def _email_domains() -> set[str]:
    return {domain.lower() for domain in Settings.EXPORT_EMAIL_DOMAINS.get()}


def _prepare(user: Caller, data: Mapping[str, Any]) -> ActionRequest:
    """Raises EmailNotOfferedError where `email` is given and neither the stage nor its external service can send it."""
    if "email" in data and not external_service.is_configured() and not email.is_configured():
        raise EmailNotOfferedError
    # The address is stored with the action, as a later try needs it, and erased with it.
    metadata = {name: data[name] for name in ("dataTypes", "format", "email") if name in data}
    return ActionRequest(
        ActionType.EXPORT_DATA,
        metadata,
        lambda: {**metadata, "userId": user.id},
        lambda: _is_small(user.id, metadata),
        _SECONDS[metadata["format"]],
    )


def _is_small(user_id: str, metadata: Mapping[str, Any]) -> bool:
    data_types = metadata["dataTypes"]
    max_files = _SMALL_THUMBNAILS if metadata["format"] == "pdf" else _SMALL_ROWS
    if "files" in data_types and images.IMAGES.page(user_id, limit=max_files).next_after is not None:
        return False
    # A profile is always small.
    return "activities" not in data_types or not _has_many_activities(user_id)


def _has_many_activities(user_id: str) -> bool:
    first_too_many = next(islice(actions.all_of(user_id), _SMALL_ROWS, None), None)
    return first_too_many is not None or contents.has_more_sums(user_id, _SMALL_SUMS)


def _is_mailed(action: Action) -> bool:
    return "email" in action.metadata


def _details(action: Action) -> dict[str, Any]:
    return {"deliveryMethod": "email" if _is_mailed(action) else "download", "downloadUrl": action.result_url}


def _message(action: Action) -> str:
    if action.status is Status.FAILED:
        return "The export could not be made."
    if action.status is Status.PENDING:
        return f"The export is being made{'; a link to it will come by e-mail' if _is_mailed(action) else ''}."
    if not _is_mailed(action):
        return "The export is ready."
    if action.result.get("emailSent") is False:
        return "The export is ready, but the e-mail could not be sent: download it here."
    return "The export is ready; a link to it is on its way by e-mail."


KIND = ActionKind(
    schema=schemas.EXPORT,
    returns=schemas.EXPORTED,
    id_name="exportId",
    service_path=services.EXPORT_DATA,
    prepare=_prepare,
    run=build.run,
    message=_message,
    details=_details,
)
