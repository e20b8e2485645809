"""JSON Schemas of the routes of uploads and images."""

from chalicelib.core.http.operations import Answer
from chalicelib.core.image_values import OUTPUTS
from chalicelib.core.presets.values import DEFAULT
from chalicelib.core.schemas import DATE, TEXT, TIME, Schema, described, list_of, page_of, says, shape, text
from chalicelib.images.models import STATUS, Image, Variant
from chalicelib.images.preset_schemas import OTHER_PRESET, PRESET

MAX_PAGE = 100
MAX_TITLE, MAX_TAG, MAX_TAGS = 200, 50, 20
_LINK = "https://darkroom-example.s3.amazonaws.com/img_01kb4z7q0m8w2r5t6v9x3c1d4e?X-Amz-Signature=5f2b"
DEFAULT_WAIT_SECONDS = 20
# API Gateway gives up after 29 seconds, and the API's function ends after 28 (.chalice/config.json).
MOST_WAIT_SECONDS = 24

# Without a hyphen: in the key of a variant a hyphen ends the id, so no image's keys begin with another's.
IMAGE_ID = text("The image's id.", "img_01kb4z7q0m8w2r5t6v9x3c1d4e", pattern="^[A-Za-z0-9_]{1,64}$", maxLength=64)
_VARIANT_NAME = text(
    "`small`, `medium` or `large`, or what the image's preset calls it, each also `-watermarked`.",
    "medium-watermarked",
    pattern="^[A-Za-z0-9_-]{1,80}$",
    maxLength=80,
)
_VARIANT = described(
    Variant.schema(),
    "Variant",
    {
        "size": says("What the variant is called, without its mark.", "medium"),
        "dimensions": says("Width and height in pixels.", "800x533"),
        "format": says("The file's format.", "jpeg"),
        "s3Key": says("Where the file is stored.", "processed/4f1c/img_01kb4z7q0m8w2r5t6v9x3c1d4e-medium.jpg"),
        "fileSize": says("Bytes.", 84_213),
        "watermarked": says("Whether it bears the watermark."),
        "name": says("Its name in `GET /images/{imageId}/variants/{name}`.", "medium"),
        "frames": says("How many pictures it shows one after the other: more than 1 if it is animated.", 1),
        "quality": says("The quality that was found by measurement; null if the preset names one.", 72),
        "url": {"format": "uri", **says("A link to the file, for an hour at the most.", _LINK)},
    },
)
_IMAGE = described(
    Image.schema(),
    "Image",
    {
        "imageId": says("The image's id.", *IMAGE_ID["examples"]),
        "fileName": says("As it was announced.", "holiday.jpg"),
        "fileType": says("The media type of the original.", "image/jpeg"),
        "fileSize": says("Bytes of the original; null until it is known.", 1_843_200),
        "status": says("It goes from PENDING by UPLOADED and PROCESSING to COMPLETED or FAILED.", "COMPLETED"),
        "reason": says("Why it FAILED; while it is PROCESSING, why it is tried again later. Else null."),
        "lastFailure": says("Of an image whose variants exist: why they could not be made anew. Null once they are."),
        "lastFailureAt": says("When that was.", "2026-11-29T10:12:31.006Z"),
        "metadata": says(
            "What was found in the file: `width`, `height`, `format`, `colorSpace`, `frames`; once it is processed, "
            "its `thumbHash` (base64) and `dominantColor` (null if it is transparent). Older images lack the last two.",
            {"width": 4000, "height": 2667, "format": "JPEG", "dominantColor": "#3a6b8c"},
        ),
        "placeholder": says("A tiny picture, as a data URL, to show while the variants load."),
        "preset": says("The preset by which its variants are made.", DEFAULT),
        "createdAt": TIME,
        "uploadedAt": says("When its file arrived.", "2026-11-28T09:30:04.120Z"),
        "processedAt": says("When its variants were finished.", "2026-11-28T09:30:07.480Z"),
        "lastActionAt": says("When an action of yours last used it."),
        "title": says("What you call it; null if you have not said.", "Evening at the lake"),
        "tags": says("Your tags.", ["lake", "2026"]),
        "focalPoint": says("What a crop keeps, as shares of width and height.", {"x": 0.5, "y": 0.33}),
        "variants": {
            "items": _VARIANT,
            **says("The finished files, until there are others; none at first."),
        },
    },
)
GET = DELETE = shape({"imageId": IMAGE_ID})
REPROCESS = shape({"imageId": IMAGE_ID}, {"preset": OTHER_PRESET})
GET_VARIANT = shape({"imageId": IMAGE_ID, "name": _VARIANT_NAME})
DOWNLOAD = shape(
    {"imageId": IMAGE_ID},
    {
        "variant": {**_VARIANT_NAME, **says("The variant to save; without it the original.", "medium")},
        "format": {
            "enum": list(OUTPUTS),
            **says("The variant's format; without it the first that there is.", "jpeg"),
        },
    },
)
DOWNLOADED = shape(
    {
        "url": text("A link that saves the file, without a token.", _LINK, format="uri"),
        "fileName": text("The name that it is saved under.", "holiday-medium.jpg"),
        "fileSize": {"type": "integer", **says("Its bytes.", 84_213)},
        "expiresIn": {"type": "integer", **says("For how many seconds the link works, at the most.", 3600)},
    }
)
REDIRECT = Answer(
    302,
    "The file is at `Location`: a link that works for a while without a token.",
    headers={
        "Location": {"type": "string", "format": "uri", "description": "The link to the file."},
        "Vary": {"const": "Accept", "description": "Another `Accept` may lead to another format."},
    },
)
# One line with something to read in it: no control characters, and not of spaces alone.
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_LINE = {"pattern": rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"}
_TAG = {"type": "string", "maxLength": MAX_TAG, **_LINE}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
CHANGE = {
    **shape(
        {"imageId": IMAGE_ID},
        {
            "title": {
                "type": ["string", "null"],
                "maxLength": MAX_TITLE,
                **_LINE,
                **says("What its owner calls it.", "Evening at the lake"),
            },
            "tags": {
                "type": ["array", "null"],
                "items": _TAG,
                "maxItems": MAX_TAGS,
                **says("Stored in lower case, each once.", ["lake", "2026"]),
            },
            "focalPoint": {
                **shape({"x": _SHARE, "y": _SHARE}),
                "type": ["object", "null"],
                **says(
                    "What a crop keeps: shares of the upright picture's width and height, from the top left.",
                    {"x": 0.5, "y": 0.33},
                ),
            },
        },
    ),
    "minProperties": 2,
}
_FILTERS: dict[str, Schema] = {
    "status": {**STATUS, **says("Only images with this status.", "COMPLETED")},
    "tag": {**_TAG, **says("Only images with this tag, in any case.", "lake")},
    "name": text("How the title or the file name begins, in any case.", "holiday", minLength=1, maxLength=MAX_TITLE),
    "from": {**DATE, **says("Created on this day (UTC) or later.", "2026-11-01")},
    "to": {**DATE, **says("Created on this day (UTC) or before.", "2026-11-28")},
}
LIST = list_of(MAX_PAGE, **_FILTERS)
ONE = shape({"image": _IMAGE})
PAGE = page_of(_IMAGE)

_VARIANT_SHOWN = {**_VARIANT_NAME, **says("Which variant; the smallest, if it is left out.", "small")}
VIEW = shape({"imageId": IMAGE_ID}, {"variant": _VARIANT_SHOWN})
VIEWED = shape(
    {
        "imageId": IMAGE_ID,
        "variant": text("The variant's name.", "small"),
        "dimensions": text("Width and height in pixels.", "800x533"),
        "fileSize": {"type": "integer", **says("Bytes.", 84_213)},
        "mimeType": text("The file's media type.", "image/jpeg"),
    },
    {"data": text("The file in base64; over MCP it is the picture beside this.")},
)
_SECONDS = {
    "type": "integer",
    "minimum": 0,
    "maximum": MOST_WAIT_SECONDS,
    **says(f"How long to wait at the most; {DEFAULT_WAIT_SECONDS} if it is left out. 0 only looks."),
}
WAIT = shape({"imageId": IMAGE_ID}, {"seconds": _SECONDS})
WAITED = shape(
    {
        "image": _IMAGE,
        "isFinished": {"type": "boolean", **says("Whether it is COMPLETED or FAILED.", True)},
        "nextStep": text("What to do next, in a sentence.", "Call view_image to see it."),
    }
)

_FILE_NAME = text("What the file is called.", "holiday.jpg", minLength=1, maxLength=1024)
_FILE_TYPE = text("Its media type.", "image/jpeg", minLength=1, maxLength=100)
_LONGEST_URL = 2048
_NAME_AND_TYPE = {"fileName": _FILE_NAME, "fileType": _FILE_TYPE}
# What goes with none of the other fields that decide.
_NEVER: Schema = {"not": {}}


def _has(*fields: str) -> Schema:
    """An object has these fields, whatever they are."""
    return {"properties": {field: {} for field in fields}, "required": list(fields)}


_SOURCE_URL = "https://pictures.example.com/holiday.jpg"

# With `if` and not `oneOf`: clients of language models refuse tools whose schema has that at its top.
CREATE = {
    **shape(
        {},
        {
            "fileName": {**_FILE_NAME, "description": "What the file is called. With `sourceUrl` it may be left out."},
            "fileType": {**_FILE_TYPE, "description": "Its media type. With `sourceUrl` it may be left out."},
            "sourceUrl": text(
                "Darkroom fetches the picture from this https URL; then no other field is needed.",
                pattern="^https?://.",
                maxLength=_LONGEST_URL,
            ),
            "preset": PRESET,
            "fileSize": {
                "type": "integer",
                "minimum": 0,
                **says("Its bytes: S3 then takes a file of this size alone.", 1_843_200),
            },
            "method": {
                "enum": ["PUT", "POST"],
                **says("How you will send it: by PUT (the default), or as a form by POST.", "PUT"),
            },
            "singleUse": {
                "type": "boolean",
                **says("Of a PUT: S3 takes the file once. A 412 after an attempt of your own means that it arrived."),
            },
        },
    ),
    "if": _has("sourceUrl"),
    "then": {"properties": dict.fromkeys(("fileSize", "method", "singleUse"), _NEVER)},
    "else": _has("fileName", "fileType"),
}

MAX_CONTENT_BYTES = 4 * 1024 * 1024
# Base64 has four characters for three bytes, and is filled up.
_MAX_CONTENT = -(-MAX_CONTENT_BYTES // 3) * 4
IMPORT = {
    **shape(
        {},
        {
            **_NAME_AND_TYPE,
            "preset": PRESET,
            "sourceUrl": text(
                "The https URL of the picture, which Darkroom fetches; or give `content`.",
                _SOURCE_URL,
                pattern="^https://.",
                maxLength=_LONGEST_URL,
            ),
            "content": text(
                "The bytes in base64, at most 4 MiB decoded; larger files go by create_upload.",
                contentEncoding="base64",
                minLength=1,
                maxLength=_MAX_CONTENT,
            ),
        },
    ),
    "if": _has("content"),
    "then": {"properties": {"sourceUrl": _NEVER}},
    "else": _has("sourceUrl"),
}

IMPORTED = shape(
    {
        "imageId": IMAGE_ID,
        "status": {**STATUS, **says("How the image stands.", "PENDING")},
        "message": text("How it goes on, in a sentence.", "The picture is stored."),
    }
)
_FIELDS = {"type": "object", "additionalProperties": TEXT}
_ANNOUNCED = shape(
    {
        "imageId": IMAGE_ID,
        "fileKey": text("Where the original will be stored.", "uploads/4f1c/img_01kb4z7q0m8w2r5t6v9x3c1d4e.jpg"),
        "expiresIn": {"type": "integer", **says("For how many seconds the request may be sent.", 3600)},
        "method": {"enum": ["PUT", "POST"], **says("The method of the request.", "PUT")},
        "uploadUrl": text("Where to send the file.", _LINK, format="uri"),
    },
    {
        "headers": {**_FIELDS, **says("Of a PUT: the headers to send.", {"Content-Type": "image/jpeg"})},
        "fields": {**_FIELDS, **says("Of a POST: the fields of the form, before the file.")},
    },
)
# The presigned request; of a `sourceUrl`, how the import stands.
CREATED = {"type": "object", "anyOf": [_ANNOUNCED, IMPORTED]}
