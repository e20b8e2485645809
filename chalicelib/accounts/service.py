"""Users: the caller and their profile; the list of users and their rights, for administrators."""

from collections.abc import Mapping
from typing import Any

from chalicelib import external
from chalicelib.accounts.models import (
    BY_EMAIL,
    BY_ROLE,
    USERS,
    AccountGoneError,
    Role,
    User,
    UserNotFoundError,
    change_user,
    find_user,
)
from chalicelib.accounts.permissions import is_admin
from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError, Page, transact
from chalicelib.core.errors import ConflictError, InvalidRequestError, PermissionDeniedError, raises
from chalicelib.core.http.operations import Caller, refusal_of

DEFAULT_PAGE = 20


class OwnRightsError(ConflictError):
    message = "You cannot take your own rights; another administrator can."


_SHOWN_CLAIMS = ("sub", "username", "token_use", "scope", "auth_time", "iat", "exp", "iss")


def describe_caller(user: Caller) -> dict[str, Any]:
    """The caller, and the claims of their token."""
    claims = {name: user.claims[name] for name in _SHOWN_CLAIMS if name in user.claims}
    return {"user": {"userId": user.id, "email": user.email, "name": user.name, "role": user.role}, "claims": claims}


@required_env_vars({"USERS_TABLE": [DynamoDBOperation.GET_ITEM]})
@raises(AccountGoneError)
def get_profile(user: Caller) -> dict[str, Any]:
    return {"profile": _own_row(user).as_profile()}


@required_env_vars({"USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM]})
@raises(AccountGoneError, InvalidRequestError)
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
        changed = change_user(_own_row(user), name=data.get("name"), preferences=preferences)
    except ConditionFailedError:
        raise AccountGoneError from None
    return {"profile": changed.as_profile()}


def _own_row(user: Caller) -> User:
    row = find_user(user.id)
    if row is None:
        raise AccountGoneError
    return row


@required_env_vars({"USERS_TABLE": [DynamoDBOperation.QUERY_INDEX, DynamoDBOperation.BATCH_GET_ITEM]})
def list_users(data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of users: all of a role (USER by default), or those with an e-mail address."""
    after = ids.start_of_page(data)
    limit = data.get("limit", DEFAULT_PAGE)
    if "email" in data:
        page = BY_EMAIL.page(data["email"].lower(), limit=limit, after=after)
    else:
        page = BY_ROLE.page(data.get("role", Role.USER), limit=limit, after=after)
    # The indexes lack attributes that change often, such as lastActionAt.
    rows = {row["userId"]: row for row in USERS.get_many(USERS.key(item["userId"]) for item in page.items)}
    items = [rows[item["userId"]] for item in page.items if item["userId"] in rows]
    return Page(items, page.next_after).response(lambda row: User.from_item(row).shown("admin"))


@required_env_vars(
    {
        "USERS_TABLE": [
            DynamoDBOperation.GET_ITEM,
            DynamoDBOperation.UPDATE_ITEM,
            DynamoDBOperation.CONDITION_CHECK_ITEM,
        ]
    }
)
@raises(OwnRightsError, PermissionDeniedError, UserNotFoundError)
def change_rights(admin: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Changes a user's role, activity, right to export, and limits (all of them), from their next request on.

    Raises:
        OwnRightsError: administrators would lock themselves out.
        PermissionDeniedError: the caller is no longer an administrator.
        UserNotFoundError: no user has that id.
    """
    user_id = data["userId"]
    change = {name: value for name, value in data.items() if name != "userId"}
    is_own = user_id == admin.id
    if is_own and (change.get("role", Role.ADMIN) != Role.ADMIN or change.get("isActive") is False):
        raise OwnRightsError
    # In one transaction: two administrators who demote each other at the same time would leave none.
    is_still_admin = {"role": str(Role.ADMIN), "isActive": True}
    exists = {"userId": user_id, **(is_still_admin if is_own else {})}
    checks = [] if is_own else [USERS.to_check(USERS.key(admin.id), where=is_still_admin)]
    try:
        transact(USERS.to_update(USERS.key(user_id), change, where=exists), *checks)
    except ConditionFailedError as error:
        raise (UserNotFoundError() if error.writes == {0} and not is_own else refusal_of(is_admin)) from None
    changed = find_user(user_id)
    if changed is None:
        raise UserNotFoundError
    log.info("USER_RIGHTS_CHANGED", userId=user_id, changedBy=admin.id, **change)
    return {"user": changed.shown("admin")}
