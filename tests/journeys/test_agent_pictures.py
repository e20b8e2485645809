"""How agents wait for a picture and see it: `wait_for_image` and `view_image`, which have no route of their own."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from chalicelib import images
from chalicelib.core.deadline import Deadline
from chalicelib.core.http import payload
from chalicelib.core.observing import tracking
from chalicelib.images import viewing, waiting
from chalicelib.images.models import IMAGES, Variant
from chalicelib.images.schemas import DEFAULT_WAIT_SECONDS, MOST_WAIT_SECONDS
from tests import pictures
from tests.journeys.gateway import Answer, call, calls_made
from tests.journeys.user import User


@pytest.fixture(scope="module")
def photo(ann: User) -> dict[str, Any]:
    """A finished image of Ann's."""
    return ann.finished(ann.upload(pictures.jpeg(1600, 1200)))


def use(user: User, tool: str, **data: Any) -> Answer:
    return call("POST /agent/{tool}", user.headers, {"data": data}, tool=tool)


def variants(photo: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
    return [each for each in photo["variants"] if wanted.items() <= each.items()]


# --------------------------------------------------------------------------------- seeing


@pytest.mark.usefixtures("function")
def test_a_variant_is_shown_as_it_is_stored(robot: User, photo: dict[str, Any]) -> None:
    for wanted, answered in ((None, "small"), ("medium-watermarked", "medium-watermarked")):
        more = {} if wanted is None else {"variant": wanted}
        seen = use(robot, "view_image", imageId=photo["imageId"], **more).body
        (stored,) = variants(photo, name=answered)
        assert base64.b64decode(seen.pop("data")) == requests.get(stored["url"], timeout=30).content
        assert seen == {
            "success": True,
            "imageId": photo["imageId"],
            "variant": answered,
            "dimensions": stored["dimensions"],
            "fileSize": stored["fileSize"],
            "mimeType": "image/jpeg",
        }


def test_a_variant_that_is_too_large_names_smaller_ones(
    robot: User, photo: dict[str, Any], function: pytest.MonkeyPatch
) -> None:
    sizes = {each["name"]: each["fileSize"] for each in photo["variants"]}
    function.setattr(viewing, "MOST_BYTES", sizes["medium"])
    refused = use(robot, "view_image", imageId=photo["imageId"], variant="large")
    assert (refused.status, refused.body["error"]["code"]) == (409, "VARIANT_TOO_LARGE")
    smaller = [name for name, size in sizes.items() if size <= sizes["medium"]]
    assert refused.body["error"]["nextStep"] == f"Call view_image with one of these as variant: {', '.join(smaller)}."
    assert use(robot, "view_image", imageId=photo["imageId"], variant=smaller[0]).status == 200
    function.setattr(viewing, "MOST_BYTES", 1)
    refused = use(robot, "view_image", imageId=photo["imageId"])
    assert "get_image" in refused.body["error"]["nextStep"]


@pytest.mark.usefixtures("function")
def test_what_cannot_be_shown_is_refused_with_the_next_step(ann: User, robot: User, photo: dict[str, Any]) -> None:
    def refusal(**data: Any) -> tuple[int, str, str]:
        answer = use(robot, "view_image", **data)
        return answer.status, answer.body["error"]["code"], answer.body["error"]["nextStep"]

    status, code, step = refusal(imageId="img_none")
    assert (status, code) == (404, "IMAGE_NOT_FOUND")
    assert "list_images" in step
    status, code, step = refusal(imageId=photo["imageId"], variant="huge")
    assert (status, code) == (404, "VARIANT_NOT_FOUND")
    assert "get_image" in step
    waiting_for_file = ann.announce(b"")["imageId"]
    status, code, step = refusal(imageId=waiting_for_file)
    assert (status, code) == (409, "IMAGE_NOT_FINISHED")
    assert f'wait_for_image with imageId "{waiting_for_file}"' in step
    IMAGES.update(ann.id, waiting_for_file, change={"status": "FAILED", "reason": "truncated: It is cut off."})
    answer = use(robot, "view_image", imageId=waiting_for_file)
    assert answer.body["error"]["code"] == "IMAGE_FAILED"
    assert "truncated: It is cut off." in answer.body["message"]


@pytest.mark.usefixtures("function")
def test_a_picture_of_somebody_else_is_not_found(robot: User, photo: dict[str, Any]) -> None:
    bob = User.new(robot.url)
    for tool in ("view_image", "wait_for_image"):
        assert use(bob, tool, imageId=photo["imageId"]).status == 404


def variant(format_name: str, dimensions: str = "8x8", *, marked: bool = False) -> Variant:
    return Variant("small", dimensions, format_name, f"processed/{format_name}", 100, marked)


def test_the_smallest_unmarked_variant_is_shown_in_a_format_that_models_take() -> None:
    def chosen(*offered: Variant) -> tuple[str, str, bool]:
        image = SimpleNamespace(variants=offered)
        found = viewing._choose(image, None)  # type: ignore[arg-type]
        return found.dimensions, found.format, found.watermarked

    assert chosen(variant("avif"), variant("webp"), variant("png")) == ("8x8", "png", False)
    assert chosen(variant("avif"), variant("webp")) == ("8x8", "webp", False)
    assert chosen(variant("jpeg", marked=True), variant("avif")) == ("8x8", "avif", False)
    assert chosen(variant("jpeg", "9x9"), variant("jpeg", marked=True)) == ("8x8", "jpeg", True)


# -------------------------------------------------------------------------------- waiting


@dataclass
class Clock:
    """Time that passes by sleeping alone; `happening` is called at each sleep, with the time before it."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)
    happening: Any = None

    def sleep(self, seconds: float) -> None:
        if self.happening is not None:
            self.happening(self.now)
        self.slept.append(seconds)
        self.now += seconds

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, lambda: self.now, self.sleep)


@pytest.mark.usefixtures("function")
def test_a_wait_ends_when_the_image_does(ann: User) -> None:
    image_id = ann.announce(b"")["imageId"]

    def finish(now: float) -> None:
        if now > 3:
            IMAGES.update(ann.id, image_id, change={"status": "COMPLETED"})

    clock = Clock(happening=finish)
    assert waiting.poll(ann.id, image_id, clock.deadline(20)).status == "COMPLETED"
    assert 3 < clock.now < 7


@pytest.mark.usefixtures("function")
def test_a_wait_is_bounded_in_time_and_in_reads(ann: User) -> None:
    clock, image_id = Clock(), ann.announce(b"")["imageId"]
    made = calls_made()
    assert waiting.poll(ann.id, image_id, clock.deadline(MOST_WAIT_SECONDS)).status == "PENDING"
    assert clock.now == MOST_WAIT_SECONDS
    assert made == ["GetItem"] * (len(clock.slept) + 1)
    assert len(made) == 17, "as the documents say"
    assert clock.slept == sorted(clock.slept[:-1]) + clock.slept[-1:], "the reads get rarer"


@pytest.mark.usefixtures("function")
def test_a_wait_ends_before_the_run_does(ann: User) -> None:
    made, image_id = calls_made(), ann.announce(b"")["imageId"]
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 3000)
    user: Any = SimpleNamespace(id=ann.id)
    answer = images.wait_for_image(user, {"imageId": image_id}, context)
    assert answer["isFinished"] is False
    assert made == ["GetItem"]


def test_a_wait_answers_the_image_and_how_to_go_on(ann: User, robot: User) -> None:
    """Over HTTP: the picture is on its way while the request waits."""

    def wait(image_id: str, seconds: int) -> dict[str, Any]:
        answer = robot.post("/agent/wait_for_image", imageId=image_id, seconds=seconds)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    announced = ann.announce(b"")["imageId"]
    early = wait(announced, 0)
    assert (early["image"]["status"], early["isFinished"]) == ("PENDING", False)
    assert "uploadUrl" in early["nextStep"]
    image_id = ann.upload(pictures.jpeg(320, 240))
    ended = wait(image_id, 20)
    assert (ended["image"]["status"], ended["isFinished"]) == ("COMPLETED", True)
    assert "view_image" in ended["nextStep"]
    broken = wait(ann.upload(b"no picture"), 20)
    assert (broken["image"]["status"], broken["isFinished"]) == ("FAILED", True)
    assert "another picture" in broken["nextStep"]
    assert robot.post("/agent/wait_for_image", imageId=image_id, seconds=25).status_code == 400


def test_the_figures_of_the_document_are_true() -> None:
    text = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
    figures = [
        f"up to {payload.MOST_BODY_BYTES:,} bytes",
        f"({payload.MAX_EVENT_BYTES:,} bytes)",
        f"0 to {MOST_WAIT_SECONDS}, by default {DEFAULT_WAIT_SECONDS}",
        f"{tracking.lambda_cost(DEFAULT_WAIT_SECONDS * 1000, 512, 'arm64'):.5f} dollars",
    ]
    for figure in figures:
        assert figure in text, figure
    assert viewing.MOST_BYTES == 1024**2, "1 MiB"
