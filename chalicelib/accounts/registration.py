"""Registration: sign-up, proving the address, and the way back in for who forgot the password.

Whether an address is registered is nobody's business: sign-up, resend and forgot answer the same either way.
"""

import uuid
from typing import Any

from chalicelib.accounts import cognito, passwords, sessions
from chalicelib.core import config


def sign_up(email: str, password: str, name: str | None) -> dict[str, Any]:
    """Registers an address and has a code sent to it; `userSub` is the new user's id, or looks like one."""
    passwords.check(password)
    email = email.lower()
    attributes = {"email": email} | ({"name": name} if name else {})
    user_sub = str(uuid.uuid4())
    with cognito.translated(), cognito.quiet_about("UsernameExistsException"):
        answer = cognito.client().sign_up(
            ClientId=config.get("COGNITO_CLIENT_ID"),
            Username=email,
            Password=password,
            UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
        )
        user_sub = answer["UserSub"]
    return {"message": "A verification code is on its way to that address.", "userSub": user_sub}


def verify(email: str, code: str) -> dict[str, Any]:
    with cognito.translated():
        cognito.client().confirm_sign_up(
            ClientId=config.get("COGNITO_CLIENT_ID"), Username=email.lower(), ConfirmationCode=code
        )
    return {"message": "The address is verified; you can sign in."}


def resend(email: str) -> dict[str, Any]:
    with (
        cognito.translated(),
        cognito.quiet_about("UserNotFoundException", "InvalidParameterException", "NotAuthorizedException"),
    ):
        cognito.client().resend_confirmation_code(ClientId=config.get("COGNITO_CLIENT_ID"), Username=email.lower())
    return {"message": "If that address awaits verification, a new code is on its way."}


def forgot_password(email: str) -> dict[str, Any]:
    with (
        cognito.translated(),
        cognito.quiet_about("UserNotFoundException", "InvalidParameterException", "NotAuthorizedException"),
    ):
        cognito.client().forgot_password(ClientId=config.get("COGNITO_CLIENT_ID"), Username=email.lower())
    return {"message": "If that address has an account, a code to reset its password is on its way."}


def reset_password(email: str, code: str, password: str, known: sessions.Known) -> dict[str, Any]:
    """Changes the password, and ends every session: whoever knew the old one is out. `known` is told whose it was."""
    passwords.check(password)
    with cognito.translated():
        cognito.client().confirm_forgot_password(
            ClientId=config.get("COGNITO_CLIENT_ID"), Username=email.lower(), ConfirmationCode=code, Password=password
        )
        found = cognito.client().admin_get_user(UserPoolId=config.get("COGNITO_USER_POOL_ID"), Username=email.lower())
    subject = next(each["Value"] for each in found["UserAttributes"] if each["Name"] == "sub")
    known(subject)
    sessions.end_all(subject, found["Username"])
    return {"message": "The password is changed; you can sign in."}
