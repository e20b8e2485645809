"""The JSON Schemas of the account operations: requests, then responses."""

from chalicelib.accounts.models import Role, User, WebhookError
from chalicelib.core.http import limits
from chalicelib.core.schemas import EMAIL, TEXT, list_of, page_of, shape

MAX_PAGE = 100

# Cognito takes passwords of up to 256 characters (AWS::Cognito::UserPool PasswordPolicy).
_PASSWORD = {"type": "string", "minLength": 1, "maxLength": 256}
_CODE = {"type": "string", "minLength": 1, "maxLength": 2048}
_TOKEN = {"type": "string", "minLength": 1, "maxLength": 8192}
_NAME = {"type": "string", "minLength": 1, "maxLength": 200}
_USER_ID = {"type": "string", "minLength": 1, "maxLength": 100}
_ROLE = {"enum": [str(role) for role in Role]}
_FLAG = {"type": "boolean"}
_WEBHOOK = {
    **shape({"url": {"type": "string", "pattern": "^https?://[^\\s]+$", "maxLength": 2000}}),
    "type": ["object", "null"],
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
_AUTHENTICATOR_CODE = {"type": "string", "pattern": "^[0-9]{6}$", "maxLength": 6}
CONFIRM_MFA = shape({"code": _AUTHENTICATOR_CODE})
TURN_OFF_MFA = shape({"password": _PASSWORD, "code": _AUTHENTICATOR_CODE})
ONE_USER = shape({"userId": _USER_ID})
REFRESH = shape({"refreshToken": _TOKEN})
RESET_PASSWORD = shape({"email": EMAIL, "code": _CODE, "password": _PASSWORD})
_PREFERENCES = shape({}, {"webhook": _WEBHOOK})
CHANGE_PROFILE = {**shape({}, {"name": _NAME, "preferences": _PREFERENCES}), "minProperties": 1}
LIST_USERS = list_of(MAX_PAGE, role=_ROLE, email=EMAIL)
_RIGHTS = {"role": _ROLE, "isActive": _FLAG, "canExportData": _FLAG, "limits": limits.USER_SCHEMA}
CHANGE_RIGHTS = {**shape({"userId": _USER_ID}, _RIGHTS), "minProperties": 2}

# What an authenticator app takes: the secret in base32, and an address that holds it with the account's name.
ENROLLED = shape({"secret": TEXT, "otpauthUri": TEXT})
SIGNED_UP = shape({"message": TEXT, "userSub": TEXT})
ISSUED = shape({"accessToken": TEXT, "idToken": TEXT, "expiresIn": {"type": "integer"}, "tokenType": TEXT})
# The tokens, or the challenge to answer first.
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
_WEBHOOK_RESULT = shape({"lastError": {"anyOf": [{"type": "null"}, WebhookError.schema()]}})
_OWN = {**User.schema()["properties"], "mfaEnabled": _FLAG}
PROFILE = shape({"profile": shape(_OWN, {"webhookSecret": TEXT, "webhook": _WEBHOOK_RESULT})})
USER = shape({"user": User.schema("admin")})
USERS_PAGE = page_of(User.schema("admin"))
