"""The JSON Schemas of the operations on API keys."""

from chalicelib.accounts.api_keys.models import ApiKey
from chalicelib.core.http import limits
from chalicelib.core.http.operations import APIAccessType
from chalicelib.core.schemas import TEXT, page_of, shape

_LONGEST_GRACE_SECONDS = 30 * 86_400

_KEY_ID = {"type": "string", "pattern": "^key_[0-9a-z]{26}$", "maxLength": 30}
CREATE = shape(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 100},
        "accessTypes": {
            "type": "array",
            "items": {"enum": [str(kind) for kind in APIAccessType]},
            "minItems": 1,
            "maxItems": len(APIAccessType),
            "uniqueItems": True,
        },
    },
    {
        "expiresAt": {
            "type": "string",
            "maxLength": 27,
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$",
        },
        "limits": limits.SCHEMA,
    },
)
ONE = shape({"keyId": _KEY_ID})
ROTATE = shape(
    {"keyId": _KEY_ID}, {"graceSeconds": {"type": "integer", "minimum": 0, "maximum": _LONGEST_GRACE_SECONDS}}
)

ISSUED = shape({"keyId": TEXT, "key": TEXT, "apiKey": ApiKey.schema()}, {"graceEnd": TEXT})
PAGE = page_of(ApiKey.schema())
