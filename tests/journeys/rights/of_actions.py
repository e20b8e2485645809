"""Journeys of the worker that does users' queued actions."""

from typing import Any

from chalicelib.actions import ACTIONS, Action
from chalicelib.images import Status
from tests.journeys.rights.journey import of
from tests.journeys.rights.world import World, as_written, item

EVERYTHING = ["profile", "activities", "files"]


def delivered(world: World, action: Action) -> dict[str, Any]:
    """The event of the message that is about the action."""
    body = {"userId": action.user_id, "actionId": action.action_id}
    return world.delivered(world.queue("actions"), body)


def work(world: World, name: str, action: Action) -> dict[str, Any]:
    """The action's row once its message was delivered."""
    world.invoke(name, delivered(world, action))
    return item(ACTIONS, action.user_id, action.action_id)


def export(world: World, **more: Any) -> Action:
    return world.begun("EXPORT_DATA", {"dataTypes": EVERYTHING, "format": "json", **more})


def report(world: World) -> Action:
    period = {"start": "2026-01-01", "end": "2026-01-31"}
    return world.begun("GENERATE_REPORT", {"reportType": "usage", "dateRange": period})


def processing(world: World, image_id: str) -> Action:
    return world.begun("PROCESS_FILE", {"fileId": image_id, "processingType": "analyze"})


@of("action_worker")
def an_image_is_processed(world: World, name: str) -> None:
    image, before = world.planted(), world.acted_at()
    done = work(world, name, processing(world, image.image_id))
    assert done["status"] == "COMPLETED", done
    assert world.versions("S3_OUTPUT_BUCKET", done["files"][0]["fileKey"])
    assert world.acted_at() > before
    assert "lastActionAt" in world.image(image)


@of("action_worker")
def what_was_made_of_an_image_that_went_meanwhile_goes(world: World, name: str) -> None:
    image = world.planted()
    action = processing(world, image.image_id)
    with as_written(action.action_id, lambda: world.bury(image)):
        assert work(world, name, action)["status"] == "FAILED"
    assert world.versions("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}") == []


@of("action_worker")
def a_report_is_made(world: World, name: str) -> None:
    done = work(world, name, report(world))
    assert done["status"] == "COMPLETED", done


@of("action_worker")
def a_report_that_was_erased_meanwhile_leaves_no_file(world: World, name: str) -> None:
    action = report(world)
    with as_written(action.action_id, lambda: ACTIONS.delete(action.user_id, action.action_id)):
        world.invoke(name, delivered(world, action))
    assert world.versions("S3_OUTPUT_BUCKET", f"reports/{world.user_id}/{action.action_id}") == []


@of("action_worker")
def an_export_is_made_and_its_link_mailed(world: World, name: str) -> None:
    # With thumbnails: Ann has a photo whose variants are there.
    done = work(world, name, export(world, email="ann@example.com", format="pdf"))
    assert done["status"] == "COMPLETED", done
    assert done["result"]["emailSent"] is True


@of("action_worker")
def an_export_that_cannot_be_written_leaves_nothing(world: World, name: str) -> None:
    broken = world.planted(Status.COMPLETED, remove=("fileName",))
    try:
        world.fails(name, delivered(world, export(world)))
    finally:
        world.remove(broken)
    assert world.half_written("S3_OUTPUT_BUCKET", f"exports/{world.user_id}/") == []


@of("action_worker")
def an_export_that_was_erased_meanwhile_leaves_no_file(world: World, name: str) -> None:
    action = export(world)
    with as_written(action.action_id, lambda: ACTIONS.delete(action.user_id, action.action_id)):
        world.invoke(name, delivered(world, action))
    assert world.versions("S3_OUTPUT_BUCKET", f"exports/{world.user_id}/{action.action_id}") == []
