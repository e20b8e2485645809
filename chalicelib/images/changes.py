"""What the stream of the images' rows says happened, as the day's sums: images, bytes, formats, failures by reason."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib import daily
from chalicelib.core import aws
from chalicelib.daily import EVERYONE, Entry
from chalicelib.images.record import Status


def count_changes(event: Mapping[str, Any]) -> None:
    """Adds what a stream's records say to the user's and everyone's day; a record that comes twice counts once."""
    daily.add_once([entry for entry in map(_entry, event["Records"]) if entry.sums])


def _entry(record: Mapping[str, Any]) -> Entry:
    change = record["dynamodb"]
    old, new = aws.unmarshal(change.get("OldImage", {})), aws.unmarshal(change.get("NewImage", {}))
    sums = {
        (scope, _day(change, new), what): {"sum": number}
        for scope in ((EVERYONE,) if "erased" in new else (new.get("userId", ""), EVERYONE))
        for what, number in _sums(old, new).items()
    }
    return Entry(record["eventID"], sums)


def _sums(old: Mapping[str, Any], new: Mapping[str, Any]) -> Counter[str]:
    """What a change of an image's row adds to the day, by name."""
    before, after = old.get("status"), new.get("status")
    if before == after or "expired" in new:
        return Counter()
    if after == Status.UPLOADED:
        size = int(new.get("fileSize", 0))
        return Counter({"images": 1, "bytes": size, f"format:{new.get('fileType', '')}": 1})
    if after == Status.COMPLETED:
        return Counter({"completed": 1})
    if after == Status.FAILED:
        return Counter({"failed": 1, f"failed:{str(new.get('reason', '')).partition(':')[0]}": 1})
    return Counter({"deleted": 1}) if after == Status.DELETED else Counter()


def _day(change: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    if image.get("status") == Status.DELETED and "ApproximateCreationDateTime" in change:
        # The row does not keep when that was; the stream does, in epoch seconds.
        return datetime.fromtimestamp(float(change["ApproximateCreationDateTime"]), UTC).date().isoformat()
    moment = image.get("processedAt") or image.get("uploadedAt") or image.get("createdAt") or ""
    return str(moment)[:10]
