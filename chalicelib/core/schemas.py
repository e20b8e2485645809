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


def says(description: str, *examples: Any) -> dict[str, Any]:
    """The words of a schema: what its values are, and examples of them."""
    return {"description": description, **({"examples": list(examples)} if examples else {})}


def text(description: str, *examples: str, **rules: Any) -> dict[str, Any]:
    """The schema of a text."""
    return {"type": "string", **rules, **says(description, *examples)}


def described(schema: Mapping[str, Any], title: str, fields: Mapping[str, Schema]) -> dict[str, Any]:
    """An object's schema with a title, and with more said of its fields. The contract has it once, under its title.

    Raises:
        KeyError: it has no such field.
    """
    properties = dict(schema["properties"])
    for name, more in fields.items():
        properties[name] = {**properties[name], **more}
    return {"title": title, **schema, "properties": properties}


def page_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a list's page."""
    return shape({"items": {"type": "array", "items": item}, "nextCursor": NEXT_CURSOR})


def list_of(most: int, cursor: str = "aW1nXzAx", /, **filters: Schema) -> dict[str, Any]:
    """The schema of a request for a page of a list: `most` items at the most, with these filters.

    `cursor` is an example of one: it has the form of the list's keys.
    """
    limit = {"type": "integer", "minimum": 1, "maximum": most, **says("How many items a page has at the most.", 20)}
    return shape({}, {**filters, "limit": limit, "cursor": {**CURSOR, "examples": [cursor]}})


NEXT_CURSOR: Schema = {"type": ["string", "null"], **says("The `cursor` of the next page; null on the last one.")}
NO_PAYLOAD: Schema = shape({})
TEXT: Schema = {"type": "string"}
DATE: Schema = text("A day in UTC.", "2026-11-28", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", maxLength=10, format="date")
CURSOR: Schema = text("The `nextCursor` of the page before; without it, the first page.", minLength=1, maxLength=400)
MESSAGE: Schema = shape({"message": text("What was done, in a sentence.", "Done.")})
TIME = text("ISO 8601, UTC.", "2026-11-28T09:30:00.000Z")

# What Cognito and SES take of RFC 5321: ASCII; dots between the words of the local part only, no quotes, no
# spaces; labels that begin and end with a letter or digit. `$` alone lets a line break follow (Python's `re`).
_LOCAL_PART = r"(?!\.|[^@]*\.[.@])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = text(
    "An e-mail address.", "ann@example.com", pattern=rf"^{_LOCAL_PART}@{_LABEL}(?:\.{_LABEL})+$(?!\n)", maxLength=254
)
