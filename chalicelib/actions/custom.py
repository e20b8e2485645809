"""Actions of types that a stage allows beyond Darkroom's own (CUSTOM_ACTION_TYPES): its external service does them."""

from collections.abc import Mapping
from typing import Any

from chalicelib.actions import external_service, schemas
from chalicelib.actions.kinds import ActionKind, ActionRequest
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.errors import InvalidRequestError, UnavailableError, raises
from chalicelib.core.http.operations import Caller
from chalicelib.core.settings import Settings
from chalicelib.external import services


class NoExternalServiceError(UnavailableError):
    code, message = "NO_EXTERNAL_SERVICE", "This stage has no external service for such actions."


@required_env_vars({"CUSTOM_ACTION_TYPES": []})
@raises(InvalidRequestError, NoExternalServiceError)
def _prepare(user: Caller, data: Mapping[str, Any]) -> ActionRequest:
    """Raises InvalidRequestError for a type that the stage does not allow, or NoExternalServiceError."""
    if data["actionType"] not in Settings.CUSTOM_ACTION_TYPES.get():
        raise InvalidRequestError(details=[{"field": "actionType", "message": "is not allowed here"}])
    if not external_service.is_configured():
        raise NoExternalServiceError
    return ActionRequest(data["actionType"], data.get("metadata", {}), lambda: {"payload": data["payload"]})


KIND = ActionKind(
    schema=schemas.CUSTOM,
    returns=schemas.ACCEPTED,
    id_name="actionId",
    service_path=services.CUSTOM,
    prepare=_prepare,
    message=lambda action: "The external service has the action.",
)
