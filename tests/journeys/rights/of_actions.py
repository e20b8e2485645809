"""Journeys of the worker that runs users' queued actions."""

from typing import Any

from chalicelib.actions import ACTIONS, Action
from chalicelib.images import Status
from tests.journeys.rights.journey import journey_of
from tests.journeys.rights.world import World, item, when_written

EVERYTHING = ["profile", "activities", "files"]


def delivered(world: World, action: Action) -> dict[str, Any]:
    """The event of the action's message."""
    body = {"userId": action.user_id, "actionId": action.action_id}
    return world.queue_event(world.empty_queue("actions"), body)


def work(world: World, name: str, action: Action) -> dict[str, Any]:
    """The action's row after the worker has got its message."""
    world.invoke(name, delivered(world, action))
    return item(ACTIONS, action.user_id, action.action_id)


def export(world: World, **more: Any) -> Action:
    return world.create_action("EXPORT_DATA", {"dataTypes": EVERYTHING, "format": "json", **more})


def report(world: World) -> Action:
    period = {"start": "2026-01-01", "end": "2026-01-31"}
    return world.create_action("GENERATE_REPORT", {"reportType": "usage", "dateRange": period})


def processing(world: World, image_id: str) -> Action:
    return world.create_action("PROCESS_FILE", {"fileId": image_id, "processingType": "analyze"})


@journey_of("action_worker")
def an_image_is_processed(world: World, name: str) -> None:
    image, before = world.create_image(), world.last_action_at()
    action = work(world, name, processing(world, image.image_id))
    assert action["status"] == "COMPLETED", action
    assert world.file_keys("S3_OUTPUT_BUCKET", action["files"][0]["fileKey"])
    assert world.last_action_at() > before
    assert "lastActionAt" in world.image_row(image)


@journey_of("action_worker")
def a_result_is_removed_if_the_image_is_deleted_meanwhile(world: World, name: str) -> None:
    image = world.create_image()
    action = processing(world, image.image_id)
    with when_written(action.action_id, lambda: world.mark_deleted(image)):
        assert work(world, name, action)["status"] == "FAILED"
    assert world.file_keys("S3_OUTPUT_BUCKET", f"processed/{world.user_id}/{image.image_id}") == []


@journey_of("action_worker")
def a_report_is_made(world: World, name: str) -> None:
    action = work(world, name, report(world))
    assert action["status"] == "COMPLETED", action


@journey_of("action_worker")
def a_report_leaves_no_file_if_its_action_is_erased_meanwhile(world: World, name: str) -> None:
    action = report(world)
    with when_written(action.action_id, lambda: ACTIONS.delete(action.user_id, action.action_id)):
        world.invoke(name, delivered(world, action))
    assert world.file_keys("S3_OUTPUT_BUCKET", f"reports/{world.user_id}/{action.action_id}") == []


@journey_of("action_worker")
def an_export_is_made_and_its_link_is_sent_by_email(world: World, name: str) -> None:
    # With thumbnails, because Ann has a photo with variants.
    action = work(world, name, export(world, email="ann@example.com", format="pdf"))
    assert action["status"] == "COMPLETED", action
    assert action["result"]["emailSent"] is True


@journey_of("action_worker")
def an_export_uses_further_fonts(world: World, name: str) -> None:
    world.create_image(fileName="写真.jpg")
    action = work(world, name, export(world, format="pdf"))
    assert "写真.jpg" in world.pdf_text(action["files"][0]["fileKey"])


@journey_of("action_worker")
def an_export_that_fails_leaves_no_unfinished_upload(world: World, name: str) -> None:
    broken = world.create_image(Status.COMPLETED, remove=("fileName",))
    try:
        world.invoke_failing(name, delivered(world, export(world)))
    finally:
        world.remove_image(broken)
    assert world.unfinished_uploads("S3_OUTPUT_BUCKET", f"exports/{world.user_id}/") == []


@journey_of("action_worker")
def an_export_leaves_no_file_if_its_action_is_erased_meanwhile(world: World, name: str) -> None:
    action = export(world)
    with when_written(action.action_id, lambda: ACTIONS.delete(action.user_id, action.action_id)):
        world.invoke(name, delivered(world, action))
    assert world.file_keys("S3_OUTPUT_BUCKET", f"exports/{world.user_id}/{action.action_id}") == []
