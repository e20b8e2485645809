"""The user pool: its client and the client's secret, and its refusals in words that tell nobody which addresses exist.

With the id of a client that has no secret, anyone can guess passwords and codes past our API, where none is counted.
So every call of ours proves that it knows the secret.
"""

import base64
import contextlib
import hmac
from collections.abc import Iterator
from typing import Any

from chalicelib.core import clients, config, log
from chalicelib.core.errors import (
    DarkroomError,
    InvalidRequestError,
    NotAuthenticatedError,
    PermissionDeniedError,
    TooManyRequestsError,
    UnavailableError,
)


def client() -> Any:
    return clients.client("cognito-idp")


def pool() -> str:
    return config.get("COGNITO_USER_POOL_ID")


def signed(username: str) -> dict[str, str]:
    """The arguments `ClientId` and `SecretHash` of a call about that user."""
    return {"ClientId": config.get("COGNITO_CLIENT_ID"), "SecretHash": secret_hash(username)}


def secret_hash(username: str) -> str:
    """Base64 of the HMAC-SHA256 of the user's name and the client's id under the client's secret.

    Amazon Cognito, Developer Guide: "Computing secret hash values".
    """
    text = username + config.get("COGNITO_CLIENT_ID")
    secret = config.get("COGNITO_CLIENT_SECRET")
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


_Refusal = tuple[type[DarkroomError], str]
_WRONG_CODE: _Refusal = InvalidRequestError, "The code is wrong or has expired."
_NO_SIGN_IN: _Refusal = NotAuthenticatedError, "The address or the password is wrong."
# What Cognito refuses, in words that tell nobody which addresses exist.
_COGNITO_ERRORS: dict[str, _Refusal] = {
    "CodeMismatchException": _WRONG_CODE,
    "RefreshTokenReuseException": _NO_SIGN_IN,
    "ExpiredCodeException": _WRONG_CODE,
    "UserNotConfirmedException": (PermissionDeniedError, "The address is not verified yet."),
    "PasswordResetRequiredException": (PermissionDeniedError, "The password must be reset first."),
    "InvalidPasswordException": (InvalidRequestError, "The password does not follow the rules."),
    "InvalidParameterException": (InvalidRequestError, "The request is not valid."),
    "TooManyRequestsException": (TooManyRequestsError, "Too many requests; try again later."),
    "TooManyFailedAttemptsException": (TooManyRequestsError, "Too many attempts; try again later."),
    "LimitExceededException": (TooManyRequestsError, "Too many attempts; try again later."),
}
# Of somebody unknown, or whose state does not allow it: refused as a wrong code, or a wrong password, would be.
_COGNITO_UNKNOWN = frozenset({"UserNotFoundException", "NotAuthorizedException", "AliasExistsException"})
_CHALLENGE_OPERATION = "RespondToAuthChallenge"
_OPERATIONS_WITH_CODE = frozenset({"ConfirmSignUp", "ConfirmForgotPassword"})


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Cognito's refusals as errors of ours."""
    try:
        yield
    except clients.ClientError as error:
        code = clients.error_code(error) or ""
        if code == "NotAuthorizedException" and "secret" in error.response["Error"].get("Message", "").lower():
            # It is we who are refused, not the caller. The secret that we hold may be the one before.
            log.error("CLIENT_SECRET_REFUSED", error, operation=error.operation_name)
            config.forget_parameters()
            raise UnavailableError from error
        kind: type[DarkroomError]
        if error.operation_name == _CHALLENGE_OPERATION and code in (
            "NotAuthorizedException",
            "ResourceNotFoundException",
        ):
            kind, message = NotAuthenticatedError, "The session or the answer is not valid."
        elif code in _COGNITO_UNKNOWN:
            kind, message = _WRONG_CODE if error.operation_name in _OPERATIONS_WITH_CODE else _NO_SIGN_IN
        elif code in _COGNITO_ERRORS:
            kind, message = _COGNITO_ERRORS[code]
        else:
            raise
        raise kind(message) from error


@contextlib.contextmanager
def quiet_about(*codes: str) -> Iterator[None]:
    try:
        yield
    except clients.ClientError as error:
        if clients.error_code(error) not in codes:
            raise
