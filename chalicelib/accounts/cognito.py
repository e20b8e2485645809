"""The user pool: its client, and its errors as ours. Their messages do not tell which addresses are registered.

If the app client had no secret, anybody who knows its id could guess passwords and codes at Cognito itself, where our
limits do not count. So every call proves that it knows the secret.
"""

import base64
import contextlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import clients, config, log
from chalicelib.core.errors import (
    DarkroomError,
    InvalidRequestError,
    NotAuthenticatedError,
    PermissionDeniedError,
    TooManyRequestsError,
    UnavailableError,
    WrongCodeError,
)
from chalicelib.core.settings import Settings

# By how much Cognito's clock may be behind ours.
_CLOCK_SKEW = timedelta(seconds=2)


def client() -> Any:
    return clients.client("cognito-idp")


def pool_id() -> str:
    return Settings.COGNITO_USER_POOL_ID.get()


def client_proof(username: str) -> dict[str, str]:
    """The arguments `ClientId` and `SecretHash` of a call about that user."""
    return {"ClientId": Settings.COGNITO_CLIENT_ID.get(), "SecretHash": secret_hash(username)}


def secret_hash(username: str) -> str:
    """Base64 of HMAC-SHA256 of the user's name and the client's id, under the client's secret.

    Amazon Cognito, Developer Guide: "Computing secret hash values".
    """
    text = username + Settings.COGNITO_CLIENT_ID.get()
    secret = Settings.COGNITO_CLIENT_SECRET.get()
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


@dataclass(frozen=True)
class PoolUser:
    """An account as the user pool knows it: its id ("" if it has none), Cognito's name for it, and its state."""

    id: str
    username: str
    status: str
    created_at: datetime
    changed_at: datetime


def get_user(email: str) -> PoolUser:
    """The account with that address. Raises ClientError (UserNotFoundException) if there is none."""
    response = client().admin_get_user(UserPoolId=pool_id(), Username=email)
    ids = [str(each["Value"]) for each in response["UserAttributes"] if each["Name"] == "sub"]
    return PoolUser(
        id=next(iter(ids), ""),
        username=str(response["Username"]),
        status=str(response["UserStatus"]),
        created_at=response["UserCreateDate"],
        changed_at=response["UserLastModifiedDate"],
    )


def may_have_made(error: clients.ClientError, moment: datetime, started_at: datetime) -> bool:
    """Whether a call that Cognito refused in the end had made a change of that moment in its first try.

    botocore sends a call again if its answer is lost. A call that was sent once and refused has changed nothing.
    """
    return clients.repetitions(error) > 0 and moment >= started_at - _CLOCK_SKEW


class WrongEmailedCodeError(InvalidRequestError):
    message = "The code is wrong or has expired."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, details=[{"field": "code", "message": "is wrong or has expired"}])


class AddressNotVerifiedError(PermissionDeniedError):
    message = "The address is not verified yet."


class PasswordResetRequiredError(PermissionDeniedError):
    message = "The password must be reset first."


_Error = tuple[type[DarkroomError], str]
_WRONG_CODE: _Error = WrongEmailedCodeError, WrongEmailedCodeError.message
_WRONG_SIGN_IN: _Error = NotAuthenticatedError, "The address or the password is wrong."
_WRONG_ANSWER: _Error = NotAuthenticatedError, "The session or the answer is not valid."
_WRONG_AUTHENTICATOR_CODE: _Error = WrongCodeError, WrongCodeError.message
_WRONG_TOKEN: _Error = NotAuthenticatedError, NotAuthenticatedError.message
_ERRORS: dict[str, _Error] = {
    "CodeMismatchException": _WRONG_CODE,
    "RefreshTokenReuseException": _WRONG_SIGN_IN,
    "ExpiredCodeException": _WRONG_CODE,
    "UserNotConfirmedException": (AddressNotVerifiedError, AddressNotVerifiedError.message),
    "PasswordResetRequiredException": (PasswordResetRequiredError, PasswordResetRequiredError.message),
    "InvalidPasswordException": (InvalidRequestError, "The password does not follow the rules."),
    "InvalidParameterException": (InvalidRequestError, "The request is not valid."),
    "EnableSoftwareTokenMFAException": _WRONG_AUTHENTICATOR_CODE,
    "ConcurrentModificationException": (UnavailableError, UnavailableError.message),
    "TooManyRequestsException": (TooManyRequestsError, "Too many requests; try again later."),
    "TooManyFailedAttemptsException": (TooManyRequestsError, "Too many attempts; try again later."),
    "LimitExceededException": (TooManyRequestsError, "Too many attempts; try again later."),
}
# No such user, or one in another state: the same response as to a wrong code or a wrong password.
_UNKNOWN_USER = frozenset({"UserNotFoundException", "NotAuthorizedException", "AliasExistsException"})
_WITH_CODE = frozenset({"ConfirmSignUp", "ConfirmForgotPassword"})
_CHALLENGE_ERRORS = frozenset({"NotAuthorizedException", "ResourceNotFoundException"})
_WITH_AUTHENTICATOR_CODE = frozenset({"RespondToAuthChallenge", "VerifySoftwareToken"})
_AUTHENTICATOR_CODE_ERRORS = frozenset({"CodeMismatchException", "ExpiredCodeException"})
_WITH_TOKEN = frozenset({"GetUser", "AssociateSoftwareToken", "VerifySoftwareToken", "SetUserMFAPreference"})


@contextlib.contextmanager
def translating_errors() -> Iterator[None]:
    """Raises our errors instead of Cognito's."""
    try:
        yield
    except clients.ClientError as error:
        code = clients.error_code(error) or ""
        if code == "NotAuthorizedException" and "secret" in error.response["Error"].get("Message", "").lower():
            # Cognito refuses us, not the caller: the cached client secret may be an old one.
            log.error("CLIENT_SECRET_REFUSED", error, operation=error.operation_name)
            config.forget_parameters()
            raise UnavailableError from error
        translation = _translate(error.operation_name, code)
        if translation is None:
            raise
        kind, message = translation
        raise kind(message) from error


def _translate(operation: str, code: str) -> _Error | None:
    if operation == "RespondToAuthChallenge" and code in _CHALLENGE_ERRORS:
        return _WRONG_ANSWER
    if operation in _WITH_AUTHENTICATOR_CODE and code in _AUTHENTICATOR_CODE_ERRORS:
        return _WRONG_AUTHENTICATOR_CODE
    if operation in _WITH_TOKEN and code in _UNKNOWN_USER:
        return _WRONG_TOKEN
    if code in _UNKNOWN_USER:
        return _WRONG_CODE if operation in _WITH_CODE else _WRONG_SIGN_IN
    return _ERRORS.get(code)


@contextlib.contextmanager
def ignoring(*codes: str) -> Iterator[None]:
    """Ignores Cognito's errors with these codes."""
    try:
        yield
    except clients.ClientError as error:
        if clients.error_code(error) not in codes:
            raise
