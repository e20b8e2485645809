"""Sessions: sign-in, challenges, refreshed tokens, sign-out, and the caller behind a token."""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.accounts import api_keys, cognito, passwords, users
from chalicelib.accounts.users import User
from chalicelib.core import config, ids
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError
from chalicelib.core.errors import InvalidRequestError, NotAuthenticatedError, PermissionDeniedError
from chalicelib.core.http import password_attempts, tokens
from chalicelib.core.http.operations import Caller
from chalicelib.core.http.password_attempts import AnonymousCaller

# Takes the id of a user who has proved to be one, where nobody knew at first.
Known = Callable[[str], None]


@required_env_vars(grants.of(api_keys.authenticate))
@required_env_vars(
    {
        "COGNITO_USER_POOL_ID": [],
        "COGNITO_CLIENT_ID": [],
        "COGNITO_FORMER_CLIENT_ID": [],
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


def sign_in(email: str, password: str, anonymous: AnonymousCaller, known: Known) -> dict[str, Any]:
    """Tokens, or the challenge that stands before them. `known` is told who it was that signed in.

    Raises:
        NotAuthenticatedError: the address or the password is wrong.
        PermissionDeniedError: the address is not verified, the password must be reset, or the account is not active.
        TooManyRequestsError: the password was wrong too often.
    """
    email = email.lower()
    with cognito.translated():
        return _tokens_or_challenge(_proved(email, password, anonymous), email, known)


def is_password(email: str, password: str, anonymous: AnonymousCaller) -> bool:
    """Whether Cognito takes that password of that user, be it for tokens or for a challenge.

    Raises:
        TooManyRequestsError: the password was wrong too often.
    """
    try:
        _proved(email, password, anonymous)
    except (NotAuthenticatedError, PermissionDeniedError):
        return False
    return True


def _proved(email: str, password: str, anonymous: AnonymousCaller) -> Mapping[str, Any]:
    """Cognito's answer to the right password. Every try at a password is made, and counted, here."""
    with password_attempts.password_attempt(email, anonymous), cognito.translated():
        answer: Mapping[str, Any] = cognito.client().initiate_auth(
            ClientId=config.get("COGNITO_CLIENT_ID"),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password, "SECRET_HASH": cognito.secret_hash(email)},
        )
    return answer


_CHALLENGE_ANSWERS = {"NEW_PASSWORD_REQUIRED": "NEW_PASSWORD", "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE"}


def answer_challenge(challenge: str, session: str, answer: str, known: Known) -> dict[str, Any]:
    """Tokens, or the next challenge. `session` is the one that the challenge came with; `known` as in `sign_in`."""
    if challenge == "NEW_PASSWORD_REQUIRED":
        passwords.check(answer)
    username, cognito_session = _unpacked(session)
    if not username:
        raise NotAuthenticatedError("The session is not valid.")
    with cognito.translated():
        reply = cognito.client().respond_to_auth_challenge(
            ClientId=config.get("COGNITO_CLIENT_ID"),
            ChallengeName=challenge,
            Session=cognito_session,
            ChallengeResponses={
                "USERNAME": username,
                "SECRET_HASH": cognito.secret_hash(username),
                _CHALLENGE_ANSWERS[challenge]: answer,
            },
        )
        return _tokens_or_challenge(reply, username, known)


def challenged(session: str) -> str:
    """Whose challenge a session is, as it says itself; "" where it says nothing. What it says is proved by Cognito."""
    return _unpacked(session)[0]


def _unpacked(session: str) -> tuple[str, str]:
    """The user's name and Cognito's own session; two empty texts where it is no session of ours."""
    name, _, cognito_session = session.partition(".")
    try:
        username = str(ids.from_cursor(name))
    except InvalidRequestError:
        username = ""
    # Cognito's sessions have 20 characters and more (API reference, RespondToAuthChallenge).
    return (username, cognito_session) if username and len(cognito_session) >= 20 else ("", "")


def _tokens_or_challenge(answer: Mapping[str, Any], username: str, known: Known) -> dict[str, Any]:
    if answer.get("ChallengeName"):
        # Cognito wants a name again with the answer, and its own one: an address is refused there.
        username = answer.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP", username)
        return {"challenge": answer["ChallengeName"], "session": f"{ids.to_cursor(username)}.{answer['Session']}"}
    result = answer["AuthenticationResult"]
    user = _user_of(result)
    known(user.id)
    _refuse_inactive(user)
    issued = _issued(result)
    if _issued_at(result) <= user.tokens_valid_from:
        # Tokens know whole seconds only: one issued in the very second of a sign-out would be refused for life.
        time.sleep(1)
        issued = _issued(_renewed(result["RefreshToken"]))
    return {**issued, "refreshToken": result["RefreshToken"]}


def _issued_at(result: Mapping[str, Any]) -> int:
    return int(_claims(result["AccessToken"])["iat"])


def _user_of(result: Mapping[str, Any]) -> User:
    claims = _claims(result["IdToken"])
    return users.ensure(claims["sub"], claims["email"], claims.get("name", ""))


def _claims(token: str) -> dict[str, Any]:
    """What a token says that Cognito itself handed us, over TLS: there is nothing to prove about it."""
    # With the first token, as in core/http/tokens.py.
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
        raise PermissionDeniedError("User account is not active")


def refresh(refresh_token: str) -> dict[str, Any]:
    """New tokens, by a refresh token that is good for 30 days.

    Raises:
        NotAuthenticatedError: it has ended, was revoked, or is not ours.
        PermissionDeniedError: the account is not active.
    """
    result = _renewed(refresh_token)
    user = users.find(_claims(result["AccessToken"])["sub"])
    if user is None:
        raise NotAuthenticatedError(_NOT_REFRESHED)
    _refuse_inactive(user)
    return _issued(result)


_NOT_REFRESHED = "The refresh token is not valid."


def _renewed(refresh_token: str) -> Mapping[str, Any]:
    """Cognito's result for a refresh token, of the client or of the one that the stage had before."""
    try:
        with cognito.translated():
            answer: Mapping[str, Any] = cognito.client().get_tokens_from_refresh_token(
                RefreshToken=refresh_token,
                ClientId=config.get("COGNITO_CLIENT_ID"),
                ClientSecret=config.get("COGNITO_CLIENT_SECRET"),
            )
    except NotAuthenticatedError as error:
        former = config.get("COGNITO_FORMER_CLIENT_ID")
        if not former:
            raise NotAuthenticatedError(_NOT_REFRESHED) from error
        answer = _renewed_by(former, refresh_token)
    result: Mapping[str, Any] = answer["AuthenticationResult"]
    return result


def _renewed_by(former: str, refresh_token: str) -> Mapping[str, Any]:
    """The same of the client without a secret, whose refresh tokens outlive an upgrade by 30 days."""
    try:
        with cognito.translated(), cognito.quiet_about("ResourceNotFoundException"):
            answer: Mapping[str, Any] = cognito.client().initiate_auth(
                ClientId=former, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": refresh_token}
            )
            return answer
    except NotAuthenticatedError as error:
        raise NotAuthenticatedError(_NOT_REFRESHED) from error
    # An operator has taken that client away already.
    raise NotAuthenticatedError(_NOT_REFRESHED)


def sign_out(user: Caller) -> dict[str, Any]:
    """Ends every session of the caller. Sent again, it finishes what was cut off."""
    end_all(user.id, user.claims["username"])
    return {"message": "You are signed out everywhere."}


def end_all(user_id: str, username: str) -> None:
    """Ends refresh tokens by Cognito, then access tokens by our own row.

    The row is last: until it is written, the caller's access token is good for another try, and no refresh token is
    left that could open new sessions meanwhile.
    """
    with cognito.translated():
        cognito.client().admin_user_global_sign_out(UserPoolId=cognito.pool(), Username=username)
    with contextlib.suppress(ConditionFailedError):
        # Who never signed in has no row, and no tokens.
        users.refuse_tokens_before(user_id, int(time.time()))


def describe(user: Caller) -> dict[str, Any]:
    """The caller as their token proves them."""
    known = {"userId": user.id, "email": user.email, "name": user.name, "role": user.role}
    shown = ("sub", "username", "token_use", "scope", "auth_time", "iat", "exp", "iss")
    return {"user": known, "claims": {name: user.claims[name] for name in shown if name in user.claims}}
