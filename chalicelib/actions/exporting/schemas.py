"""JSON Schemas of an export's request and answer."""

from chalicelib.actions.exporting import build, contents
from chalicelib.actions.models import Status
from chalicelib.actions.schemas import TEXT_OR_NONE
from chalicelib.core.schemas import EMAIL, TEXT, shape

EXPORT = shape(
    {
        "dataTypes": {
            "type": "array",
            "items": {"enum": list(contents.DATA_TYPES)},
            "minItems": 1,
            "maxItems": len(contents.DATA_TYPES),
            "uniqueItems": True,
        },
        "format": {"enum": list(build.FORMATS)},
    },
    {"email": EMAIL},
)
EXPORTED = shape(
    {
        "exportId": TEXT,
        "deliveryMethod": {"enum": ["download", "email"]},
        "message": TEXT,
        "status": {"enum": [str(status) for status in Status]},
    },
    {"downloadUrl": TEXT_OR_NONE, "estimatedTime": TEXT_OR_NONE},
)
