"""The JSON Schemas of the operations on API keys."""

from chalicelib.accounts.api_keys.models import ApiKey
from chalicelib.core.http import limits
from chalicelib.core.http.operations import APIAccessType
from chalicelib.core.schemas import TIME, described, page_of, says, shape, text

_LONGEST_GRACE_SECONDS = 30 * 86_400

_KEY_ID = text("The key's id.", "key_01kb4z7q0m8w2r5t6v9x3c1d4e", pattern="^key_[0-9a-z]{26}$", maxLength=30)
_OPENS = says("What the key opens.", ["file_upload"])
CREATE = shape(
    {
        "name": text("What you call the key.", "uploader", minLength=1, maxLength=100),
        "accessTypes": {
            "type": "array",
            "items": {"enum": [str(kind) for kind in APIAccessType]},
            "minItems": 1,
            "maxItems": len(APIAccessType),
            "uniqueItems": True,
            **_OPENS,
        },
    },
    {
        "expiresAt": text(
            "Until when it works, in UTC; without it, until you revoke it.",
            "2030-01-01T00:00:00Z",
            maxLength=27,
            pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6})?Z$",
        ),
        "limits": {**limits.SCHEMA, **says("The key's own limits, beside its owner's.", {"requestsPerMinute": 60})},
    },
)
ONE = shape({"keyId": _KEY_ID})
ROTATE = shape(
    {"keyId": _KEY_ID},
    {
        "graceSeconds": {
            "type": "integer",
            "minimum": 0,
            "maximum": _LONGEST_GRACE_SECONDS,
            **says("For how long the present secret still works; one day by default.", 86_400),
        }
    },
)

_KEY = described(
    ApiKey.schema(),
    "ApiKey",
    {
        "keyId": says("The key's id.", *_KEY_ID["examples"]),
        "name": says("What you call it.", "uploader"),
        "accessTypes": _OPENS,
        "limits": says("Its own limits.", {"requestsPerMinute": 60}),
        "createdAt": TIME,
        "expiresAt": says("Until when it works; null: until you revoke it."),
        "lastUsedAt": says("When it was last used, to the minute."),
    },
)
ISSUED = shape(
    {"keyId": _KEY_ID, "key": text("The secret. It is shown in this answer alone.", "drk_example"), "apiKey": _KEY},
    {"graceEnd": text("Until when the replaced secret works.", "2026-11-29T09:30:00.000Z")},
)
PAGE = page_of(_KEY)
