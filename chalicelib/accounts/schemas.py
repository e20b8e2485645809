"""What the account routes take, and what they give."""

from chalicelib.accounts.users import User, WebhookError
from chalicelib.core.schemas import EMAIL, TEXT, shape

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


SIGN_UP = shape({"email": EMAIL, "password": _PASSWORD}, {"name": _NAME})
VERIFY = shape({"email": EMAIL, "code": _CODE})
EMAIL_ONLY = shape({"email": EMAIL})
SIGN_IN = shape({"email": EMAIL, "password": _PASSWORD})
CHALLENGE = shape(
    {
        "challenge": {"enum": ["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"]},
        "session": _TOKEN,
        "answer": _PASSWORD,
    }
)
REFRESH = shape({"refreshToken": _TOKEN})
RESET_PASSWORD = shape({"email": EMAIL, "code": _CODE, "password": _PASSWORD})
CHANGE_PROFILE = {
    **shape(
        {},
        {
            "name": _NAME,
            "preferences": {"type": "object", "properties": {"webhook": _WEBHOOK}, "additionalProperties": False},
        },
    ),
    "minProperties": 1,
}

_COUNT = {"type": "integer"}
SIGNED_UP = shape({"message": TEXT, "userSub": TEXT})
ISSUED = shape({"accessToken": TEXT, "idToken": TEXT, "expiresIn": _COUNT, "tokenType": TEXT})
# Either the tokens, or the challenge that stands before them.
TOKENS_OR_CHALLENGE = {
    "type": "object",
    "anyOf": [
        shape({**ISSUED["properties"], "refreshToken": TEXT}),
        shape({"challenge": TEXT, "session": TEXT}),
    ],
}
CALLER = shape(
    {"user": shape({"userId": TEXT, "email": TEXT, "name": TEXT, "role": TEXT}), "claims": {"type": "object"}}
)
_WEBHOOK = shape({"lastError": {"anyOf": [{"type": "null"}, WebhookError.schema()]}})
PROFILE = shape({"profile": shape(User.schema()["properties"], {"webhookSecret": TEXT, "webhook": _WEBHOOK})})
