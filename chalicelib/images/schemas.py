"""JSON Schemas of the routes of uploads and images."""

from chalicelib.core.http.operations import Answer
from chalicelib.core.schemas import TEXT, list_of, page_of, shape
from chalicelib.images.models import STATUS, Image

MAX_PAGE = 100

# Without a hyphen: in the key of a variant a hyphen ends the id, so no image's keys begin with another's.
IMAGE_ID = {"type": "string", "pattern": r"^[A-Za-z0-9_]{1,64}$", "maxLength": 64}
_VARIANT_NAME = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,80}$", "maxLength": 80}
GET = DELETE = REPROCESS = shape({"imageId": IMAGE_ID})
GET_VARIANT = shape({"imageId": IMAGE_ID, "name": _VARIANT_NAME})
REDIRECT = Answer(
    302,
    "The file is at `Location`: a link that works for a while without a token.",
    headers={
        "Location": {"type": "string", "format": "uri", "description": "The link to the file."},
        "Vary": {"const": "Accept", "description": "Another `Accept` may lead to another format."},
    },
)
LIST = list_of(MAX_PAGE, status=STATUS)
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
