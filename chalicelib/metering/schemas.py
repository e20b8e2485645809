"""The JSON Schemas of the usage operations: requests, then responses."""

from typing import Any

from chalicelib.core.schemas import DATE, TEXT, list_of, page_of, shape

MAX_PAGE = 1000

_PERIOD = {"start": DATE, "end": DATE}
_USER_ID = {"type": "string", "minLength": 1, "maxLength": 100}
GET = shape({}, _PERIOD)
GET_ALL = list_of(MAX_PAGE, **_PERIOD, userId=_USER_ID, by={"enum": ["operation", "user"]})

SUMS = {
    "requests": {"type": "integer"},
    "failures": {"type": "integer"},
    "dollars": {"type": "number"},
    "milliseconds": {"type": "number"},
}


def _sums_by(name: str) -> dict[str, Any]:
    """The schema of a list of sums, one for each value of `name`."""
    return {"type": "array", "items": shape({name: TEXT, **SUMS})}


SUMMARY = shape(
    {
        "period": shape(_PERIOD),
        "totals": shape(SUMS),
        "images": {"type": "object", "additionalProperties": {"type": "integer"}},
        "byDay": _sums_by("day"),
        "byOperation": _sums_by("operation"),
        "byKey": _sums_by("keyId"),
    },
    {"storage": shape({"bytes": {"type": "integer"}, "limit": {"type": "integer"}})},
)
_DAYS_OF_USERS = page_of(shape({"day": DATE, "userId": TEXT, **SUMS}))
ALL_USAGE = {"type": "object", "anyOf": [SUMMARY, _DAYS_OF_USERS]}
