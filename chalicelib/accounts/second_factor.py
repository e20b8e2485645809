"""The second factor: the codes of an authenticator app. Cognito keeps its secret, asks for codes, and checks them.

Whether it is on is known to Cognito alone. The calls here are made with the user's own access token, except for an
administrator's.
"""

from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.accounts import cognito, proofs
from chalicelib.accounts.models import UserNotFoundError, user_exists
from chalicelib.core import clients
from chalicelib.core.aws.grants import CognitoOperation, DynamoDBOperation, required_env_vars
from chalicelib.core.errors import (
    ConflictError,
    NotAuthenticatedError,
    PermissionDeniedError,
    UnavailableError,
    WrongCodeError,
    raises,
)
from chalicelib.core.http.attempts import AnonymousCaller
from chalicelib.core.http.operations import Caller
from chalicelib.core.settings import Settings

# How authenticators make Cognito's codes (Amazon Cognito, Developer Guide: "TOTP software token MFA").
_CODES = {"algorithm": "SHA1", "digits": "6", "period": "30"}


class MfaEnabledError(ConflictError):
    code, message = "MFA_ENABLED", "The second factor is on. Turn it off before you enrol another authenticator."


class MfaNotEnabledError(ConflictError):
    code, message = "MFA_NOT_ENABLED", "The second factor is not on."


class MfaNotEnrolledError(ConflictError):
    code, message = "MFA_NOT_ENROLLED", "There is no authenticator to confirm; enrol one first."


class OwnSecondFactorError(ConflictError):
    message = "You cannot reset your own second factor; another administrator can."


class WrongPasswordError(PermissionDeniedError):
    code, message = "WRONG_PASSWORD", "The password is wrong."


def is_enabled(token: str) -> bool:
    """Whether signing in asks the token's user for a code.

    Raises:
        NotAuthenticatedError: Cognito does not accept the token.
    """
    with cognito.translating_errors():
        return proofs.AUTHENTICATOR in cognito.client().get_user(AccessToken=token).get("UserMFASettingList", ())


@required_env_vars({"SERVICE_NAME": [], "STAGE": []})
@raises(MfaEnabledError, UnavailableError)
def enrol(user: Caller, token: str) -> dict[str, Any]:
    """A new secret for an authenticator, which has no effect until `confirm`. Nothing else ever shows it.

    Raises:
        MfaEnabledError: the second factor is on.
    """
    _refuse_if_enabled(token)
    with cognito.translating_errors():
        secret = str(cognito.client().associate_software_token(AccessToken=token)["SecretCode"])
    issuer = f"{Settings.SERVICE_NAME.get()}-{Settings.STAGE.get()}"
    return {"secret": secret, "otpauthUri": _otpauth_uri(issuer, user.email, secret)}


def _otpauth_uri(issuer: str, account: str, secret: str) -> str:
    """What authenticators read, mostly as a QR code (google-authenticator wiki: "Key URI Format")."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer, **_CODES}, quote_via=quote)}"


@raises(MfaEnabledError, MfaNotEnrolledError, WrongCodeError)
def confirm(token: str, code: str) -> dict[str, Any]:
    """From now on signing in asks for a code of the enrolled authenticator; sessions and refresh tokens stay valid.

    Raises:
        MfaEnabledError: the second factor is on.
        MfaNotEnrolledError: no authenticator was enrolled.
        WrongCodeError: it is no present code of the authenticator.
    """
    _refuse_if_enabled(token)
    with cognito.translating_errors():
        try:
            cognito.client().verify_software_token(AccessToken=token, UserCode=code)
        except clients.ClientError as error:
            if clients.error_code(error) != "SoftwareTokenMFANotFoundException":
                raise
            raise MfaNotEnrolledError from error
    _set(token, on=True)
    return {"message": "The second factor is on. Signing in asks for a code of your authenticator."}


@required_env_vars(proofs.check_password, proofs.check_code)
@raises(MfaNotEnabledError, WrongPasswordError)
def turn_off(user: Caller, token: str, password: str, code: str, anonymous: AnonymousCaller) -> dict[str, Any]:
    """Signing in asks for no code any more. It takes both factors, so that a stolen token is not enough.

    Raises:
        MfaNotEnabledError: the second factor is not on.
        WrongPasswordError, WrongCodeError: one of the two is wrong.
        TooManyRequestsError: too many wrong passwords or codes.
    """
    try:
        response = proofs.check_password(user.email, password, anonymous)
    except NotAuthenticatedError as error:
        raise WrongPasswordError from error
    if response.get("ChallengeName") != proofs.AUTHENTICATOR:
        raise MfaNotEnabledError
    proofs.check_code(response, code, anonymous)
    _set(token, on=False)
    return {"message": "The second factor is off."}


def _refuse_if_enabled(token: str) -> None:
    if is_enabled(token):
        raise MfaEnabledError


def _set(token: str, *, on: bool) -> None:
    with cognito.translating_errors():
        cognito.client().set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings=_preference(on=on))


def _preference(*, on: bool) -> dict[str, bool]:
    return {"Enabled": on, "PreferredMfa": on}


@required_env_vars(
    {
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_SET_USER_MFA_PREFERENCE],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
    }
)
@raises(OwnSecondFactorError, UserNotFoundError)
def reset(admin: Caller, user_id: str) -> dict[str, Any]:
    """Turns off the second factor of a user who has lost the authenticator. It may be off already.

    Raises:
        OwnSecondFactorError: administrators would turn off their own without a code.
        UserNotFoundError: no user has that id.
    """
    if user_id == admin.id:
        raise OwnSecondFactorError
    if not user_exists(user_id):
        raise UserNotFoundError
    turn_off_without_proof(user_id)
    return {"message": "The user's second factor is off."}


def turn_off_without_proof(user_id: str) -> None:
    """For operators: signing in asks that user for no code any more. Nothing changes if it asked for none.

    Raises:
        UserNotFoundError: Cognito has no such user.
    """
    with cognito.translating_errors():
        try:
            cognito.client().admin_set_user_mfa_preference(
                UserPoolId=cognito.pool_id(), Username=user_id, SoftwareTokenMfaSettings=_preference(on=False)
            )
        except clients.ClientError as error:
            if clients.error_code(error) != "UserNotFoundException":
                raise
            raise UserNotFoundError from error
