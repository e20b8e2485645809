"""Proofs of who a user is: a password, and the answers to Cognito's challenges. Each try is made, and counted, here."""

import contextlib
from collections.abc import Mapping
from typing import Any

from chalicelib.accounts import cognito
from chalicelib.accounts.cognito import AddressNotVerifiedError, PasswordResetRequiredError
from chalicelib.core.aws.grants import CognitoOperation, required_env_vars
from chalicelib.core.errors import (
    InvalidRequestError,
    NotAuthenticatedError,
    PermissionDeniedError,
    TooManyRequestsError,
    WrongCodeError,
    raises,
)
from chalicelib.core.http import attempts
from chalicelib.core.http.attempts import AnonymousCaller
from chalicelib.core.settings import Settings

AUTHENTICATOR = "SOFTWARE_TOKEN_MFA"
_ANSWERS = {"NEW_PASSWORD_REQUIRED": "NEW_PASSWORD", AUTHENTICATOR: "SOFTWARE_TOKEN_MFA_CODE"}


@required_env_vars(
    attempts.password_attempt,
    {"COGNITO_CLIENT_ID": [CognitoOperation.INITIATE_AUTH], "COGNITO_CLIENT_SECRET": []},
)
@raises(NotAuthenticatedError, AddressNotVerifiedError, PasswordResetRequiredError, TooManyRequestsError)
def check_password(email: str, password: str, anonymous: AnonymousCaller) -> Mapping[str, Any]:
    """Cognito's response to the right password: tokens, or a challenge.

    Raises:
        NotAuthenticatedError: the address or the password is wrong.
        PermissionDeniedError: the address is not verified, or the password must be reset.
        TooManyRequestsError: too many wrong passwords.
    """
    with attempts.password_attempt(email, anonymous), cognito.translating_errors():
        response: Mapping[str, Any] = cognito.client().initiate_auth(
            ClientId=Settings.COGNITO_CLIENT_ID.get(),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password, "SECRET_HASH": cognito.secret_hash(email)},
        )
    return response


def is_password(email: str, password: str, anonymous: AnonymousCaller) -> bool:
    """Whether it is the user's password, even if a challenge follows.

    Raises:
        TooManyRequestsError: too many wrong passwords.
    """
    try:
        check_password(email, password, anonymous)
    except (NotAuthenticatedError, PermissionDeniedError):
        return False
    return True


@required_env_vars(
    attempts.code_attempt,
    {"COGNITO_CLIENT_ID": [CognitoOperation.RESPOND_TO_AUTH_CHALLENGE], "COGNITO_CLIENT_SECRET": []},
)
@raises(InvalidRequestError, NotAuthenticatedError, PasswordResetRequiredError, TooManyRequestsError, WrongCodeError)
def answer(
    challenge: str, username: str, cognito_session: str, proof: str, anonymous: AnonymousCaller
) -> Mapping[str, Any]:
    """Cognito's response to the answer to a challenge: tokens, or the next challenge. `username` is Cognito's own name.

    Raises:
        NotAuthenticatedError: the session is not valid any more, or is not for that challenge.
        WrongCodeError: the authenticator's code is wrong.
        TooManyRequestsError: too many wrong codes.
    """
    counted = attempts.code_attempt(username, anonymous) if challenge == AUTHENTICATOR else contextlib.nullcontext()
    with counted, cognito.translating_errors():
        response: Mapping[str, Any] = cognito.client().respond_to_auth_challenge(
            ClientId=Settings.COGNITO_CLIENT_ID.get(),
            ChallengeName=challenge,
            Session=cognito_session,
            ChallengeResponses={
                "USERNAME": username,
                "SECRET_HASH": cognito.secret_hash(username),
                _ANSWERS[challenge]: proof,
            },
        )
    return response


@required_env_vars(answer)
def check_code(response: Mapping[str, Any], code: str, anonymous: AnonymousCaller) -> None:
    """Checks a code against the challenge in Cognito's response to a password. The tokens that follow are dropped.

    Raises:
        WrongCodeError: the code is wrong.
        TooManyRequestsError: too many wrong codes.
    """
    username = str(response["ChallengeParameters"]["USER_ID_FOR_SRP"])
    answer(AUTHENTICATOR, username, response["Session"], code, anonymous)
