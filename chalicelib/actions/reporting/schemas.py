"""JSON Schemas of a report's request and answer."""

from chalicelib.actions.reporting.models import FORMATS, ReportKind
from chalicelib.actions.schemas import ACTION_ID, ESTIMATE, FILE_URL, RESULT_URL, STATUS
from chalicelib.core.schemas import DATE, says, shape, text
from chalicelib.metering.models import EVERY_USER, EVERYONE

_USER = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{1,100}$",
    "maxLength": 100,
    # These are no user's id: they are the scopes of the sums of all users.
    "not": {"enum": [EVERYONE, EVERY_USER]},
    **says("Only what this user did.", "04080408-0001-7000-8a1f-3b5c7d9e1f20"),
}
_OPERATION = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_]{1,100}$",
    "maxLength": 100,
    **says("Only this operation; for usage, as images are not counted by operation.", "create_upload"),
}
_INACTIVE = {"type": "boolean", **says("List days on which nothing happened as well; they are left out by default.")}

REPORT = {
    **shape(
        {
            "reportType": {"enum": [str(kind) for kind in ReportKind], **says("What it is about.", "usage")},
            "dateRange": {
                **shape({"start": DATE, "end": DATE}),
                **says("The days, both included; at most 366.", {"start": "2026-11-01", "end": "2026-11-28"}),
            },
        },
        {
            "filters": shape({}, {"userId": _USER, "operation": _OPERATION, "includeInactive": _INACTIVE}),
            "formats": {
                "type": "array",
                "items": {"enum": list(FORMATS)},
                "minItems": 1,
                "maxItems": len(FORMATS),
                "uniqueItems": True,
                **says("JSON is always made. `downloadUrl` leads to the first one.", ["pdf"]),
            },
        },
    ),
    "if": {"properties": {"reportType": {"not": {"const": str(ReportKind.USAGE)}}}},
    "then": {"properties": {"filters": {"properties": {"operation": False}}}},
}
REPORTED = shape(
    {
        "reportId": ACTION_ID,
        "downloadUrl": RESULT_URL,
        "message": text("How it stands.", "The report is ready."),
        "status": STATUS,
    },
    {
        "estimatedTime": ESTIMATE,
        "files": {
            "type": "array",
            "items": shape(
                {
                    "name": text("What it is saved as.", "usage-2026-11-01-to-2026-11-28.pdf"),
                    "format": {"enum": list(FORMATS), **says("Its format.", "pdf")},
                    "fileSize": {"type": "integer", **says("Bytes.", 48_120)},
                    "url": text("A link to it, for an hour at the most.", FILE_URL),
                }
            ),
            **says("Its files, one for each format."),
        },
    },
)
