"""The JSON Schemas of the usage operations: requests, then responses."""

from typing import Any

from chalicelib.core.http import limits, standings
from chalicelib.core.schemas import DATE, Schema, list_of, page_of, says, shape, text

MAX_PAGE = 1000

_PERIOD = {"start": DATE, "end": DATE}
_WANTED = {
    "start": {**DATE, **says("The first day; 29 days before the last one by default.", "2026-11-01")},
    "end": {**DATE, **says("The last day; today by default. A period has at most 366.", "2026-11-28")},
}
_USER_ID = text("Only what this user did.", "04080408-0001-7000-8a1f-3b5c7d9e1f20", minLength=1, maxLength=100)
_BY = {"enum": ["operation", "user"], **says("`user` lists the days of users, in pages.", "operation")}
GET = shape({}, _WANTED)
GET_ALL = list_of(MAX_PAGE, **_WANTED, userId=_USER_ID, by=_BY)

SUMS = {
    "requests": {"type": "integer", **says("Runs.", 412)},
    "failures": {"type": "integer", **says("Those that failed.", 3)},
    "dollars": {"type": "number", **says("What they cost at Lambda's prices.", 0.00173)},
    "milliseconds": {"type": "number", **says("How long they took.", 18_230.5)},
}

_STANDING = {"title": "Standing", **standings.SCHEMA}


def _sums_by(name: str, value: Schema) -> dict[str, Any]:
    """The schema of a list of sums, one for each value of `name`."""
    return {"type": "array", "items": shape({name: value, **SUMS})}


SUMMARY = shape(
    {
        "period": shape(_PERIOD),
        "totals": shape(SUMS),
        "images": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            **says("How many images reached each status.", {"COMPLETED": 87, "FAILED": 2}),
        },
        "byDay": _sums_by("day", DATE),
        "byOperation": _sums_by("operation", text("The operation.", "create_upload")),
        "byKey": _sums_by("keyId", text("The API key.", "key_01kb4z7q0m8w2r5t6v9x3c1d4e")),
    },
    {
        "storage": shape(
            {
                "bytes": {"type": "integer", **says("What your images take now.", 128_340_771)},
                "limit": {"type": "integer", **says("What they may take.", 10_737_418_240)},
            }
        ),
        "limits": {
            **shape(dict.fromkeys(limits.USER_SCHEMA["properties"], _STANDING)),
            **says("Your limits, this request counted. With an API key, the key's own where they leave less."),
        },
    },
)
_DAYS_OF_USERS = page_of(shape({"day": DATE, "userId": _USER_ID, **SUMS}))
ALL_USAGE = {"type": "object", "anyOf": [SUMMARY, _DAYS_OF_USERS]}
