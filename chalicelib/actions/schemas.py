"""JSON Schemas of actions in general, of processing, and of what an external service does."""

from typing import Any

from chalicelib.actions.models import Status
from chalicelib.core.schemas import TEXT, list_of, shape
from chalicelib.external import services
from chalicelib.imaging import FITS, FORMATS, MAX_QUALITY, MAX_SIDE

MAX_PAGE = 100
DEFAULT_PAGE = 20

TEXT_OR_NONE = {"type": ["string", "null"]}
ACTION_ID = {"type": "string", "pattern": "^act_[0-9a-z]{26}$", "maxLength": 30}
GET = shape({"actionId": ACTION_ID})
LIST = list_of(MAX_PAGE, status={"enum": [str(status) for status in Status]})

# ------------------------------------------------------------------------------ processing

_SIDE = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE}
_QUALITY = {"type": "integer", "minimum": 1, "maximum": MAX_QUALITY}
_FORMAT = {"enum": list(FORMATS)}
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


PROCESS = {
    **shape(
        {
            "fileId": {"type": "string", "pattern": r"^[A-Za-z0-9_]{1,64}$", "maxLength": 64},
            "processingType": {"enum": list(_OPTIONS)},
        },
        {"options": {"type": "object", "maxProperties": 10}},
    ),
    "allOf": [_options_of(processing_type) for processing_type in _OPTIONS],
}
PROCESSED = shape(
    {"jobId": TEXT, "message": TEXT},
    {"status": TEXT, "estimatedTime": TEXT_OR_NONE, "resultUrl": TEXT_OR_NONE, "result": {"type": "object"}},
)

# ------------------------------------------------------------------------ external service

CUSTOM = shape(
    {
        "actionType": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,63}$", "maxLength": 64},
        # Passed on to the service as it is.
        "payload": {"type": "object", "maxProperties": 1000},
    },
    {"metadata": {"type": "object", "maxProperties": 20}},
)
ACCEPTED = shape({"actionId": TEXT, "message": TEXT, "status": TEXT})

# How an external service calls the end of its work.
EXTERNAL_ENDS = {"completed": Status.COMPLETED, "failed": Status.FAILED}
MAX_URL_CHARACTERS = 2000
# The names are the service's: `id` is its own id of the work.
CALLBACK = shape(
    {
        "actionId": ACTION_ID,
        "id": {"type": "string", "maxLength": services.MAX_ID_CHARACTERS},
        "status": {"enum": [*EXTERNAL_ENDS]},
    },
    {"message": {"type": "string", "maxLength": 400}, "resultUrl": {"type": "string", "maxLength": MAX_URL_CHARACTERS}},
)
