"""Images that are stuck: found by how long they have had their status, retried once, then failed.

Each change is made only if the row is as it was read: a change that came meanwhile wins.
"""

from collections.abc import Iterator
from typing import Any

from chalicelib.core.aws.tables import Attr, ConditionFailedError
from chalicelib.images.models import FINISHED, IMAGES, IMPORTING, UNFINISHED, Image, Status, find, unfinished
from chalicelib.images.states import first_execution, next_execution


def unfinished_since(status: Status, first: str, last: str) -> Iterator[Image]:
    """The images that have had this status since a moment between `first` and `last` (ISO 8601), oldest first."""
    for entry in UNFINISHED.between(str(status), first, last):
        image = find(entry["userId"], entry["imageId"])
        # The index may be behind the table.
        if image is not None and image.status is status and (image.unfinished_since or last) <= last:
            yield image


def imports_since(first: str, last: str) -> Iterator[Image]:
    """The images that have waited for an import since a moment between `first` and `last`, oldest first."""
    for entry in UNFINISHED.between(IMPORTING, first, last):
        image = find(entry["userId"], entry["imageId"])
        if image is not None and image.status is Status.PENDING and (image.unfinished_since or last) <= last:
            yield image


def oldest_import() -> str | None:
    """Since when the oldest image has waited for its import; None: no image does."""
    return _oldest(IMPORTING)


def oldest_since(status: Status) -> str | None:
    """Since when the oldest image of this status has had it; None: there is no such image."""
    return _oldest(str(status))


def _oldest(partition: str) -> str | None:
    oldest = UNFINISHED.page(partition, limit=1, newest_first=False).items
    return str(oldest[0]["unfinishedSince"]) if oldest else None


def retry(image: Image, now: str) -> Image | None:
    """Marks the image as retried; gives it as its next message needs it, or None if it changed meanwhile.

    An execution that began and never ended is replaced by the next one.
    """
    change: dict[str, Any] = {"redriven": True, **unfinished(image.status, now)}
    if image.execution is not None and image.started_at is not None:
        change["execution"] = next_execution(image.execution)
    return _update_if_unchanged(image, change, remove=("startedAt",))


def mark_remade(image: Image) -> Image | None:
    """Marks that a COMPLETED image's variants are made again; None if it changed meanwhile."""
    return _update_if_unchanged(image, {"redriven": True})


def fail(image: Image, reason: str, now: str, *, original_gone: bool = False) -> Image | None:
    """Marks the image FAILED; its owner can reprocess it while its original exists. None if it changed meanwhile."""
    change: dict[str, Any] = {
        "status": str(Status.FAILED),
        "reason": reason,
        "processedAt": now,
        # Reprocessing needs the name of an execution, also if there was none.
        "execution": image.execution or first_execution(image.image_id),
        **({"originalGone": True} if original_gone else {}),
    }
    return _update_if_unchanged(image, change, remove=("startedAt", "redriven", *FINISHED))


def _update_if_unchanged(image: Image, change: dict[str, Any], remove: tuple[str, ...] = ()) -> Image | None:
    unchanged = Attr("status").eq(str(image.status))
    for name, value in (("execution", image.execution), ("unfinishedSince", image.unfinished_since)):
        unchanged &= Attr(name).not_exists() if value is None else Attr(name).eq(value)
    try:
        item = IMAGES.update(image.user_id, image.image_id, when=unchanged, change=change, remove=remove)
    except ConditionFailedError:
        return None
    return Image.from_item(item)
