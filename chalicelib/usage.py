"""The day's sums, for a user and for all: images, bytes, formats, failures by reason. Owns DAILY_TABLE."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from chalicelib.core import log
from chalicelib.core.table import ConditionFailedError, Table, transact

DAILY = Table("DAILY_TABLE", "scope", "day#what")
EVERYONE = "all"
# A stream keeps its records for a day: after two, none can come a second time.
_MARK_SECONDS = 2 * 86_400


def count_changes(event: Mapping[str, Any]) -> None:
    """Adds what a stream's records say happened to images; a record that comes twice counts once."""
    for record in event["Records"]:
        change = record["dynamodb"]
        sums = _sums(change.get("OldImage"), change.get("NewImage"))
        if sums:
            _add(record["eventID"], change["NewImage"]["userId"]["S"], _day(change["NewImage"]), sums)


def _sums(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Counter[str]:
    """What a change of an image's row adds to the day, by name."""
    before, after = _text(old, "status"), _text(new, "status")
    if new is None or before == after:
        return Counter()
    if after == "UPLOADED":
        size = int(new.get("fileSize", {}).get("N", "0"))
        return Counter({"images": 1, "bytes": size, f"format:{_text(new, 'fileType')}": 1})
    if after == "COMPLETED":
        return Counter({"completed": 1})
    if after == "FAILED":
        return Counter({"failed": 1, f"failed:{_text(new, 'reason').partition(':')[0]}": 1})
    return Counter({"deleted": 1}) if after == "DELETED" else Counter()


def _text(image: Mapping[str, Any] | None, name: str) -> str:
    return "" if image is None else str(image.get(name, {}).get("S", ""))


def _day(image: Mapping[str, Any]) -> str:
    moment = _text(image, "processedAt") or _text(image, "uploadedAt") or _text(image, "createdAt")
    return moment[:10]


def _add(event_id: str, user_id: str, day: str, sums: Mapping[str, int]) -> None:
    """Adds the sums to both scopes and leaves the record's mark, all or nothing."""
    mark = DAILY.creating({**DAILY.key(f"seen#{event_id}", "seen"), "ttl": int(time.time()) + _MARK_SECONDS})
    additions = [
        DAILY.adding(DAILY.key(scope, f"{day}#{what}"), "sum", by)
        for scope in (user_id, EVERYONE)
        for what, by in sums.items()
    ]
    try:
        transact(mark, *additions)
    except ConditionFailedError:
        log.info("CHANGE_COUNTED_BEFORE", eventId=event_id)
