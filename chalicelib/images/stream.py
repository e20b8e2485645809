"""The stream of the images table: what follows from each change of an image.

It is counted in the day's sums, in CloudWatch and in what its user stores; and how an image ended is published.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from chalicelib.accounts.models import UserErasedError, stored_bytes_update, user_exists
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import read_image
from chalicelib.core.observing import metrics, streams
from chalicelib.images import outcomes
from chalicelib.images.models import Status, bytes_kept
from chalicelib.metering import daily_sums
from chalicelib.metering.models import EVERYONE, Entry, Row

# All numbers of a day's images share one item.
_ALL_TOGETHER = ""


@dataclass(frozen=True)
class _Change:
    """A row before and after a change, empty if there was none; `day` is the day that the change counts for."""

    event_id: str
    day: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        change = record["dynamodb"]
        old, new = read_image(change.get("OldImage", {})), read_image(change.get("NewImage", {}))
        return cls(record["eventID"], _day(change, new), old, new)

    @property
    def owner(self) -> str:
        """The id of the image's user."""
        return str(self.new.get("userId", ""))

    @property
    def reason(self) -> str:
        """Why the image failed, as a code."""
        return str(self.new.get("reason", "")).partition(":")[0]

    def seconds(self) -> float:
        """How long the processing took, from the claim to the end."""
        claimed, ended = self.old.get("unfinishedSince"), self.new.get("processedAt")
        if claimed is None or ended is None:
            return 0.0
        return max(0.0, (datetime.fromisoformat(ended) - datetime.fromisoformat(claimed)).total_seconds())

    @property
    def is_restored(self) -> bool:
        """Whether an operator copied the row back from a backup (infra/restore): it was counted before it was lost."""
        return not self.old and "restored" in self.new

    @property
    def bytes_more(self) -> int:
        """How many bytes more, or less, the image's files take than before."""
        return bytes_kept(self.new) - bytes_kept(self.old)

    def sums(self) -> Counter[str]:
        """What the change adds to the day, by name."""
        before, after = self.old.get("status"), self.new.get("status")
        if before == after or "expired" in self.new or self.is_restored:
            return Counter()
        if after == Status.UPLOADED:
            size = int(self.new.get("fileSize", 0))
            return Counter({"images": 1, "bytes": size, f"format:{self.new.get('fileType', '')}": 1})
        if after == Status.COMPLETED:
            # A new processing that failed leaves the image as it was.
            has_new_files = self.old.get("processedAt") != self.new.get("processedAt")
            return Counter({"completed": 1} if has_new_files else {})
        if after == Status.FAILED:
            return Counter({"failed": 1, f"failed:{self.reason}": 1})
        return Counter({"deleted": 1}) if after == Status.DELETED else Counter()


@required_env_vars(
    streams.handle,
    outcomes.publish,
    {
        "DAILY_TABLE": [DynamoDBOperation.BATCH_GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
    },
)
def follow_changes(event: Mapping[str, Any]) -> None:
    """Adds the changes to the sums of the user's day and of everyone's, and to what the user stores; publishes ends.

    A change that comes twice counts once, and may be published twice.
    """
    streams.handle("image_changes", event, _follow)


def _follow(records: Sequence[streams.Record]) -> None:
    _count(records)
    # After it: what is counted, a batch that comes again does not count again.
    for change in map(_Change.of, records):
        outcomes.publish(change.old, change.new)


def _count(records: Sequence[streams.Record]) -> None:
    changes = {change.event_id: change for change in map(_Change.of, records)}
    counted = [change for change in changes.values() if change.sums()]
    # A change of a user who is erased, or is being erased, counts for everyone's day alone.
    owners = {change.owner for change in counted if "erased" not in change.new}
    present = {owner for owner in owners if user_exists(owner)}

    def stored_bytes_writes(entries: list[Entry]) -> list[dict[str, Any]]:
        return _writes_of(change for entry in entries if (change := changes[entry.event_id]).owner in present)

    try:
        added = daily_sums.add_once([_entry(change, present) for change in counted], also=stored_bytes_writes)
    except UserErasedError:
        # Erased since `present` was read.
        _count(records)
        return
    _measure([changes[entry.event_id] for entry in added])


def _writes_of(changes: Iterable[_Change]) -> list[dict[str, Any]]:
    """The writes that add to what each owner stores."""
    more: Counter[str] = Counter()
    for change in changes:
        if "erased" not in change.new:
            more[change.owner] += change.bytes_more
    return [write for owner, number in more.items() if number for write in stored_bytes_update(owner, number)]


def _entry(change: _Change, present: Container[str]) -> Entry:
    is_owners = "erased" not in change.new and change.owner in present
    scopes = (change.owner, EVERYONE) if is_owners else (EVERYONE,)
    sums = {
        Row(scope, change.day, what, _ALL_TOGETHER): {"sum": number}
        for scope in scopes
        for what, number in change.sums().items()
    }
    return Entry(change.event_id, sums, origin=f"image#{change.new.get('imageId')}")


def _measure(changes: Iterable[_Change]) -> None:
    """Emits metrics of the changes that were just added: a batch that is retried must not count twice."""
    by_status: dict[Any, list[_Change]] = {}
    for change in changes:
        by_status.setdefault(change.new.get("status"), []).append(change)
    if completed := by_status.get(Status.COMPLETED):
        variants = [variant for change in completed for variant in change.new.get("variants", ())]
        metrics.emit(
            {
                "ImagesProcessed": (len(completed), metrics.COUNT),
                "BytesIn": (sum(int(change.new.get("fileSize", 0)) for change in completed), metrics.BYTES),
                "BytesOut": (sum(int(variant["fileSize"]) for variant in variants), metrics.BYTES),
                "ProcessingTime": ([change.seconds() for change in completed], metrics.SECONDS),
            },
            Operation="image_pipeline",
        )
    for reason, number in Counter(change.reason for change in by_status.get(Status.FAILED, ())).items():
        metrics.emit({"ProcessingErrors": (number, metrics.COUNT)}, totals=["ProcessingErrors"], Reason=reason)


def _day(change: Mapping[str, Any], image: Mapping[str, Any]) -> str:
    if image.get("status") == Status.DELETED and "ApproximateCreationDateTime" in change:
        # The row does not hold the time of the deletion; the stream does, in epoch seconds.
        return datetime.fromtimestamp(float(change["ApproximateCreationDateTime"]), UTC).date().isoformat()
    moment = image.get("processedAt") or image.get("uploadedAt") or image.get("createdAt") or ""
    return str(moment)[:10]
