"""JSON Schemas of a report's request and answer."""

from chalicelib.actions.reporting.models import FORMATS, ReportKind
from chalicelib.actions.schemas import TEXT_OR_NONE
from chalicelib.core.schemas import DATE, TEXT, shape
from chalicelib.metering.models import EVERY_USER, EVERYONE

_USER = {
    "type": "string",
    "pattern": r"^[\w-]{1,100}$",
    "maxLength": 100,
    # These are no user's id: they are the scopes of the sums of all users.
    "not": {"enum": [EVERYONE, EVERY_USER]},
    "description": "only what this user did",
}
_OPERATION = {
    "type": "string",
    "pattern": r"^\w{1,100}$",
    "maxLength": 100,
    "description": "only this operation; for usage, as images are not counted by operation",
}
_INACTIVE = {"type": "boolean", "description": "list days on which nothing happened as well (default: false)"}

REPORT = {
    **shape(
        {"reportType": {"enum": [str(kind) for kind in ReportKind]}, "dateRange": shape({"start": DATE, "end": DATE})},
        {
            "filters": shape({}, {"userId": _USER, "operation": _OPERATION, "includeInactive": _INACTIVE}),
            "formats": {
                "type": "array",
                "items": {"enum": list(FORMATS)},
                "minItems": 1,
                "maxItems": len(FORMATS),
                "uniqueItems": True,
                "description": "JSON is always made; the first one is what downloadUrl leads to",
            },
        },
    ),
    "if": {"properties": {"reportType": {"not": {"const": str(ReportKind.USAGE)}}}},
    "then": {"properties": {"filters": {"properties": {"operation": False}}}},
}
REPORTED = shape(
    {"reportId": TEXT, "downloadUrl": TEXT_OR_NONE, "message": TEXT, "status": TEXT},
    {
        "estimatedTime": TEXT_OR_NONE,
        "files": {
            "type": "array",
            "items": shape({"name": TEXT, "format": TEXT, "fileSize": {"type": "integer"}, "url": TEXT}),
        },
    },
)
