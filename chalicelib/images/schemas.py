"""JSON Schemas of the routes of uploads and images."""

from chalicelib.core.http.operations import Answer
from chalicelib.core.schemas import TEXT, TIME, described, list_of, page_of, says, shape, text
from chalicelib.images.models import STATUS, Image, Variant

MAX_PAGE = 100
_LINK = "https://darkroom-example.s3.amazonaws.com/img_01kb4z7q0m8w2r5t6v9x3c1d4e?X-Amz-Signature=5f2b"

# Without a hyphen: in the key of a variant a hyphen ends the id, so no image's keys begin with another's.
IMAGE_ID = text("The image's id.", "img_01kb4z7q0m8w2r5t6v9x3c1d4e", pattern="^[A-Za-z0-9_]{1,64}$", maxLength=64)
_VARIANT_NAME = text(
    "`small`, `medium` or `large`, each also `-watermarked`.",
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
        "reason": says("Why it FAILED."),
        "metadata": says("What was found in the file.", {"width": 4000, "height": 2667, "format": "jpeg"}),
        "placeholder": says("A tiny picture, as a data URL, to show while the variants load."),
        "createdAt": TIME,
        "uploadedAt": says("When its file arrived.", "2026-11-28T09:30:04.120Z"),
        "processedAt": says("When its variants were finished.", "2026-11-28T09:30:07.480Z"),
        "lastActionAt": says("When an action of yours last used it."),
        "variants": {"items": _VARIANT, **says("The finished files; none before it is COMPLETED.")},
    },
)
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
LIST = list_of(MAX_PAGE, status={**STATUS, **says("Only images with this status.", "COMPLETED")})
ONE = shape({"image": _IMAGE})
PAGE = page_of(_IMAGE)

CREATE = shape(
    {
        "fileName": text("What the file is called.", "holiday.jpg", minLength=1, maxLength=1024),
        "fileType": text("Its media type.", "image/jpeg", minLength=1, maxLength=100),
    },
    {
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
)
_FIELDS = {"type": "object", "additionalProperties": TEXT}
CREATED = shape(
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
