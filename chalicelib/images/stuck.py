"""Images that do not get on: found by how long they have had their status, led on once, and then given up.

Each step holds the row to what was seen of it: whoever moved the image on meanwhile is right.
"""

from collections.abc import Iterator
from typing import Any

from chalicelib.core.aws.tables import Attr, ConditionFailedError
from chalicelib.images.lifecycle import first_execution, next_execution
from chalicelib.images.models import FINISHED, IMAGES, UNFINISHED, Image, Status, unfinished
from chalicelib.images.service import find


def unfinished_since(status: Status, first: str, last: str) -> Iterator[Image]:
    """The images that have had this status since some moment between these (ISO 8601), the oldest first."""
    for entry in UNFINISHED.between(str(status), first, last):
        image = find(entry["userId"], entry["imageId"])
        # The index is a moment behind.
        if image is not None and image.status is status and (image.unfinished_since or last) <= last:
            yield image


def oldest_since(status: Status) -> str | None:
    """Since when the oldest image of this status has had it; None where there is none."""
    found = UNFINISHED.page(str(status), limit=1, newest_first=False).items
    return None if not found else str(found[0]["unfinishedSince"])


def retry(image: Image, now: str) -> Image | None:
    """Notes that the image is tried once more; gives it as its message must lead it on, or None where it got on.

    An execution that was begun and never ended is not waited for: the next one takes its place.
    """
    change: dict[str, Any] = {"redriven": True, **unfinished(image.status, now)}
    if image.execution is not None and image.started_at is not None:
        change["execution"] = next_execution(image.execution)
    return _changed(image, change, remove=("startedAt",))


def make_again(image: Image) -> Image | None:
    """Notes that a COMPLETED image's files are made once more; None where it was changed meanwhile."""
    return _changed(image, {"redriven": True})


def fail(image: Image, reason: str, now: str, *, original_gone: bool = False) -> Image | None:
    """Ends the image as FAILED, for its owner to run again while there is its original; None where it got on."""
    change: dict[str, Any] = {
        "status": str(Status.FAILED),
        "reason": reason,
        "processedAt": now,
        # What never had an execution: so that it can be run again all the same.
        "execution": image.execution or first_execution(image.image_id),
        **({"originalGone": True} if original_gone else {}),
    }
    return _changed(image, change, remove=("startedAt", "redriven", *FINISHED))


def _changed(image: Image, change: dict[str, Any], remove: tuple[str, ...] = ()) -> Image | None:
    as_it_was = Attr("status").eq(str(image.status))
    for name, value in (("execution", image.execution), ("unfinishedSince", image.unfinished_since)):
        as_it_was &= Attr(name).not_exists() if value is None else Attr(name).eq(value)
    try:
        item = IMAGES.update(image.user_id, image.image_id, when=as_it_was, change=change, remove=remove)
    except ConditionFailedError:
        return None
    return Image.from_item(item)
