"""The user pool: its client, and its refusals in words that tell nobody which addresses exist."""

import contextlib
from collections.abc import Iterator
from typing import Any

from chalicelib.core import aws
from chalicelib.core.errors import (
    DarkroomError,
    InvalidRequestError,
    NotAuthenticatedError,
    PermissionDeniedError,
    TooManyRequestsError,
)


def client() -> Any:
    return aws.client("cognito-idp")


_Refusal = tuple[type[DarkroomError], str]
_WRONG_CODE: _Refusal = InvalidRequestError, "The code is wrong or has expired."
_NO_SIGN_IN: _Refusal = NotAuthenticatedError, "The address or the password is wrong."
# What Cognito refuses, in words that tell nobody which addresses exist.
_COGNITO_ERRORS: dict[str, _Refusal] = {
    "CodeMismatchException": _WRONG_CODE,
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
    except aws.ClientError as error:
        code = aws.error_code(error) or ""
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
    except aws.ClientError as error:
        if aws.error_code(error) not in codes:
            raise
