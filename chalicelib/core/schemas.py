"""Parts of JSON Schemas that several wings use."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def shape(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The schema of an object with all required fields, optional ones, and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def page_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a list's page."""
    return shape({"items": {"type": "array", "items": item}, "nextCursor": {"type": ["string", "null"]}})


def list_of(most: int, **filters: Schema) -> dict[str, Any]:
    """The schema of a request for a page of a list: `most` items at the most, with these filters."""
    limit = {"type": "integer", "minimum": 1, "maximum": most}
    return shape({}, {**filters, "limit": limit, "cursor": CURSOR})


NO_PAYLOAD: Schema = shape({})
TEXT: Schema = {"type": "string"}
DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$", "maxLength": 10, "description": "a day in UTC"}
CURSOR: Schema = {"type": "string", "minLength": 1, "maxLength": 400}
MESSAGE: Schema = shape({"message": TEXT})

# What Cognito and SES take of RFC 5321: ASCII; dots between the words of the local part only, no quotes, no
# spaces; labels that begin and end with a letter or digit. `$` alone lets a line break follow (Python's `re`).
_LOCAL_PART = r"(?!\.|[^@]*\.[.@])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = {"type": "string", "pattern": rf"^{_LOCAL_PART}@{_LABEL}(?:\.{_LABEL})+$(?!\n)", "maxLength": 254}
