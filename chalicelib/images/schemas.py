"""JSON Schemas of the routes of uploads and images."""

from chalicelib.core.schemas import DATE, TEXT, Schema, list_of, page_of, shape
from chalicelib.images.models import STATUS, Image

MAX_PAGE = 100
MAX_TITLE, MAX_TAG, MAX_TAGS = 200, 50, 20
DEFAULT_WAIT_SECONDS = 20
# API Gateway gives up after 29 seconds, and the API's function ends after 28 (.chalice/config.json).
MOST_WAIT_SECONDS = 24

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

VIEW = shape({"imageId": IMAGE_ID}, {"variant": {**_VARIANT_NAME, "description": "by default the smallest"}})
VIEWED = shape(
    {"imageId": TEXT, "variant": TEXT, "dimensions": TEXT, "fileSize": {"type": "integer"}, "mimeType": TEXT},
    {"data": {"type": "string", "description": "base64; over MCP it is the picture beside this"}},
)
_SECONDS = {"type": "integer", "minimum": 0, "maximum": MOST_WAIT_SECONDS}
WAIT = shape(
    {"imageId": IMAGE_ID}, {"seconds": {**_SECONDS, "description": f"by default {DEFAULT_WAIT_SECONDS}; 0 only looks"}}
)
WAITED = shape({"image": Image.schema(), "isFinished": {"type": "boolean"}, "nextStep": TEXT})

_FILE_NAME = {"type": "string", "minLength": 1, "maxLength": 1024}
_FILE_TYPE = {"type": "string", "minLength": 1, "maxLength": 100}
_LONGEST_URL = 2048
_NAME_AND_TYPE = {"fileName": _FILE_NAME, "fileType": _FILE_TYPE}
# What goes with none of the other fields that decide.
_NEVER: Schema = {"not": {}}

# With `if` and not `oneOf`: clients of language models refuse tools whose schema has that at its top.
CREATE = {
    **shape(
        {},
        {
            **_NAME_AND_TYPE,
            "sourceUrl": {
                "type": "string",
                "pattern": "^https?://.",
                "maxLength": _LONGEST_URL,
                "description": "Darkroom fetches the picture from this https URL; then it needs no other field",
            },
            "fileSize": {"type": "integer", "minimum": 0},
            "method": {"enum": ["PUT", "POST"]},
            "singleUse": {
                "type": "boolean",
                "description": "of a PUT: S3 takes the file once; a 412 after an attempt of one's own means 'sent'",
            },
        },
    ),
    "if": {"required": ["sourceUrl"]},
    "then": {"properties": dict.fromkeys(("fileSize", "method", "singleUse"), _NEVER)},
    "else": {"required": ["fileName", "fileType"]},
}

MAX_CONTENT_BYTES = 4 * 1024 * 1024
# Base64 has four characters for three bytes, and is filled up.
_MAX_CONTENT = -(-MAX_CONTENT_BYTES // 3) * 4
IMPORT = {
    **shape(
        {},
        {
            **_NAME_AND_TYPE,
            "sourceUrl": {
                "type": "string",
                "pattern": "^https://.",
                "maxLength": _LONGEST_URL,
                "description": "the https URL of the picture, which Darkroom fetches; or give `content`",
            },
            "content": {
                "type": "string",
                "contentEncoding": "base64",
                "minLength": 1,
                "maxLength": _MAX_CONTENT,
                "description": "the bytes in base64, at most 4 MiB decoded; larger files go by create_upload",
            },
        },
    ),
    "if": {"required": ["content"]},
    "then": {"properties": {"sourceUrl": _NEVER}},
    "else": {"required": ["sourceUrl"]},
}

IMPORTED = shape({"imageId": TEXT, "status": STATUS, "message": TEXT})
_FIELDS = {"type": "object", "additionalProperties": TEXT}
_ANNOUNCED = shape(
    {"imageId": TEXT, "fileKey": TEXT, "expiresIn": {"type": "integer"}, "method": TEXT, "uploadUrl": TEXT},
    {"headers": _FIELDS, "fields": _FIELDS},
)
# The presigned request; of a `sourceUrl`, how the import stands.
CREATED = {"type": "object", "anyOf": [_ANNOUNCED, IMPORTED]}
