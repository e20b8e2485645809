"""The JSON Schemas of the list of audit entries, and of the verification of a day."""

from chalicelib.audit.models import SEQUENCE_DIGITS, Entry
from chalicelib.core import ids
from chalicelib.core.schemas import CURSOR, DATE, NEXT_CURSOR, TIME, described, list_of, page_of, says, shape, text

MAX_PAGE = 200

_USER_ID = "04080408-0001-7000-8a1f-3b5c7d9e1f20"
_REQUEST_ID = "5c8e6c0e-3f4b-4d8e-9a86-2f6d1c0b7a11"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_DAY = {**DATE, **says("The day, in UTC; today by default.", "2026-11-28")}
LIST = list_of(
    MAX_PAGE,
    ids.to_cursor(f"{41:0{SEQUENCE_DIGITS}}"),
    day=_DAY,
    userId=text("Only entries of this user.", _USER_ID, minLength=1, maxLength=100),
)
_ENTRY = described(
    Entry.schema(),
    "AuditEntry",
    {
        "sequence": says("Its number in the trail.", 41),
        "userId": says("Who did it.", _USER_ID),
        "keyId": says("The API key that was used, if one was."),
        "timestamp": TIME,
        "operation": says("What was done or refused.", "delete_image"),
        "target": says("To what.", {"imageId": "img_01kb4z7q0m8w2r5t6v9x3c1d4e"}),
        "outcome": says(
            "`ok`, the code of the error, or `begun`: the request was cut off, and how far it came is not known.", "ok"
        ),
        "source": says("The address that the request came from.", "203.0.113.7"),
        "requestId": says("The request's id, which finds its lines in the log.", _REQUEST_ID),
        "previous": says("The hash of the entry before.", _HASH),
        "hash": says("SHA-256 of this entry with the one before.", _HASH[::-1]),
    },
)
PAGE = page_of(_ENTRY)

VERIFY = shape({}, {"day": _DAY, "cursor": CURSOR})
_SEQUENCE = {"type": ["integer", "null"]}
_ERROR = shape(
    {
        "sequence": {
            **_SEQUENCE,
            **says("The entry's number, or that of the first one missing; or null.", 42),
        },
        "message": text("What is wrong, in a sentence.", "2026-11-28 0000000000000042 was altered: its hash differs"),
    }
)
VERIFIED = shape(
    {
        "day": DATE,
        "intact": {"type": "boolean", **says("Whether no error was found in what this answer covers.", True)},
        "isComplete": {
            "type": "boolean",
            **says("Whether the rest of the day was checked, and its link to the entry after it.", True),
        },
        "entries": {"type": "integer", **says("How many entries this answer covers.", 412)},
        "firstSequence": {**_SEQUENCE, **says("The number of the first of them; null if there is none.", 1203)},
        "lastSequence": {**_SEQUENCE, **says("The number of the last of them; null if there is none.", 1614)},
        "hash": {"type": ["string", "null"], **says("The hash of the last of them: keep it, to compare.", _HASH)},
        "errors": {"type": "array", "items": _ERROR, **says("Each place where the chain is broken.")},
        "nextCursor": {**NEXT_CURSOR, **says("Where to go on; null when there is nothing left to check.")},
    }
)
