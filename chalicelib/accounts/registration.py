"""Registration: sign-up, proving the address, and the way back in for who forgot the password.

Whether an address is registered is nobody's business: sign-up, resend and forgot answer the same either way.
"""

from typing import Any

from chalicelib.accounts import cognito, made_up_ids, passwords, sessions
from chalicelib.core import clients
from chalicelib.core.aws.grants import CognitoOperation, DynamoDBOperation, required_env_vars
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.http import password_attempts
from chalicelib.core.http.password_attempts import AnonymousCaller


@required_env_vars(
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.SIGN_UP],
        "COGNITO_CLIENT_SECRET": [],
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_GET_USER],
    }
)
def sign_up(email: str, password: str, name: str | None) -> dict[str, Any]:
    """Registers an address and has a code sent to it; `userSub` is the new user's id, or looks like one."""
    passwords.check(password)
    email = email.lower()
    attributes = {"email": email} | ({"name": name} if name else {})
    with cognito.translated():
        try:
            user_sub = cognito.client().sign_up(
                **cognito.signed(email),
                Username=email,
                Password=password,
                UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
            )["UserSub"]
        except clients.ClientError as error:
            if clients.error_code(error) != "UsernameExistsException":
                raise
            user_sub = made_up_ids.made_up(like=_subject(email))
    return {"message": "A verification code is on its way to that address.", "userSub": user_sub}


def _subject(email: str) -> str:
    """The id of the account with that address; "" where there is none any more."""
    with cognito.quiet_about("UserNotFoundException"):
        found = cognito.client().admin_get_user(UserPoolId=cognito.pool(), Username=email)
        return next(str(each["Value"]) for each in found["UserAttributes"] if each["Name"] == "sub")
    return ""


@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.CONFIRM_SIGN_UP], "COGNITO_CLIENT_SECRET": []})
def verify(email: str, code: str) -> dict[str, Any]:
    with cognito.translated():
        cognito.client().confirm_sign_up(**cognito.signed(email.lower()), Username=email.lower(), ConfirmationCode=code)
    return {"message": "The address is verified; you can sign in."}


@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.RESEND_CONFIRMATION_CODE], "COGNITO_CLIENT_SECRET": []})
def resend(email: str) -> dict[str, Any]:
    with (
        cognito.translated(),
        cognito.quiet_about("UserNotFoundException", "InvalidParameterException", "NotAuthorizedException"),
    ):
        cognito.client().resend_confirmation_code(**cognito.signed(email.lower()), Username=email.lower())
    return {"message": "If that address awaits verification, a new code is on its way."}


@required_env_vars({"COGNITO_CLIENT_ID": [CognitoOperation.FORGOT_PASSWORD], "COGNITO_CLIENT_SECRET": []})
def forgot_password(email: str) -> dict[str, Any]:
    with (
        cognito.translated(),
        cognito.quiet_about("UserNotFoundException", "InvalidParameterException", "NotAuthorizedException"),
    ):
        cognito.client().forgot_password(**cognito.signed(email.lower()), Username=email.lower())
    return {"message": "If that address has an account, a code to reset its password is on its way."}


@required_env_vars(
    {
        "COGNITO_CLIENT_ID": [CognitoOperation.CONFIRM_FORGOT_PASSWORD, CognitoOperation.INITIATE_AUTH],
        "COGNITO_CLIENT_SECRET": [],
        "COGNITO_USER_POOL_ID": [CognitoOperation.ADMIN_GET_USER, CognitoOperation.ADMIN_USER_GLOBAL_SIGN_OUT],
        "USERS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
    }
)
@required_env_vars(password_attempts.NEEDS)
def reset_password(
    email: str, code: str, password: str, anonymous: AnonymousCaller, known: sessions.Known
) -> dict[str, Any]:
    """Changes the password, and ends every session, so that the old one opens nothing. `known` is told whose it was.

    Sent again, it finishes a reset that was cut off after the password had been changed.
    """
    passwords.check(password)
    email = email.lower()
    with cognito.translated():
        _change_password(email, code, password, anonymous)
        found = cognito.client().admin_get_user(UserPoolId=cognito.pool(), Username=email)
    subject = next(each["Value"] for each in found["UserAttributes"] if each["Name"] == "sub")
    known(subject)
    sessions.end_all(subject, found["Username"])
    return {"message": "The password is changed; you can sign in."}


def _change_password(email: str, code: str, password: str, anonymous: AnonymousCaller) -> None:
    try:
        with cognito.translated():
            cognito.client().confirm_forgot_password(
                **cognito.signed(email), Username=email, ConfirmationCode=code, Password=password
            )
    except InvalidRequestError:
        # A code serves once. Who has the password already may end the sessions that an earlier try left alive: it
        # proves as much as the code did, and a wrong one counts as a wrong password.
        if not sessions.is_password(email, password, anonymous):
            raise
