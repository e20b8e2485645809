"""Registration: sign-up, the proof of the address, and the reset of a forgotten password.

Nobody can find out which addresses are registered: sign_up, resend_code and forgot_password give the same response for
every address.
"""

import re
import secrets
from datetime import UTC, datetime
from typing import Any

from chalicelib.accounts import cognito, passwords, proofs, sessions
from chalicelib.core import clients
from chalicelib.core.aws.grants import CognitoOperation, required_env_vars
from chalicelib.core.errors import InvalidRequestError, raises
from chalicelib.core.http.attempts import AnonymousCaller

# The form of user ids since about 2023, as observed (AWS does not document it): UUID version 7 without a variant; of
# the first eight digits, every second one is the same for a region.
_ID_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]0[0-9a-f]1-70[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{12}")
_FIXED_PLACES = frozenset({1, 3, 5, 7, 10, 12, 14, 15})
# An id of us-east-1.
_EXAMPLE_ID = "04080408-0001-7000-0000-000000000000"

# States of an account in the user pool.
_UNCONFIRMED, _CONFIRMED = "UNCONFIRMED", "CONFIRMED"


@required_env_vars(
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.SIGN_UP],
        "COGNITO_CLIENT_SECRET": [],
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_GET_USER],
    }
)
@raises(InvalidRequestError)
def sign_up(email: str, password: str, name: str | None) -> dict[str, Any]:
    """Registers an address and has Cognito send a code to it.

    `userSub` is the new user's id. If the address is registered already, it is a random one of the same form.
    """
    passwords.check(password)
    email = email.lower()
    attributes = {"email": email} | ({"name": name} if name else {})
    started_at = datetime.now(UTC)
    with cognito.translating_errors():
        try:
            user_sub = cognito.client().sign_up(
                **cognito.client_proof(email),
                Username=email,
                Password=password,
                UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
            )["UserSub"]
        except clients.ClientError as error:
            if clients.error_code(error) != "UsernameExistsException":
                raise
            user = _find_user(email)
            if (
                user is not None
                and user.status == _UNCONFIRMED
                and cognito.may_have_made(error, user.created_at, started_at)
            ):
                user_sub = user.id
            else:
                user_sub = _fake_user_id(like="" if user is None else user.id)
    return {"message": "A verification code is on its way to that address.", "userSub": user_sub}


def _find_user(email: str) -> cognito.PoolUser | None:
    with cognito.ignoring("UserNotFoundException"):
        return cognito.get_user(email)
    return None


def _fake_user_id(like: str) -> str:
    """A random id in the form of a real one of the same pool. Ids of an older form are not imitated."""
    pattern = like if _ID_FORM.fullmatch(like) else _EXAMPLE_ID
    return "".join(
        character if character == "-" or place in _FIXED_PLACES else secrets.choice("0123456789abcdef")
        for place, character in enumerate(pattern)
    )


@required_env_vars(
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.CONFIRM_SIGN_UP],
        "COGNITO_CLIENT_SECRET": [],
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_GET_USER],
    }
)
@raises(InvalidRequestError)
def verify_address(email: str, code: str) -> dict[str, Any]:
    email, started_at = email.lower(), datetime.now(UTC)
    with cognito.translating_errors():
        try:
            cognito.client().confirm_sign_up(**cognito.client_proof(email), Username=email, ConfirmationCode=code)
        except clients.ClientError as error:
            # Everybody else gets the response to a wrong code, without another call.
            if not clients.repetitions(error) or not _has_confirmed(email, error, started_at):
                raise
    return {"message": "The address is verified; you can sign in."}


def _has_confirmed(email: str, error: clients.ClientError, started_at: datetime) -> bool:
    user = _find_user(email)
    return user is not None and user.status == _CONFIRMED and cognito.may_have_made(error, user.changed_at, started_at)


@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.RESEND_CONFIRMATION_CODE], "COGNITO_CLIENT_SECRET": []})
def resend_code(email: str) -> dict[str, Any]:
    _send_code("resend_confirmation_code", email)
    return {"message": "If that address awaits verification, a new code is on its way."}


@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.FORGOT_PASSWORD], "COGNITO_CLIENT_SECRET": []})
def forgot_password(email: str) -> dict[str, Any]:
    _send_code("forgot_password", email)
    return {"message": "If that address has an account, a code to reset its password is on its way."}


def _send_code(operation: str, email: str) -> None:
    email = email.lower()
    no_such_user = ("UserNotFoundException", "InvalidParameterException", "NotAuthorizedException")
    with cognito.translating_errors(), cognito.ignoring(*no_such_user):
        getattr(cognito.client(), operation)(**cognito.client_proof(email), Username=email)


@required_env_vars(
    proofs.check_password,
    sessions.sign_out,
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.CONFIRM_FORGOT_PASSWORD],
        "COGNITO_CLIENT_SECRET": [],
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_GET_USER],
    },
)
@raises(InvalidRequestError)
def reset_password(
    email: str, code: str, password: str, anonymous: AnonymousCaller, on_identified: sessions.OnIdentified
) -> dict[str, Any]:
    """Changes the password and ends every session, so that the old password is of no use.

    The same request again finishes a reset that was cut off after the password had been changed.
    """
    passwords.check(password)
    email = email.lower()
    with cognito.translating_errors():
        _change_password(email, code, password, anonymous)
        user = cognito.get_user(email)
    on_identified(user.id)
    sessions.end_all(user.id, user.username)
    return {"message": "The password is changed; you can sign in."}


def _change_password(email: str, code: str, password: str, anonymous: AnonymousCaller) -> None:
    try:
        with cognito.translating_errors():
            cognito.client().confirm_forgot_password(
                **cognito.client_proof(email), Username=email, ConfirmationCode=code, Password=password
            )
    except InvalidRequestError:
        # A code works once. A caller who sends the new password again may end the sessions that the first request
        # left. The password proves as much as the code, and a wrong one counts as a wrong attempt.
        if not proofs.is_password(email, password, anonymous):
            raise
