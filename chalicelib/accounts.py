"""Accounts: sign-up to erasure on Cognito, sign-in, and telling a caller by their access token.

Whether an address is registered is nobody's business: sign-up, resend and forgot answer the same either way.
"""

import contextlib
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jwt

from chalicelib import api_keys, external, images, users
from chalicelib.core import aws, config, grants, log, records, tokens
from chalicelib.core.access import Caller
from chalicelib.core.errors import (
    DarkroomError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    TooManyRequestsError,
)
from chalicelib.core.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.table import ConditionFailedError
from chalicelib.users import User

# What Cognito takes of RFC 5321: ASCII, no quotes, no spaces.
_EMAIL = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$",
    "maxLength": 254,
}
# Cognito takes passwords of up to 256 characters (AWS::Cognito::UserPool PasswordPolicy).
_PASSWORD = {"type": "string", "minLength": 1, "maxLength": 256}
_CODE = {"type": "string", "minLength": 1, "maxLength": 2048}
_TOKEN = {"type": "string", "minLength": 1, "maxLength": 8192}
_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_WEBHOOK = {
    "type": ["object", "null"],
    "properties": {"url": {"type": "string", "pattern": "^https?://[^\\s]+$", "maxLength": 2000}},
    "required": ["url"],
    "additionalProperties": False,
}


def _schema(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


SIGN_UP = _schema({"email": _EMAIL, "password": _PASSWORD}, {"name": _NAME})
VERIFY = _schema({"email": _EMAIL, "code": _CODE})
EMAIL_ONLY = _schema({"email": _EMAIL})
SIGN_IN = _schema({"email": _EMAIL, "password": _PASSWORD})
CHALLENGE = _schema(
    {
        "challenge": {"enum": ["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"]},
        "session": _TOKEN,
        "answer": _PASSWORD,
    }
)
REFRESH = _schema({"refreshToken": _TOKEN})
RESET_PASSWORD = _schema({"email": _EMAIL, "code": _CODE, "password": _PASSWORD})
CHANGE_PROFILE = {
    **_schema(
        {},
        {
            "name": _NAME,
            "preferences": {"type": "object", "properties": {"webhook": _WEBHOOK}, "additionalProperties": False},
        },
    ),
    "minProperties": 1,
}

# The user pool's own rules (infra/resources.yaml), held here first so that a weak password
# is refused alike whether or not the address is taken.
_PASSWORD_RULES = {
    r".{10}": "at least 10 characters",
    r"[a-z]": "a small letter",
    r"[A-Z]": "a capital letter",
    r"[0-9]": "a digit",
    r"[\^$*.\[\]{}()?\"!@#%&/\\,><':;|_~`=+-]": "a symbol",
}


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
        PermissionDeniedError: its user has been switched off.
    """
    if token.startswith(api_keys.PREFIX):
        return api_keys.authenticate(token)
    claims = tokens.verify(token)
    user = users.find(claims["sub"])
    if user is None or claims["iat"] <= user.tokens_valid_from:
        raise NotAuthenticatedError
    return replace(user.as_caller(), claims=claims)


def sign_up(email: str, password: str, name: str | None) -> dict[str, Any]:
    """Registers an address and has a code sent to it; `userSub` is the new user's id, or looks like one."""
    _check_password(password)
    email = email.lower()
    attributes = {"email": email} | ({"name": name} if name else {})
    user_sub = str(uuid.uuid4())
    with _translated(), _quiet_about("UsernameExistsException"):
        answer = _cognito().sign_up(
            ClientId=config.get("COGNITO_CLIENT_ID"),
            Username=email,
            Password=password,
            UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
        )
        user_sub = answer["UserSub"]
    return {"message": "A verification code is on its way to that address.", "userSub": user_sub}


def verify(email: str, code: str) -> dict[str, Any]:
    with _translated():
        _cognito().confirm_sign_up(
            ClientId=config.get("COGNITO_CLIENT_ID"), Username=email.lower(), ConfirmationCode=code
        )
    return {"message": "The address is verified; you can sign in."}


def resend(email: str) -> dict[str, Any]:
    with _translated(), _quiet_about("UserNotFoundException", "InvalidParameterException", "NotAuthorizedException"):
        _cognito().resend_confirmation_code(ClientId=config.get("COGNITO_CLIENT_ID"), Username=email.lower())
    return {"message": "If that address awaits verification, a new code is on its way."}


def sign_in(email: str, password: str) -> dict[str, Any]:
    """Tokens, or the challenge that stands before them."""
    email = email.lower()
    with _translated():
        answer = _cognito().initiate_auth(
            ClientId=config.get("COGNITO_CLIENT_ID"),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
        return _tokens_or_challenge(answer, email)


_CHALLENGE_ANSWERS = {"NEW_PASSWORD_REQUIRED": "NEW_PASSWORD", "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE"}


def answer_challenge(challenge: str, session: str, answer: str) -> dict[str, Any]:
    """Tokens, or the next challenge. `session` is the one that the challenge came with."""
    if challenge == "NEW_PASSWORD_REQUIRED":
        _check_password(answer)
    email, cognito_session = _unpacked(session)
    with _translated():
        reply = _cognito().respond_to_auth_challenge(
            ClientId=config.get("COGNITO_CLIENT_ID"),
            ChallengeName=challenge,
            Session=cognito_session,
            ChallengeResponses={"USERNAME": email, _CHALLENGE_ANSWERS[challenge]: answer},
        )
        return _tokens_or_challenge(reply, email)


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


def _tokens_or_challenge(answer: Mapping[str, Any], email: str) -> dict[str, Any]:
    if answer.get("ChallengeName"):
        # Cognito wants the name again with the answer; a client need not know that.
        return {"challenge": answer["ChallengeName"], "session": f"{records.to_cursor(email)}.{answer['Session']}"}
    result = answer["AuthenticationResult"]
    user = _user_of(result)
    issued = _issued(result)
    if _issued_at(result) <= user.tokens_valid_from:
        # Tokens know whole seconds only: one issued in the very second of a sign-out would be refused for life.
        time.sleep(1)
        issued = refresh(result["RefreshToken"])
    return {**issued, "refreshToken": result["RefreshToken"]}


def _issued_at(result: Mapping[str, Any]) -> int:
    return int(jwt.decode(result["AccessToken"], options={"verify_signature": False})["iat"])


def _user_of(result: Mapping[str, Any]) -> User:
    # Cognito handed us this token itself, over TLS: there is nothing to prove about it.
    claims = jwt.decode(result["IdToken"], options={"verify_signature": False})
    return users.ensure(claims["sub"], claims["email"], claims.get("name", ""))


def _issued(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "accessToken": result["AccessToken"],
        "idToken": result["IdToken"],
        "expiresIn": result["ExpiresIn"],
        "tokenType": result["TokenType"],
    }


def refresh(refresh_token: str) -> dict[str, Any]:
    try:
        with _translated():
            answer = _cognito().initiate_auth(
                ClientId=config.get("COGNITO_CLIENT_ID"),
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": refresh_token},
            )
    except NotAuthenticatedError as error:
        raise NotAuthenticatedError("The refresh token is not valid.") from error
    return _issued(answer["AuthenticationResult"])


def forgot_password(email: str) -> dict[str, Any]:
    with _translated(), _quiet_about("UserNotFoundException", "InvalidParameterException", "NotAuthorizedException"):
        _cognito().forgot_password(ClientId=config.get("COGNITO_CLIENT_ID"), Username=email.lower())
    return {"message": "If that address has an account, a code to reset its password is on its way."}


def reset_password(email: str, code: str, password: str) -> dict[str, Any]:
    """Changes the password, and ends every session: whoever knew the old one is out."""
    _check_password(password)
    with _translated():
        _cognito().confirm_forgot_password(
            ClientId=config.get("COGNITO_CLIENT_ID"), Username=email.lower(), ConfirmationCode=code, Password=password
        )
        found = _cognito().admin_get_user(UserPoolId=config.get("COGNITO_USER_POOL_ID"), Username=email.lower())
    subject = next(each["Value"] for each in found["UserAttributes"] if each["Name"] == "sub")
    _end_sessions(subject, found["Username"])
    return {"message": "The password is changed; you can sign in."}


def sign_out(user: Caller) -> dict[str, Any]:
    """Ends every session of the caller."""
    _end_sessions(user.id, user.claims["username"])
    return {"message": "You are signed out everywhere."}


def _end_sessions(user_id: str, username: str) -> None:
    """Access tokens end by our own row, refresh tokens by Cognito."""
    with contextlib.suppress(ConditionFailedError):
        # Who never signed in has no row, and no tokens.
        users.refuse_tokens_before(user_id, int(time.time()))
    with _translated():
        _cognito().admin_user_global_sign_out(UserPoolId=config.get("COGNITO_USER_POOL_ID"), Username=username)


def describe(user: Caller) -> dict[str, Any]:
    """The caller as their token proves them."""
    known = {"userId": user.id, "email": user.email, "name": user.name, "role": user.role}
    shown = ("sub", "username", "client_id", "token_use", "scope", "auth_time", "iat", "exp", "iss")
    return {"user": known, "claims": {name: user.claims[name] for name in shown if name in user.claims}}


def profile(user: Caller) -> dict[str, Any]:
    return {"profile": _own_row(user).profile()}


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


def erase(user: Caller) -> dict[str, Any]:
    """Erases the account and what it owns; the row goes last, so that a cut-off erasure can be asked for again."""
    images.erase_all(user.id)
    api_keys.erase_all(user.id)
    with _translated(), _quiet_about("UserNotFoundException"):
        _cognito().admin_delete_user(UserPoolId=config.get("COGNITO_USER_POOL_ID"), Username=user.claims["username"])
    users.delete(user.id)
    log.info("ACCOUNT_ERASED", userId=user.id)
    return {"message": "The account and all it owned are erased."}


def _check_password(password: str) -> None:
    lacking = [wording for pattern, wording in _PASSWORD_RULES.items() if not re.search(pattern, password)]
    if lacking:
        raise InvalidRequestError(details=[{"field": "password", "message": f"must have {', '.join(lacking)}"}])


def _cognito() -> Any:
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
def _translated() -> Iterator[None]:
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
def _quiet_about(*codes: str) -> Iterator[None]:
    try:
        yield
    except aws.ClientError as error:
        if aws.error_code(error) not in codes:
            raise
