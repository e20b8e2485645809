"""The sweeper, run in this process at any time of its clock, and rows as interrupted runs leave them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.settings import Settings
from chalicelib.images import IMAGES, Status
from chalicelib.jobs import runner, sweeper
from local.machine import Machine
from tests import pictures
from tests.journeys.user import User

PHOTO = pictures.jpeg(320, 240)


def finished_photo(user: User) -> str:
    """The id of a new image, COMPLETED."""
    image_id = user.upload(PHOTO)
    assert user.finished(image_id)["status"] == "COMPLETED"
    return image_id


def empty(machine: Machine) -> None:
    """Removes the files, images and actions of other journeys: the sweeper looks at all of them. The fonts stay."""
    fonts = Settings.FONTS_PREFIX.default or ""
    s3, dynamodb = machine.client("s3"), machine.client("dynamodb")
    for bucket in ("S3_INPUT_BUCKET", "S3_OUTPUT_BUCKET"):
        name = machine.environment[bucket]
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            of_journeys = [each for each in found if not each["Key"].startswith(fonts)]
            if of_journeys:
                objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in of_journeys]
                s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
    for variable, attribute in (("IMAGES_TABLE", "imageId"), ("ACTIONS_TABLE", "actionId")):
        table = machine.environment[variable]
        scan = {
            "TableName": table,
            "ProjectionExpression": f"userId, {attribute}",
            "PaginationConfig": {"PageSize": 25},
        }
        for page in dynamodb.get_paginator("scan").paginate(**scan):
            if page["Items"]:
                deletions = [{"DeleteRequest": {"Key": key}} for key in page["Items"]]
                dynamodb.batch_write_item(RequestItems={table: deletions})


def sweep(options: dict[str, Any], now: datetime | None = None) -> dict[str, Any]:
    return runner.run(sweeper.SWEEPER, options, now=now)


def later(**span: float) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


def found(answer: dict[str, Any], what: str) -> list[str]:
    """The ids or keys that a round found, by kind; those of other tests may be among them."""
    return [each.get("imageId") or each["key"] for each in answer["findings"] if each["what"] == what]


def row(user: User, image_id: str) -> dict[str, Any]:
    item = IMAGES.get(user.id, image_id)
    assert item is not None
    return item


def becomes(user: User, image_id: str, status: Status, *, remove: tuple[str, ...] = (), **more: Any) -> None:
    """Changes the image's row to what an interrupted run would have left."""
    change = {"status": str(status), "unfinished": str(status), "unfinishedSince": ids.now(), **more}
    IMAGES.update(user.id, image_id, change=change, remove=remove)
