"""The caller's own profile: read and changed."""

from collections.abc import Mapping
from typing import Any

from chalicelib import external
from chalicelib.accounts import users
from chalicelib.accounts.users import User
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError
from chalicelib.core.errors import InvalidRequestError, NotFoundError
from chalicelib.core.http.operations import Caller


@required_env_vars({"USERS_TABLE": [DynamoDBOperation.GET_ITEM]})
def profile(user: Caller) -> dict[str, Any]:
    return {"profile": _own_row(user).profile()}


@required_env_vars({"USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM]})
def change_profile(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    preferences = data.get("preferences")
    webhook = (preferences or {}).get("webhook")
    if webhook is not None:
        try:
            external.check_url(webhook["url"])
        except external.AddressNotAllowedError as error:
            field = {"field": "preferences.webhook.url", "message": str(error)}
            raise InvalidRequestError(details=[field]) from error
    try:
        changed = users.change(_own_row(user), name=data.get("name"), preferences=preferences)
    except ConditionFailedError:
        raise NotFoundError("This account is no longer there.") from None
    return {"profile": changed.profile()}


def _own_row(user: Caller) -> User:
    found = users.find(user.id)
    if found is None:
        raise NotFoundError("This account is no longer there.")
    return found
