"""Handing an action over to the external service, where a stage has one, and learning how it ended."""

import time
from collections.abc import Mapping
from typing import Any

from chalicelib.actions import lifecycle
from chalicelib.actions.lifecycle import ActionFinishedError, ActionNotFoundError
from chalicelib.actions.models import Action, Status
from chalicelib.actions.schemas import EXTERNAL_ENDS, MAX_URL_CHARACTERS
from chalicelib.core import log
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import NotAuthenticatedError, raises
from chalicelib.core.http import signatures
from chalicelib.core.http.payload import parse_body
from chalicelib.core.settings import Settings
from chalicelib.external import AddressNotAllowedError, ExternalServiceError, check_url, services

# Short: a caller waits for the answer, and the service will call back anyway.
_POLL_SECONDS = 3


def is_configured() -> bool:
    """Whether the stage has an external service: its secret names a base_url and an api_key."""
    return services.is_configured()


@required_env_vars(services.call, {"API_BASE_URL": []}, lifecycle.save_external, lifecycle.complete)
def hand_over(action: Action, path: str, payload: Mapping[str, Any]) -> Action:
    """Sends the action to the service's `path`. It stays PENDING unless the service answers that the work has ended.

    Raises:
        ExternalServiceError: the service did not take it.
    """
    data = {**payload, "actionId": action.action_id, "actionType": action.action_type, **_callback_url(action)}
    response = services.call(path, data, idempotency_key=action.action_id)
    action = lifecycle.save_external(action, path, response["id"], response["status"])
    return _apply(response, action)


def _callback_url(action: Action) -> dict[str, str]:
    base = Settings.API_BASE_URL.get()
    return {"callbackUrl": f"{base.rstrip('/')}/actions/{action.action_id}/callback"} if base else {}


def _apply(response: Mapping[str, Any], action: Action) -> Action:
    """Ends the action if the service's response says so. The log lines follow the request that began the action."""
    external_status = str(response["status"])
    end = EXTERNAL_ENDS.get(external_status.lower())
    with log.correlated(action.correlation_id):
        if end is Status.COMPLETED:
            return lifecycle.complete(action, result=_result(response), external_status=external_status)
        if end is Status.FAILED:
            reason = ExternalServiceError.code, _message(response)
            return lifecycle.fail(action, *reason, external_status=external_status)
    return action


def _result(response: Mapping[str, Any]) -> dict[str, Any]:
    """The URL of the result, if the service gives one with a public address."""
    url = response.get("resultUrl")
    if not isinstance(url, str) or len(url) > MAX_URL_CHARACTERS:
        return {}
    try:
        check_url(url)
    except AddressNotAllowedError:
        return {}
    return {"url": url}


def _message(response: Mapping[str, Any]) -> str:
    message = response.get("message")
    is_readable = isinstance(message, str) and message.isprintable()
    return str(message) if is_readable and message else "The external service gave no reason."


# What it raises is caught.
@required_env_vars(grants.merge(services.fetch_status, lifecycle.complete, lifecycle.get))
def refresh(action: Action) -> Action:
    """The action after asking the service that has it; as it is stored where the service gives no answer."""
    if action.status is not Status.PENDING or action.external_id is None or action.external_path is None:
        return action
    deadline = Deadline.within(_POLL_SECONDS)
    try:
        return _apply(services.fetch_status(action.external_path, action.external_id, deadline=deadline), action)
    except (ExternalServiceError, ActionFinishedError) as error:
        log.info("ACTION_NOT_POLLED", actionId=action.action_id, reason=str(error))
        return lifecycle.get(action.user_id, action.action_id)


@required_env_vars(services.callback_secret, {"ALLOW_PRIVATE_ADDRESSES": []}, lifecycle.find_by_id, lifecycle.complete)
@raises(NotAuthenticatedError, ActionNotFoundError, ActionFinishedError)
def take_callback(data: Mapping[str, Any], signature: str, body: bytes) -> dict[str, Any]:
    """Ends the action that the service reports on. A second report changes nothing: 409.

    Raises:
        NotAuthenticatedError: the service did not sign it for this action, or too long ago.
        ActionNotFoundError: the service has no such action.
        ActionFinishedError: it has ended already.
    """
    if not _is_signed(data["actionId"], signature, body):
        raise NotAuthenticatedError("The signature is not valid.")
    action = lifecycle.find_by_id(data["actionId"])
    if action is None or action.external_id != data["id"]:
        raise ActionNotFoundError
    if action.status is not Status.PENDING:
        raise ActionFinishedError
    _apply(data, action)
    return {"message": "Noted."}


def _is_signed(action_id: str, signature: str, body: bytes) -> bool:
    """Whether the service signed the report for this action, so that nobody can send it again for another one.

    A service that signs the body alone (v1) has to name the action in it.
    """
    secret, now = services.callback_secret(), time.time()
    if secret is None:
        return False
    if signatures.verify(secret, signature, body, now, action_id):
        return True
    return signatures.verify(secret, signature, body, now) and parse_body(body).get("actionId") == action_id
