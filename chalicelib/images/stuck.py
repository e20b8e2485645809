"""Images that are stuck or wait: found by how long they do, tried again after growing pauses, then failed.

Each change is made only if the row is as it was read: a change that came meanwhile wins.
"""

from collections.abc import Iterator
from typing import Any

from chalicelib.core.aws.tables import Attr, ConditionFailedError
from chalicelib.images.models import FINISHED, IMAGES, IMPORTING, UNFINISHED, Image, Status, find, unfinished
from chalicelib.images.retries import waits_in
from chalicelib.images.states import first_execution


def unfinished_since(place: str, first: str, last: str) -> Iterator[Image]:
    """The images that stand in this place of the index since a moment between `first` and `last`, oldest first.

    A place is a status, IMPORTING, or one of images/retries.py; moments are in ISO 8601.
    """
    for entry in UNFINISHED.between(place, first, last):
        image = find(entry["userId"], entry["imageId"])
        # The index may be behind the table.
        if image is not None and image.unfinished == place and (image.unfinished_since or last) <= last:
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


def mark_sent_on(image: Image, now: str) -> Image | None:
    """Marks that a message for one more try is sent, so that the next is due after a longer pause.

    None if the image changed meanwhile: it may run already.
    """
    return _update_if_unchanged(image, {"retries": image.retries + 1, **unfinished(image.status, now)})


def wait_for_retry(image: Image, reason: str, now: str) -> Image | None:
    """Lets an image whose execution never ended wait for its next try, as the state machine would; None if it changed.

    The pause begins when that execution did.
    """
    change = {**_failure(image, reason, now), "unfinished": waits_in(image.retries)}
    # Nothing can begin that execution now, and the next one may be claimed.
    change |= {"startedAt": None if image.variants else now, "startedBy": None}
    return _update_if_unchanged(image, change)


def mark_remade(image: Image) -> Image | None:
    """Marks that a COMPLETED image's variants are made again; None if it changed meanwhile."""
    return _update_if_unchanged(image, {"redriven": True})


def fail(image: Image, reason: str, now: str, *, original_gone: bool = False, files_gone: bool = False) -> Image | None:
    """Marks the image FAILED; its owner can reprocess it while its original exists. None if it changed meanwhile.

    An image that has variants is COMPLETED again, with `reason` as its `lastFailure`, unless these files are gone.
    """
    ended = {"startedAt": None, "startedBy": None, "retries": None}
    if image.variants and not files_gone:
        return _update_if_unchanged(image, _failure(image, reason, now) | unfinished(Status.COMPLETED, now) | ended)
    change: dict[str, Any] = {
        "status": str(Status.FAILED),
        "reason": reason,
        "processedAt": now,
        # Reprocessing needs the name of an execution, also if there was none.
        "execution": image.execution or first_execution(image.image_id),
        **({"originalGone": True} if original_gone else {}),
    }
    return _update_if_unchanged(image, change | ended, remove=("redriven", *FINISHED))


def _failure(image: Image, reason: str, now: str) -> dict[str, Any]:
    """What the row says of a try that failed: of an image with variants, that it is COMPLETED all the same."""
    if not image.variants:
        return {"reason": reason}
    return {"status": str(Status.COMPLETED), "reason": None, "lastFailure": reason, "lastFailureAt": now}


def _update_if_unchanged(image: Image, change: dict[str, Any], remove: tuple[str, ...] = ()) -> Image | None:
    unchanged = Attr("status").eq(str(image.status))
    for name, value in (("execution", image.execution), ("unfinishedSince", image.unfinished_since)):
        unchanged &= Attr(name).not_exists() if value is None else Attr(name).eq(value)
    try:
        item = IMAGES.update(image.user_id, image.image_id, when=unchanged, change=change, remove=remove)
    except ConditionFailedError:
        return None
    return Image.from_item(item)
