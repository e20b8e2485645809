"""JSON Schemas of actions in general, of processing, and of what an external service does."""

from typing import Any

from chalicelib.actions.models import Action, File, Status
from chalicelib.core import ids
from chalicelib.core.schemas import TEXT, TIME, Schema, described, list_of, page_of, says, shape, text
from chalicelib.external import services
from chalicelib.imaging import FITS, FORMATS, MAX_QUALITY, MAX_SIDE

MAX_PAGE = 100
DEFAULT_PAGE = 20

ACTION_ID = text("The action's id.", "act_01kb4z9c2d4f6h8j0m1n3p5r7t", pattern="^act_[0-9a-z]{26}$", maxLength=30)
GET = shape({"actionId": ACTION_ID})
_TYPE_FORM: Schema = {"pattern": "^[A-Z][A-Z0-9_]{0,63}$", "maxLength": 64}
LIST = list_of(
    MAX_PAGE,
    ids.to_cursor(ACTION_ID["examples"][0]),
    status={"enum": [str(status) for status in Status], **says("Only actions with this status.", "PENDING")},
    actionType=text("Only actions of this type.", "EXPORT_DATA", **_TYPE_FORM),
)

# Fields of the answers of several kinds.
STATUS = {
    "enum": [str(status) for status in Status],
    **says("PENDING work goes on by itself: `GET /actions/{actionId}` shows its end.", "COMPLETED"),
}
ESTIMATE = {"type": ["string", "null"], **says("How long PENDING work will take, in words.")}
FILE_URL = "https://darkroom-example.s3.amazonaws.com/act_01kb4z9c2d4f6h8j0m1n3p5r7t?X-Amz-Signature=5f2b"
RESULT_URL = {"type": ["string", "null"], **says("A link to the first file, for an hour at the most.", FILE_URL)}

_FILE = described(
    File.schema(),
    "File",
    {
        "name": says("What it is saved as.", "img_01kb4z7q0m8w2r5t6v9x3c1d4e-resize.webp"),
        "format": says("Its format.", "webp"),
        "fileSize": says("Bytes.", 51_390),
        "url": says("A link to it, for an hour at the most.", FILE_URL),
    },
)
_ACTION = described(
    Action.schema(),
    "Action",
    {
        "actionId": says("The action's id.", *ACTION_ID["examples"]),
        "actionType": says("PROCESS_FILE, GENERATE_REPORT, EXPORT_DATA, or a type of the stage's.", "PROCESS_FILE"),
        "status": STATUS,
        "metadata": says("What was asked for.", {"fileId": "img_01kb4z7q0m8w2r5t6v9x3c1d4e"}),
        "result": says("What came of it, beside files.", {"format": "webp", "width": 800, "height": 533}),
        "resultUrl": RESULT_URL,
        "files": {"items": _FILE, **says("What it made.")},
        "reason": says("Why it FAILED."),
        "progress": says("How many records an export has written so far."),
        "progressUnit": says("What `progress` counts."),
        "externalId": says("The external service's id of the work, if it does the work."),
        "externalStatus": says("What the external service last said of it."),
        "createdAt": TIME,
        "completedAt": says("When it ended.", "2026-11-28T09:30:01.250Z"),
    },
)
ONE = shape({"action": _ACTION})
_CUSTOM_TYPES = {
    "type": "array",
    "items": TEXT,
    **says("The types that `POST /actions/custom` takes in this stage.", ["SEND_LETTER"]),
}
_PAGE = page_of(_ACTION)
PAGE = shape({**_PAGE["properties"], "customTypes": _CUSTOM_TYPES})

# ------------------------------------------------------------------------------ processing

_SIDE = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE, **says("Pixels.", 800)}
_QUALITY = {"type": "integer", "minimum": 1, "maximum": MAX_QUALITY, **says("Of the encoder.", 85)}
_FORMAT = {"enum": list(FORMATS), **says("Of the result; by default as the original.", "webp")}
_OPTIONS = {
    "resize": {
        **shape(
            {}, {"width": _SIDE, "height": _SIDE, "fit": {"enum": list(FITS)}, "quality": _QUALITY, "format": _FORMAT}
        ),
        "anyOf": [{"required": ["width"]}, {"required": ["height"]}],
    },
    "convert": shape({"format": _FORMAT}, {"quality": _QUALITY}),
    "analyze": shape({}),
}
_NEEDS_OPTIONS = frozenset({"resize", "convert"})


def _options_of(processing_type: str) -> dict[str, Any]:
    required = {"required": ["options"]} if processing_type in _NEEDS_OPTIONS else {}
    return {
        "if": {"required": ["processingType"], "properties": {"processingType": {"const": processing_type}}},
        "then": {"properties": {"options": _OPTIONS[processing_type]}, **required},
    }


_OPTIONS_WORDS = (
    "Of `resize`: `width` or `height` or both, `fit`, `format`, `quality`. Of `convert`: `format`, and `quality`. "
    "`analyze` has none."
)
PROCESS = {
    **shape(
        {
            "fileId": text(
                "The id of one of your COMPLETED images.",
                "img_01kb4z7q0m8w2r5t6v9x3c1d4e",
                pattern="^[A-Za-z0-9_]{1,64}$",
                maxLength=64,
            ),
            "processingType": {"enum": list(_OPTIONS), **says("What to do.", "resize")},
        },
        {"options": {"type": "object", "maxProperties": 10, **says(_OPTIONS_WORDS, {"width": 800, "format": "webp"})}},
    ),
    "allOf": [_options_of(processing_type) for processing_type in _OPTIONS],
}
PROCESSED = shape(
    {"jobId": ACTION_ID, "message": text("How it stands.", "The file is processed.")},
    {
        "status": STATUS,
        "estimatedTime": ESTIMATE,
        "resultUrl": RESULT_URL,
        "result": {"type": "object", **says("What was made.", {"format": "webp", "width": 800, "height": 533})},
    },
)

# ------------------------------------------------------------------------ external service

CUSTOM = shape(
    {
        "actionType": text("One of the types that the stage allows.", "SEND_LETTER", **_TYPE_FORM),
        "payload": {
            "type": "object",
            "maxProperties": 1000,
            **says("Passed on to the service as it is.", {"template": "welcome"}),
        },
    },
    {"metadata": {"type": "object", "maxProperties": 20, **says("Stored with the action.", {"ticket": "4711"})}},
)
ACCEPTED = shape(
    {
        "actionId": ACTION_ID,
        "message": text("How it stands.", "The external service has the action."),
        "status": {**STATUS, "examples": ["PENDING"]},
    }
)

# How an external service calls the end of its work.
EXTERNAL_ENDS = {"completed": Status.COMPLETED, "failed": Status.FAILED}
MAX_URL_CHARACTERS = 2000
# The names are the service's: `id` is its own id of the work.
CALLBACK = shape(
    {
        "actionId": ACTION_ID,
        "id": text("The service's own id of the work.", "work-1", maxLength=services.MAX_ID_CHARACTERS),
        "status": {"enum": [*EXTERNAL_ENDS], **says("How the work ended.", "completed")},
    },
    {
        "message": text("Why it failed.", "The template is unknown.", maxLength=400),
        "resultUrl": text(
            "Where the result is, at a public address.",
            "https://results.example.com/work-1.pdf",
            maxLength=MAX_URL_CHARACTERS,
        ),
    },
)
