"""Sessions: sign-in, challenges, refreshed tokens, sign-out, and the caller behind a token."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib import api_keys, users
from chalicelib.accounts import cognito, passwords
from chalicelib.core import config, grants, records, tokens
from chalicelib.core.errors import InvalidRequestError, NotAuthenticatedError
from chalicelib.core.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.operations import Caller
from chalicelib.core.table import ConditionFailedError
from chalicelib.users import User

# Takes the id of a user who has proved to be one, where nobody knew at first.
Known = Callable[[str], None]


@required_env_vars(grants.of(api_keys.authenticate))
@required_env_vars(
    {
        "COGNITO_USER_POOL_ID": [],
        "COGNITO_CLIENT_ID": [],
        "JWKS_URL": [],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
    }
)
def authenticate(token: str) -> Caller:
    """The caller behind a bearer token: a user's access token, or an API key.

    Raises:
        NotAuthenticatedError: the token is not ours, has expired, or was signed out; its user is gone.
    """
    if token.startswith(api_keys.PREFIX):
        return api_keys.authenticate(token)
    claims = tokens.verify(token)
    user = users.find(claims["sub"])
    if user is None or claims["iat"] <= user.tokens_valid_from:
        raise NotAuthenticatedError
    return replace(user.as_caller(), claims=claims)


def sign_in(email: str, password: str, known: Known) -> dict[str, Any]:
    """Tokens, or the challenge that stands before them. `known` is told who it was that signed in."""
    email = email.lower()
    with cognito.translated():
        answer = cognito.client().initiate_auth(
            ClientId=config.get("COGNITO_CLIENT_ID"),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
        return _tokens_or_challenge(answer, email, known)


_CHALLENGE_ANSWERS = {"NEW_PASSWORD_REQUIRED": "NEW_PASSWORD", "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE"}


def answer_challenge(challenge: str, session: str, answer: str, known: Known) -> dict[str, Any]:
    """Tokens, or the next challenge. `session` is the one that the challenge came with; `known` as in `sign_in`."""
    if challenge == "NEW_PASSWORD_REQUIRED":
        passwords.check(answer)
    email, cognito_session = _unpacked(session)
    with cognito.translated():
        reply = cognito.client().respond_to_auth_challenge(
            ClientId=config.get("COGNITO_CLIENT_ID"),
            ChallengeName=challenge,
            Session=cognito_session,
            ChallengeResponses={"USERNAME": email, _CHALLENGE_ANSWERS[challenge]: answer},
        )
        return _tokens_or_challenge(reply, email, known)


def _unpacked(session: str) -> tuple[str, str]:
    name, _, cognito_session = session.partition(".")
    try:
        email = records.from_cursor(name)
    except InvalidRequestError:
        email = ""
    # Cognito's sessions have 20 characters and more (API reference, RespondToAuthChallenge).
    if not email or len(cognito_session) < 20:
        raise NotAuthenticatedError("The session is not valid.")
    return email, cognito_session


def _tokens_or_challenge(answer: Mapping[str, Any], email: str, known: Known) -> dict[str, Any]:
    if answer.get("ChallengeName"):
        # Cognito wants the name again with the answer; a client need not know that.
        return {"challenge": answer["ChallengeName"], "session": f"{records.to_cursor(email)}.{answer['Session']}"}
    result = answer["AuthenticationResult"]
    user = _user_of(result)
    known(user.id)
    issued = _issued(result)
    if _issued_at(result) <= user.tokens_valid_from:
        # Tokens know whole seconds only: one issued in the very second of a sign-out would be refused for life.
        time.sleep(1)
        issued = refresh(result["RefreshToken"])
    return {**issued, "refreshToken": result["RefreshToken"]}


def _issued_at(result: Mapping[str, Any]) -> int:
    return int(_claims(result["AccessToken"])["iat"])


def _user_of(result: Mapping[str, Any]) -> User:
    claims = _claims(result["IdToken"])
    return users.ensure(claims["sub"], claims["email"], claims.get("name", ""))


def _claims(token: str) -> dict[str, Any]:
    """What a token says that Cognito itself handed us, over TLS: there is nothing to prove about it."""
    # With the first token, as in core/tokens.py.
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


def refresh(refresh_token: str) -> dict[str, Any]:
    try:
        with cognito.translated():
            answer = cognito.client().initiate_auth(
                ClientId=config.get("COGNITO_CLIENT_ID"),
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": refresh_token},
            )
    except NotAuthenticatedError as error:
        raise NotAuthenticatedError("The refresh token is not valid.") from error
    return _issued(answer["AuthenticationResult"])


def sign_out(user: Caller) -> dict[str, Any]:
    """Ends every session of the caller."""
    end_all(user.id, user.claims["username"])
    return {"message": "You are signed out everywhere."}


def end_all(user_id: str, username: str) -> None:
    """Access tokens end by our own row, refresh tokens by Cognito."""
    with contextlib.suppress(ConditionFailedError):
        # Who never signed in has no row, and no tokens.
        users.refuse_tokens_before(user_id, int(time.time()))
    with cognito.translated():
        cognito.client().admin_user_global_sign_out(UserPoolId=config.get("COGNITO_USER_POOL_ID"), Username=username)


def describe(user: Caller) -> dict[str, Any]:
    """The caller as their token proves them."""
    known = {"userId": user.id, "email": user.email, "name": user.name, "role": user.role}
    shown = ("sub", "username", "client_id", "token_use", "scope", "auth_time", "iat", "exp", "iss")
    return {"user": known, "claims": {name: user.claims[name] for name in shown if name in user.claims}}
