"""JSON Schemas of an export's request and answer."""

from chalicelib.actions.exporting import build, contents
from chalicelib.actions.schemas import ACTION_ID, ESTIMATE, RESULT_URL, STATUS
from chalicelib.core.schemas import EMAIL, says, shape, text

EXPORT = shape(
    {
        "dataTypes": {
            "type": "array",
            "items": {"enum": list(contents.DATA_TYPES)},
            "minItems": 1,
            "maxItems": len(contents.DATA_TYPES),
            "uniqueItems": True,
            **says("What to export.", ["profile", "files"]),
        },
        "format": {"enum": list(build.FORMATS), **says("CSV comes as a ZIP archive, a file a table.", "json")},
    },
    {"email": {**EMAIL, **says("Send a link to this address instead of answering with it.", "ann@example.com")}},
)
EXPORTED = shape(
    {
        "exportId": ACTION_ID,
        "deliveryMethod": {"enum": ["download", "email"], **says("How it reaches you.", "download")},
        "message": text("How it stands.", "The export is ready."),
        "status": STATUS,
    },
    {"downloadUrl": RESULT_URL, "estimatedTime": ESTIMATE},
)
