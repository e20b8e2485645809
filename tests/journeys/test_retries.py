"""Images that fail by a fault of ours: tried again after growing pauses, each try once, before an operator is asked."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import images
from chalicelib.images import IMAGES, Status
from chalicelib.jobs.sweeper import stuck
from local.machine import Machine
from local.moto_patches.stepfunctions_progress import PROGRESS
from tests.journeys.image_state import count_runs, executions_of, queue_depth
from tests.journeys.subscriber import subscribe
from tests.journeys.sweeping import PHOTO, becomes, finished_photo, found, later, row, sweep
from tests.journeys.user import User
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("function", "emptied")


@pytest.fixture
def lost_original(ann: User) -> tuple[str, str]:
    """A finished image whose row names a version that does not exist, and the version that does."""
    image_id = finished_photo(ann)
    version = row(ann, image_id)["objectVersion"]
    IMAGES.update(ann.id, image_id, change={"objectVersion": "gone"})
    return image_id, version


def test_an_image_that_broke_off_waits_and_is_tried_again(
    machine: Machine, ann: User, lost_original: tuple[str, str]
) -> None:
    (image_id, version), letters = lost_original, queue_depth(machine, "uploads-dead")
    received = subscribe(machine, "SNS_TOPIC_ARN")
    becomes(ann, image_id, Status.UPLOADED, remove=("execution", "variants", "processedAt"))
    sweep({}, later(minutes=21))
    wait_for(lambda: row(ann, image_id)["unfinished"] == "RETRY-1", "the try to break off", 60)

    shown = ann.image(image_id)
    assert (shown["status"], shown["reason"]["code"], shown["variants"]) == ("PROCESSING", "processing_failed", [])
    assert image_id not in found(sweep({}, later(minutes=59)), "imagesLedOn")
    IMAGES.update(ann.id, image_id, change={"objectVersion": version})
    assert image_id in found(sweep({}, later(minutes=61)), "imagesLedOn")
    shown = ann.finished(image_id)
    assert (shown["status"], shown["reason"], len(shown["variants"])) == ("COMPLETED", None, 6)
    assert row(ann, image_id)["execution"] == f"{image_id}-2"
    assert "retries" not in row(ann, image_id)
    assert queue_depth(machine, "uploads-dead") == letters, "no operator is asked"

    def heard() -> list[str]:
        messages = [json.loads(each["Message"]) for each in received()]
        return [each["status"] for each in messages if each["imageId"] == image_id]

    assert wait_for(heard, "the announcement") == ["COMPLETED"], "what was not final was not announced"


@pytest.mark.parametrize(("retries", "minutes"), [(0, 15), (1, 60), (2, 4 * 60), (3, 24 * 60)])
def test_the_pauses_grow(ann: User, retries: int, minutes: int) -> None:
    image_id = ann.upload(PHOTO)
    ann.finished(image_id)
    execution = row(ann, image_id)["execution"]
    waits = {"unfinished": f"RETRY-{retries}", "retries": retries, "startedAt": "2026-01-01T00:00:00.000Z"}
    becomes(ann, image_id, Status.PROCESSING, remove=("variants",), **waits)
    assert image_id not in found(sweep({}, later(minutes=minutes - 1)), "imagesLedOn")
    assert image_id in found(sweep({}, later(minutes=minutes + 1)), "imagesLedOn")
    assert ann.finished(image_id)["status"] == "COMPLETED"
    assert row(ann, image_id)["execution"] == execution.removesuffix("1") + "2"


def test_an_execution_that_never_ends_waits_as_long_as_one_that_broke_off(ann: User) -> None:
    image_id = ann.upload(PHOTO)
    ann.finished(image_id)
    becomes(ann, image_id, Status.PROCESSING, remove=("variants",), retries=1, startedAt="2026-01-01T00:00:00.000Z")
    assert sweep({}, later(minutes=21))["counts"]["imagesWaiting"] == 1
    assert row(ann, image_id)["unfinished"] == "RETRY-1"
    assert ann.image(image_id)["reason"]["code"] == "stuck"
    assert image_id in found(sweep({}, later(minutes=61)), "imagesLedOn")
    assert ann.finished(image_id)["status"] == "COMPLETED"


def test_its_owner_need_not_wait_for_the_next_try(ann: User) -> None:
    image_id = ann.upload(PHOTO)
    ann.finished(image_id)
    waits = {"unfinished": "RETRY-3", "retries": 3, "startedAt": "2026-01-01T00:00:00.000Z"}
    becomes(ann, image_id, Status.PROCESSING, remove=("variants",), **waits)
    assert ann.post(f"/images/{image_id}/reprocess").status_code == 200
    assert ann.finished(image_id)["status"] == "COMPLETED"
    assert image_id not in found(sweep({}, later(hours=25)), "imagesLedOn")


def test_a_picture_that_is_to_blame_is_not_tried_again(ann: User) -> None:
    image_id = ann.upload(b"no picture")
    assert ann.finished(image_id)["status"] == "FAILED"
    assert "unfinished" not in row(ann, image_id)


def test_a_round_that_is_killed_after_its_message_runs_the_image_once(
    machine: Machine, ann: User, function: pytest.MonkeyPatch
) -> None:
    image_id = ann.upload(PHOTO)
    ann.finished(image_id)
    runs = count_runs(machine, ann, "resize")
    becomes(ann, image_id, Status.PROCESSING, startedAt="2026-01-01T00:00:00.000Z")

    def killed(*_: Any) -> None:
        raise SystemExit

    function.setattr(images, "mark_sent_on", killed)
    image = next(images.unfinished_since(Status.PROCESSING, "0", "9"))
    for _ in range(3):
        with pytest.raises(SystemExit):
            stuck._retry(image, "2026-01-02T00:00:00.000Z")
    assert ann.finished(image_id)["status"] == "COMPLETED"
    wait_for(lambda: queue_depth(machine, "uploads") == 0 and not executions_of(image_id), "all messages to be done")
    assert row(ann, image_id)["execution"] == f"{image_id}-2"
    wait_for(lambda: count_runs(machine, ann, "resize") > runs, "the usage record")
    assert count_runs(machine, ann, "resize") == runs + 1


# ------------------------------------------------------------------------- the gate


def claimed(machine: Machine, user: User) -> tuple[str, dict[str, Any]]:
    """An image as the orchestrator leaves it, with its file; and the input of its execution."""
    image_id = user.announce(b"")["imageId"]
    bucket, key = machine.environment["S3_INPUT_BUCKET"], f"uploads/aside-{image_id}.jpg"
    version = machine.client("s3").put_object(Bucket=bucket, Key=key, Body=PHOTO)["VersionId"]
    becomes(user, image_id, Status.PROCESSING, execution=f"{image_id}-1", s3Key=key, objectVersion=version)
    image = images.get(user.id, image_id)
    step = {**image.message(), "objectVersion": version, "execution": f"{image_id}-1", "apiKeyId": None}
    return image_id, {**step, "correlationId": "c", "retry": "RETRY-0"}


def start(machine: Machine, step: dict[str, Any]) -> str:
    started = machine.client("stepfunctions").start_execution(
        stateMachineArn=machine.environment["STEP_FUNCTIONS_ARN"], name=step["execution"], input=json.dumps(step)
    )
    return str(started["executionArn"])


def lose_answers(monkeypatch: pytest.MonkeyPatch, image_id: str, lost: int, meanwhile: Callable[[], None]) -> list[str]:
    """The state `Begin` of the image gets no answer to its first writes; `meanwhile` is called after each of them."""
    # Not before the machine has patched what this module imports.
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (
        StateTaskServiceDynamoDB,
    )

    losses: list[str] = []
    task = StateTaskServiceDynamoDB._eval_service_task

    def lose(self: Any, env: Any, *arguments: Any, **named: Any) -> None:
        task(self, env, *arguments, **named)
        state = env.states.context_object.context_object_data["State"]["Name"]
        if state == "Begin" and env.states.get_input()["imageId"] == image_id and len(losses) < lost:
            losses.append(state)
            meanwhile()
            raise ConnectionError("no answer")

    monkeypatch.setattr(StateTaskServiceDynamoDB, "_eval_service_task", lose)
    return losses


def test_executions_of_the_same_name_run_the_image_once(machine: Machine) -> None:
    user = User.new(machine.api_url)
    image_id, step = claimed(machine, user)
    assert len({start(machine, step) for _ in range(3)}) == 3
    assert user.finished(image_id)["status"] == "COMPLETED"
    wait_for(lambda: not executions_of(image_id), "all executions to end")
    wait_for(lambda: count_runs(machine, user, "watermark") == 1, "the usage record")
    assert count_runs(machine, user, "validation") == 1


def test_a_second_try_of_the_gate_reads_the_row_as_it_is(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.new(machine.api_url)
    image_id, step = claimed(machine, user)

    def run_again() -> None:
        becomes(user, image_id, Status.PROCESSING, execution=f"{image_id}-2", remove=("startedAt", "startedBy"))

    answers = lose_answers(monkeypatch, image_id, 1, run_again)
    arn = start(machine, step)
    wait_for(lambda: answers and arn not in PROGRESS, "the execution to end")
    assert (row(user, image_id)["status"], count_runs(machine, user, "validation")) == ("PROCESSING", 0)


@pytest.mark.parametrize("lost", [1, pytest.param(4, marks=pytest.mark.slow)], ids=["once", "always"])
def test_an_image_is_processed_although_the_answer_that_it_began_is_lost(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    user = User.new(machine.api_url)
    image_id, step = claimed(machine, user)
    begun: list[str] = []
    lose_answers(monkeypatch, image_id, lost, lambda: begun.append(row(user, image_id)["startedBy"]))
    arn = start(machine, step)
    if lost > 1:
        wait_for(lambda: row(user, image_id)["unfinished"] == "RETRY-0", "the try to be given up", 60)
        assert image_id in found(sweep({}, later(minutes=16)), "imagesLedOn")
    assert user.finished(image_id)["status"] == "COMPLETED"
    assert begun == [arn] * lost
    wait_for(lambda: count_runs(machine, user, "watermark") == 1, "the usage record")
    assert count_runs(machine, user, "validation") == 1
