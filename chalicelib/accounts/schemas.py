"""The JSON Schemas of the account operations: requests, then responses."""

from typing import Any

from chalicelib.accounts.models import Role, User, WebhookError
from chalicelib.core.http import limits
from chalicelib.core.schemas import EMAIL, TEXT, TIME, described, list_of, page_of, says, shape, text

MAX_PAGE = 100

# Cognito takes passwords of up to 256 characters (AWS::Cognito::UserPool PasswordPolicy).
_PASSWORD = text(
    "12 characters or more, with a small letter, a capital one, a digit and a symbol.",
    "Correct-Horse-7",
    minLength=1,
    maxLength=256,
)
_CODE = text("The code from the e-mail.", "493027", minLength=1, maxLength=2048)
_TOKEN: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 8192}
_NAME = text("What to call the user.", "Ann", minLength=1, maxLength=200)
_USER_ID = text("The user's id.", "04080408-0001-7000-8a1f-3b5c7d9e1f20", minLength=1, maxLength=100)
_ROLE = {"enum": [str(role) for role in Role], **says("What the user is.", "USER")}
_FLAG = {"type": "boolean"}
_WEBHOOK = {
    **shape(
        {
            "url": text(
                "A public address that gets a signed request for each finished image.",
                "https://example.com/darkroom",
                pattern="^https?://[^\\s]+$",
                maxLength=2000,
            )
        }
    ),
    "type": ["object", "null"],
    **says("Who is told of finished images; null: nobody.", {"url": "https://example.com/darkroom"}),
}

SIGN_UP = shape({"email": EMAIL, "password": _PASSWORD}, {"name": _NAME})
VERIFY = shape({"email": EMAIL, "code": _CODE})
EMAIL_ONLY = shape({"email": EMAIL})
SIGN_IN = shape({"email": EMAIL, "password": _PASSWORD})
CHALLENGE = shape(
    {
        "challenge": {
            "enum": ["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"],
            **says("The challenge that is answered.", "SOFTWARE_TOKEN_MFA"),
        },
        "session": {**_TOKEN, **says("The `session` that came with it.", "YW5u.AYABeF8kJ2v5q3mN0p")},
        "answer": {**_PASSWORD, **says("The new password, or the authenticator's code.", "301846")},
    }
)
_REFRESH = says("What gets new tokens, for 30 days.", "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIn0")
REFRESH = shape({"refreshToken": {**_TOKEN, **_REFRESH}})
RESET_PASSWORD = shape({"email": EMAIL, "code": _CODE, "password": _PASSWORD})
_PREFERENCES = shape({}, {"webhook": _WEBHOOK})
CHANGE_PROFILE = {**shape({}, {"name": _NAME, "preferences": _PREFERENCES}), "minProperties": 1}
LIST_USERS = list_of(
    MAX_PAGE,
    role={**_ROLE, **says("Only users with this role; USER by default.", "ADMIN")},
    email={**EMAIL, **says("Only the user with this address.", "ann@example.com")},
)
_RIGHTS = {
    "role": _ROLE,
    "isActive": {**_FLAG, **says("Whether the account may be used.", True)},
    "canExportData": {**_FLAG, **says("Whether the user may export their data.", True)},
    "limits": {**limits.USER_SCHEMA, **says("All of the user's own limits; the stage's apply to what is not named.")},
}
CHANGE_RIGHTS = {**shape({"userId": _USER_ID}, _RIGHTS), "minProperties": 2}

SIGNED_UP = shape(
    {
        "message": text("What to do next.", "A verification code is on its way to that address."),
        "userSub": {**_USER_ID, **says("The new user's id.", *_USER_ID["examples"])},
    }
)
_JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIwNDA4MDQwOCJ9.c2lnbmF0dXJl"
ISSUED = shape(
    {
        "accessToken": text("What calls carry as `Authorization: Bearer`.", _JWT),
        "idToken": text("Who the user is, for the client alone.", _JWT),
        "expiresIn": {"type": "integer", **says("For how many seconds the access token is valid.", 3600)},
        "tokenType": text("How it is sent.", "Bearer"),
    }
)
# The tokens, or the challenge to answer first.
TOKENS_OR_CHALLENGE = {
    "type": "object",
    "anyOf": [
        shape({**ISSUED["properties"], "refreshToken": {**TEXT, **_REFRESH}}),
        shape(
            {
                "challenge": text("What is asked for.", "SOFTWARE_TOKEN_MFA"),
                "session": text("To be sent with the answer.", "YW5u.AYABeF8kJ2v5q3mN0p"),
            }
        ),
    ],
}
CALLER = shape(
    {
        "user": shape({"userId": _USER_ID, "email": EMAIL, "name": {**TEXT, **says("", "Ann")}, "role": _ROLE}),
        "claims": {"type": "object", **says("What the access token says; empty with an API key.")},
    }
)
_WEBHOOK_ERROR = described(
    WebhookError.schema(),
    "WebhookError",
    {
        "at": TIME,
        "message": says("Why it was not delivered.", "It answered 500."),
        "status": says("The status that it answered, if it did.", 500),
    },
)
_WEBHOOK_RESULT = shape(
    {
        "lastError": {
            "anyOf": [{"type": "null"}, _WEBHOOK_ERROR],
            **says("Why the last notification was not delivered; null after a success."),
        }
    }
)
_USER_WORDS = {
    "userId": says("The user's id.", *_USER_ID["examples"]),
    "email": says("The address of the account.", "ann@example.com"),
    "name": says("What to call the user.", "Ann"),
    "role": says("USER or ADMIN.", "USER"),
    "canExportData": says("Whether an administrator lets the user export their data."),
    "createdAt": TIME,
    "lastActionAt": says("When an action of the user last ended."),
}
_OWN = described(User.schema(), "Profile", {**_USER_WORDS, "preferences": says("As `PATCH` sets them.", {})})
_SECRET = text("What your webhook's signatures are made with.", "q1ZJ3x0mR5vUe8yL2sKd7wTn")
PROFILE = shape(
    {
        "profile": {
            **_OWN,
            "properties": {**_OWN["properties"], "webhookSecret": _SECRET, "webhook": _WEBHOOK_RESULT},
        }
    }
)
_USER = described(
    User.schema("admin"),
    "User",
    {
        **_USER_WORDS,
        "isActive": says("Whether the account may be used.", True),
        "limits": says("The user's own limits; the stage's apply to what is not named.", {"requestsPerMinute": 1200}),
    },
)
USER = shape({"user": _USER})
USERS_PAGE = page_of(_USER)
