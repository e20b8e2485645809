"""JSON Schemas of the routes of uploads and images."""

from chalicelib.core.schemas import DATE, TEXT, Schema, list_of, page_of, shape
from chalicelib.images.models import STATUS, Image

MAX_PAGE = 100
MAX_TITLE, MAX_TAG, MAX_TAGS = 200, 50, 20

# Without a hyphen: in the key of a variant a hyphen ends the id, so no image's keys begin with another's.
IMAGE_ID = {"type": "string", "pattern": r"^[A-Za-z0-9_]{1,64}$", "maxLength": 64}
_VARIANT_NAME = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,80}$", "maxLength": 80}
GET = DELETE = REPROCESS = shape({"imageId": IMAGE_ID})
GET_VARIANT = shape({"imageId": IMAGE_ID, "name": _VARIANT_NAME})
# One line with something to read in it: no control characters, and not of spaces alone.
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_LINE = {"pattern": rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"}
_TAG = {"type": "string", "maxLength": MAX_TAG, **_LINE}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
CHANGE = {
    **shape(
        {"imageId": IMAGE_ID},
        {
            "title": {"type": ["string", "null"], "maxLength": MAX_TITLE, **_LINE},
            "tags": {
                "type": ["array", "null"],
                "items": _TAG,
                "maxItems": MAX_TAGS,
                "description": "stored in lower case, each once",
            },
            "focalPoint": {
                **shape({"x": _SHARE, "y": _SHARE}),
                "type": ["object", "null"],
                "description": "what a crop keeps: shares of the upright picture's width and height, from the top left",
            },
        },
    ),
    "minProperties": 2,
}
_FILTERS: dict[str, Schema] = {
    "status": STATUS,
    "tag": {**_TAG, "description": "in any case"},
    "name": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TITLE,
        "description": "how the title or the file name begins, in any case",
    },
    "from": {**DATE, "description": "created on this day (UTC) or later"},
    "to": {**DATE, "description": "created on this day (UTC) or before"},
}
LIST = list_of(MAX_PAGE, **_FILTERS)
ONE = shape({"image": Image.schema()})
PAGE = page_of(Image.schema())

CREATE = shape(
    {
        "fileName": {"type": "string", "minLength": 1, "maxLength": 1024},
        "fileType": {"type": "string", "minLength": 1, "maxLength": 100},
    },
    {
        "fileSize": {"type": "integer", "minimum": 0},
        "method": {"enum": ["PUT", "POST"]},
        "singleUse": {
            "type": "boolean",
            "description": "of a PUT: S3 takes the file once; a 412 after an attempt of one's own means 'sent'",
        },
    },
)
_FIELDS = {"type": "object", "additionalProperties": TEXT}
CREATED = shape(
    {"imageId": TEXT, "fileKey": TEXT, "expiresIn": {"type": "integer"}, "method": TEXT, "uploadUrl": TEXT},
    {"headers": _FIELDS, "fields": _FIELDS},
)
