"""What users do, and what runs by itself: each journey is a clean run whose every call is broken in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests import pictures
from tests.crashes.stage import Stage

PHOTO = pictures.jpeg(96, 64)


def _nothing(stage: Stage) -> None:
    return None


@dataclass(frozen=True)
class Journey:
    """`play` is broken; what `prepare` does before is not, and its result is handed to `play`."""

    play: Callable[[Stage, Any], None]
    prepare: Callable[[Stage], Any] = _nothing


def upload(stage: Stage, _: Any = None) -> str:
    """A picture is announced, sent and processed; its id."""
    announced = stage.client.call("POST", "/upload", fileName="photo.jpg", fileType="image/jpeg")
    stage.client.send_file(announced, PHOTO)
    return str(announced["imageId"])


def _uploaded(stage: Stage) -> str:
    image_id = upload(stage)
    stage.settle()
    return image_id


def reprocess(stage: Stage, image_id: str) -> None:
    """A finished picture is processed once more."""
    stage.client.call("POST", f"/images/{image_id}/reprocess")


def delete(stage: Stage, image_id: str) -> None:
    """A finished picture is deleted. 404: an earlier try has deleted it."""
    stage.client.call("DELETE", f"/images/{image_id}", allow=(404,))


def delete_in_pipeline(stage: Stage, _: None) -> None:
    """A picture is deleted while its last step writes: before the last of its files."""
    announced = stage.client.call("POST", "/upload", fileName="photo.jpg", fileType="image/jpeg")
    image_id = str(announced["imageId"])
    stage.door.at("watermark", "PutObject", 3, lambda: delete(stage, image_id))
    stage.client.send_file(announced, PHOTO)


JOURNEYS: Mapping[str, Journey] = MappingProxyType(
    {
        "upload": Journey(upload),
        "reprocess": Journey(reprocess, _uploaded),
        "deletion": Journey(delete, _uploaded),
        "deletion_in_pipeline": Journey(delete_in_pipeline),
    }
)
