"""Handing an action over to the external service, where a stage has one, and learning how it ended."""

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from chalicelib import actions
from chalicelib.actions import Action, Status
from chalicelib.core import config, log
from chalicelib.core.aws import grants
from chalicelib.core.errors import InvalidRequestError, NotAuthenticatedError, UnavailableError
from chalicelib.core.http import signatures
from chalicelib.core.http.operations import Caller
from chalicelib.core.http.payload import parse_body
from chalicelib.core.schemas import TEXT, shape
from chalicelib.external import AddressNotAllowedError, ExternalServiceError, check_url, services

NEEDS = grants.merge(services.NEEDS, {"API_BASE_URL": []})

# Somebody waits for the answer, and the service will call back anyway.
_POLL_SECONDS = 3
_LONGEST_URL = 2000
_ENDS = {"completed": Status.COMPLETED, "failed": Status.FAILED}


class Service(StrEnum):
    """The external service's endpoints, by what they do."""

    FILE_PROCESSOR = services.PROCESS_FILE
    REPORT_GENERATOR = services.GENERATE_REPORT
    DATA_EXPORTER = services.EXPORT_DATA
    GENERIC = services.CUSTOM


# What is in it is between the caller and the service.
_PAYLOAD = {"type": "object", "maxProperties": 1000}
CUSTOM = shape(
    {"actionType": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,63}$", "maxLength": 64}, "payload": _PAYLOAD},
    {"metadata": {"type": "object", "maxProperties": 20}},
)
ACCEPTED = shape({"actionId": TEXT, "message": TEXT, "status": TEXT})
# In the words that the service answers in: `id` is its own.
CALLBACK = shape(
    {
        "actionId": actions.ACTION_ID,
        "id": {"type": "string", "maxLength": services.MAX_ID_CHARACTERS},
        "status": {"enum": [*_ENDS]},
    },
    {"message": {"type": "string", "maxLength": 400}, "resultUrl": {"type": "string", "maxLength": _LONGEST_URL}},
)


class NoExternalServiceError(UnavailableError):
    code, message = "NO_EXTERNAL_SERVICE", "This stage has no external service for such actions."


def configured() -> bool:
    """Whether the stage has an external service: its secret names a base_url and an api_key."""
    return services.configured()


def hand_over(action: Action, service: Service, payload: Mapping[str, Any]) -> Action:
    """Has the service do the action; gives it ended where the service answers so at once, else PENDING.

    Raises:
        ExternalServiceError: the service did not take it.
    """
    told = {**payload, "actionId": action.action_id, "actionType": action.action_type, **_callback_url(action)}
    answer = services.call(service, told, idempotency_key=action.action_id)
    action = actions.note_external(action, service, answer["id"], answer["status"])
    return _settled(action, answer)


def _callback_url(action: Action) -> dict[str, str]:
    base = config.get("API_BASE_URL")
    return {"callbackUrl": f"{base.rstrip('/')}/actions/{action.action_id}/callback"} if base else {}


def _settled(action: Action, told: Mapping[str, Any]) -> Action:
    """The action as the service's words leave it. Its end is told of the work that began it, whoever asks."""
    said = str(told["status"])
    end = _ENDS.get(said.lower())
    with log.correlated(action.correlation_id):
        if end is Status.COMPLETED:
            return actions.complete(action, result=_result(told), external_status=said)
        if end is Status.FAILED:
            return actions.fail(action, ExternalServiceError.code, _sentence(told), external_status=said)
    return action


def _result(told: Mapping[str, Any]) -> dict[str, Any]:
    """Where the result lies, if the service names a place that can be called at all."""
    url = told.get("resultUrl")
    if not isinstance(url, str) or len(url) > _LONGEST_URL:
        return {}
    try:
        check_url(url)
    except AddressNotAllowedError:
        return {}
    return {"url": url}


def _sentence(told: Mapping[str, Any]) -> str:
    said = told.get("message")
    return said if isinstance(said, str) and said.isprintable() and said else "The external service gave no reason."


def run_custom(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Has the external service do what Darkroom itself knows nothing of.

    Raises:
        InvalidRequestError: the stage does not allow that type of action.
        NoExternalServiceError: there is no external service here.
        ExternalServiceError: it did not take the action.
    """
    if data["actionType"] not in config.words("CUSTOM_ACTION_TYPES"):
        raise InvalidRequestError(details=[{"field": "actionType", "message": "is not allowed here"}])
    if not configured():
        raise NoExternalServiceError
    action = actions.begin(user, data["actionType"], data.get("metadata", {}))
    with actions.failing(action):
        action = hand_over(action, Service.GENERIC, {"payload": data["payload"]})
    return {
        "actionId": action.action_id,
        "message": "The external service has the action.",
        "status": str(action.status),
    }


def up_to_date(action: Action) -> Action:
    """The action as the service that has it says it stands; as we know it where the service cannot be asked."""
    if action.status is not Status.PENDING or action.external_id is None or action.external_path is None:
        return action
    try:
        told = services.status_of(action.external_path, action.external_id, deadline=time.monotonic() + _POLL_SECONDS)
        return _settled(action, told)
    except (ExternalServiceError, actions.ActionFinishedError) as error:
        log.info("ACTION_NOT_POLLED", actionId=action.action_id, reason=str(error))
        return actions.get(action.user_id, action.action_id)


def take_callback(data: Mapping[str, Any], signature: str, body: bytes) -> dict[str, Any]:
    """Ends the action that the service reports on. A report that comes again changes nothing: 409.

    Raises:
        NotAuthenticatedError: the service did not sign it for this action, or long ago.
        ActionNotFoundError: the service has no such action.
        ActionFinishedError: it has ended already.
    """
    if not _is_signed(data["actionId"], signature, body):
        raise NotAuthenticatedError("The signature is not valid.")
    action = actions.find_anyones(data["actionId"])
    if action is None or action.external_id != data["id"]:
        raise actions.ActionNotFoundError
    if action.status is not Status.PENDING:
        raise actions.ActionFinishedError
    _settled(action, data)
    return {"message": "Noted."}


def _is_signed(action_id: str, signature: str, body: bytes) -> bool:
    """Whether the service signed the report for that very action: else a report on one could be sent again for another.

    A service that signs the body alone (v1) has to name the action in it.
    """
    secret, now = services.callback_secret(), time.time()
    if secret is None:
        return False
    if signatures.verify(secret, signature, body, now, action_id):
        return True
    return signatures.verify(secret, signature, body, now) and parse_body(body).get("actionId") == action_id
