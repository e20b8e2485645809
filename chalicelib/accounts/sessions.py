"""Sessions: sign-in, challenges, refreshed tokens, sign-out, and the caller behind a token."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.accounts import api_keys, cognito, passwords, proofs
from chalicelib.accounts.models import User, ensure_user, find_user, refuse_tokens_before
from chalicelib.core import ids
from chalicelib.core.aws.grants import CognitoOperation, DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError
from chalicelib.core.errors import (
    AccountNotActiveError,
    InvalidRequestError,
    NotAuthenticatedError,
    UnavailableError,
    raises,
)
from chalicelib.core.http import tokens
from chalicelib.core.http.attempts import AnonymousCaller
from chalicelib.core.http.operations import Caller
from chalicelib.core.settings import Settings

# Called with the user's id once an anonymous caller has proved who they are.
OnIdentified = Callable[[str], None]

# Amazon Cognito, API reference, RespondToAuthChallenge.
_SHORTEST_SESSION = 20
_NOT_REFRESHED = "The refresh token is not valid."


@required_env_vars(
    api_keys.authenticate,
    {
        "COGNITO_USER_POOL_ID": [],
        "COGNITO_CLIENT_ID": [],
        "COGNITO_FORMER_CLIENT_ID": [],
        "JWKS_URL": [],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
    },
)
@raises(NotAuthenticatedError, UnavailableError)
def authenticate(token: str) -> Caller:
    """The caller behind a bearer token: a user's access token, or an API key.

    Raises:
        NotAuthenticatedError: the token is not ours, has expired, or was signed out; or its user is gone.
    """
    if token.startswith(api_keys.PREFIX):
        return api_keys.authenticate(token)
    claims = tokens.verify(token)
    user = find_user(claims["sub"])
    if user is None or claims["iat"] <= user.tokens_valid_from:
        raise NotAuthenticatedError
    return replace(user.as_caller(), claims=claims)


# --------------------------------------------------------------------- sign-in and challenges


@required_env_vars(
    proofs.check_password,
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.GET_TOKENS_FROM_REFRESH_TOKEN],
        "COGNITO_CLIENT_SECRET": [],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM],
    },
)
@raises(AccountNotActiveError)
def sign_in(email: str, password: str, anonymous: AnonymousCaller, on_identified: OnIdentified) -> dict[str, Any]:
    """Tokens, or the challenge to answer first.

    Raises:
        NotAuthenticatedError: the address or the password is wrong.
        PermissionDeniedError: the address is not verified, the password must be reset, or the account is not active.
        TooManyRequestsError: too many wrong passwords.
    """
    email = email.lower()
    with cognito.translating_errors():
        return _tokens_or_challenge(proofs.check_password(email, password, anonymous), email, on_identified)


@required_env_vars(
    proofs.answer,
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.GET_TOKENS_FROM_REFRESH_TOKEN],
        "COGNITO_CLIENT_SECRET": [],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.PUT_ITEM],
    },
)
@raises(InvalidRequestError, AccountNotActiveError)
def answer_challenge(
    challenge: str, session: str, answer: str, anonymous: AnonymousCaller, on_identified: OnIdentified
) -> dict[str, Any]:
    """Tokens, or the next challenge. `session` is the one that came with the challenge.

    Raises:
        NotAuthenticatedError: the session is not valid any more, or is not for that challenge.
        WrongCodeError: the authenticator's code is wrong; the session takes another one.
        TooManyRequestsError: too many wrong codes.
    """
    username, cognito_session = _unpack_session(session)
    if not username:
        raise NotAuthenticatedError("The session is not valid.")
    if challenge == "NEW_PASSWORD_REQUIRED":
        passwords.check(answer)
    with cognito.translating_errors():
        response = proofs.answer(challenge, username, cognito_session, answer, anonymous)
        return _tokens_or_challenge(response, username, on_identified)


def user_of_session(session: str) -> str:
    """The user whose challenge it is, as the session says; "" if it names none. Unproved: Cognito checks it."""
    return _unpack_session(session)[0]


def _pack_session(username: str, cognito_session: str) -> str:
    return f"{ids.to_cursor(username)}.{cognito_session}"


def _unpack_session(session: str) -> tuple[str, str]:
    """The user's name and Cognito's session; two empty texts if it is not one of our sessions."""
    cursor, _, cognito_session = session.partition(".")
    try:
        username = str(ids.from_cursor(cursor))
    except InvalidRequestError:
        username = ""
    return (username, cognito_session) if username and len(cognito_session) >= _SHORTEST_SESSION else ("", "")


def _tokens_or_challenge(response: Mapping[str, Any], username: str, on_identified: OnIdentified) -> dict[str, Any]:
    if response.get("ChallengeName"):
        # The answer to a challenge must name the user by Cognito's own name; it refuses the address.
        username = response.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP", username)
        return {"challenge": response["ChallengeName"], "session": _pack_session(username, response["Session"])}
    result = response["AuthenticationResult"]
    claims = _claims(result["IdToken"])
    user = ensure_user(claims["sub"], claims["email"], claims.get("name", ""))
    on_identified(user.id)
    _refuse_inactive(user)
    refresh_token = result["RefreshToken"]
    if _claims(result["AccessToken"])["iat"] <= user.tokens_valid_from:
        # `iat` is in whole seconds: a token issued in the second of a sign-out would never be accepted.
        time.sleep(1)
        result = _refreshed(refresh_token)
    return {**_issued(result), "refreshToken": refresh_token}


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token that Cognito has just issued to us over TLS: its signature need not be verified."""
    # Imported with the first token, as in core/http/tokens.py.
    import jwt

    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def _issued(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "accessToken": result["AccessToken"],
        "idToken": result["IdToken"],
        "expiresIn": result["ExpiresIn"],
        "tokenType": result["TokenType"],
    }


def _refuse_inactive(user: User) -> None:
    if not user.is_active:
        raise AccountNotActiveError


# ------------------------------------------------------------------------------------ refresh


@required_env_vars(
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.GET_TOKENS_FROM_REFRESH_TOKEN],
        "COGNITO_CLIENT_SECRET": [],
        "COGNITO_FORMER_CLIENT_ID": [CognitoOperation.INITIATE_AUTH],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
    }
)
@raises(NotAuthenticatedError, AccountNotActiveError)
def refresh_tokens(refresh_token: str) -> dict[str, Any]:
    """New tokens for a refresh token, which is valid for 30 days.

    Raises:
        NotAuthenticatedError: the refresh token has expired, was revoked, or is not ours.
        PermissionDeniedError: the account is not active.
    """
    result = _refreshed(refresh_token)
    user = find_user(_claims(result["AccessToken"])["sub"])
    if user is None:
        raise NotAuthenticatedError(_NOT_REFRESHED)
    _refuse_inactive(user)
    return _issued(result)


def _refreshed(refresh_token: str) -> Mapping[str, Any]:
    """Cognito's result for a refresh token of the app client, or of the stage's former one."""
    try:
        with cognito.translating_errors():
            response = cognito.client().get_tokens_from_refresh_token(
                RefreshToken=refresh_token,
                ClientId=Settings.COGNITO_CLIENT_ID.get(),
                ClientSecret=Settings.COGNITO_CLIENT_SECRET.get(),
            )
    except NotAuthenticatedError as error:
        response = _refresh_by_former_client(refresh_token)
        if response is None:
            raise NotAuthenticatedError(_NOT_REFRESHED) from error
    result: Mapping[str, Any] = response["AuthenticationResult"]
    return result


def _refresh_by_former_client(refresh_token: str) -> Mapping[str, Any] | None:
    """Cognito's response to the client without a secret, whose tokens live 30 days beyond an upgrade; None if refused.

    None also if the stage has no such client, or an operator has deleted it.
    """
    former = Settings.COGNITO_FORMER_CLIENT_ID.get()
    if not former:
        return None
    with (
        contextlib.suppress(NotAuthenticatedError),
        cognito.translating_errors(),
        cognito.ignoring("ResourceNotFoundException"),
    ):
        response: Mapping[str, Any] = cognito.client().initiate_auth(
            ClientId=former, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": refresh_token}
        )
        return response
    return None


# ----------------------------------------------------------------------------------- sign-out


@required_env_vars(
    {
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_USER_GLOBAL_SIGN_OUT],
        "USERS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
    }
)
def sign_out(user: Caller) -> dict[str, Any]:
    """Ends every session of the caller. The same request again finishes a sign-out that was cut off."""
    end_all(user.id, user.claims["username"])
    return {"message": "You are signed out everywhere."}


def end_all(user_id: str, username: str) -> None:
    """Ends the refresh tokens (in Cognito), then the access tokens (in our row).

    The row comes last: until then the caller's access token works for another try, and no refresh token can open a new
    session meanwhile.
    """
    with cognito.translating_errors():
        cognito.client().admin_user_global_sign_out(UserPoolId=cognito.pool_id(), Username=username)
    # A user who never signed in has no row, and no tokens.
    with contextlib.suppress(ConditionFailedError):
        refuse_tokens_before(user_id, int(time.time()))
