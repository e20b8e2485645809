"""A request that failed after it had done something: under its Idempotency-Key, the next try goes on with the same."""

import base64
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.errors import UnavailableError
from chalicelib.images import IMAGES
from local.machine import Machine
from tests import pictures
from tests.journeys.gateway import Answer, call
from tests.journeys.user import User
from tests.waiting import wait_for


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url)


def fail_once(function: pytest.MonkeyPatch, name: str, *, after: bool = False) -> None:
    """The first call of the function of that name fails, before or after it has done its work."""
    left = [True]
    module, _, attribute = name.rpartition(".")

    def fail_first(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            if not left or after:
                answer = original(*args, **named)
                if not left:
                    return answer
            left.clear()
            raise UnavailableError

        return run

    owner = pytest.importorskip(module)
    function.setattr(owner, attribute, fail_first(getattr(owner, attribute)))


def tries(function: pytest.MonkeyPatch, send: Callable[[dict[str, str]], Answer]) -> Answer:
    """Sends a request twice under one key; the first time it fails. Gives the second answer."""
    key = {"Idempotency-Key": secrets.token_urlsafe(16)}
    first = send(key)
    assert (first.status, first.body["error"]["code"]) == (503, "UNAVAILABLE")
    second = send(key)
    assert second.status == 200, second.body
    assert "Idempotency-Replayed" not in second.headers, "nobody has had an answer yet"
    third = send(key)
    assert third.headers.get("Idempotency-Replayed") == "true", third.body
    return second


def executed(user: User, image_id: str, number: int) -> None:
    """Waits until the image is finished by its execution of that number, and has no later one."""

    def is_done() -> bool:
        item = IMAGES.get(user.id, image_id) or {}
        assert int(item["execution"].rpartition("-")[2]) <= number
        return bool(item["status"] == "COMPLETED" and item["execution"] == f"{image_id}-{number}")

    wait_for(is_done, f"execution {number} of {image_id}", 30)


@pytest.mark.parametrize("runs_before_the_next_try", [True, False])
def test_an_image_is_processed_again_once(
    function: pytest.MonkeyPatch, ann: User, *, runs_before_the_next_try: bool
) -> None:
    image_id = ann.upload(pictures.jpeg(64, 64))
    ann.finished(image_id)
    fail_once(function, "chalicelib.images.states.run_again", after=not runs_before_the_next_try)
    seen: list[str] = []

    def send(key: dict[str, str]) -> Answer:
        if seen and runs_before_the_next_try:
            executed(ann, image_id, 2)
        seen.append(key["Idempotency-Key"])
        return call("POST /images/{imageId}/reprocess", {**ann.headers, **key}, imageId=image_id)

    tries(function, send)
    executed(ann, image_id, 2)
    # Another request is another deed.
    assert ann.post(f"/images/{image_id}/reprocess").status_code == 200
    executed(ann, image_id, 3)


PHOTO = {"fileName": "a.jpg", "fileType": "image/jpeg"}
CONTENT = {"fileName": "b.jpg", "content": base64.b64encode(pictures.jpeg(64, 64)).decode()}


@pytest.mark.parametrize(
    ("failing", "path", "body"),
    [
        ("chalicelib.images.uploads._announcement", "create_upload", PHOTO),
        ("chalicelib.images.imports._answer", "import_image", CONTENT),
    ],
)
def test_an_image_is_announced_once(
    function: pytest.MonkeyPatch, ann: User, failing: str, path: str, body: dict[str, str]
) -> None:
    fail_once(function, failing)
    answer = tries(function, lambda key: call("POST /agent/{tool}", {**ann.headers, **key}, body, tool=path))
    images = ann.get("/images").json()["items"]
    assert [image["imageId"] for image in images] == [answer.body["imageId"]]


def test_an_import_that_was_withdrawn_is_made_by_the_next_try(function: pytest.MonkeyPatch, ann: User) -> None:
    fail_once(function, "chalicelib.core.aws.objects.write")
    answer = tries(
        function, lambda key: call("POST /agent/{tool}", {**ann.headers, **key}, CONTENT, tool="import_image")
    )
    images = ann.get("/images").json()["items"]
    assert [image["imageId"] for image in images] == [answer.body["imageId"]]


def test_an_action_is_begun_once(function: pytest.MonkeyPatch, ann: User) -> None:
    image_id = ann.upload(pictures.jpeg(64, 64))
    ann.finished(image_id)
    body = {"fileId": image_id, "processingType": "analyze"}
    fail_once(function, "chalicelib.actions.lifecycle.complete")
    answer = tries(function, lambda key: call("POST /actions/process", {**ann.headers, **key}, body))
    actions = ann.get("/actions").json()["items"]
    assert [(action["actionId"], action["status"]) for action in actions] == [(answer.body["jobId"], "COMPLETED")]


def test_a_key_is_created_once(function: pytest.MonkeyPatch, machine: Machine, ann: User) -> None:
    body = {"name": "a key", "accessTypes": ["file_upload"]}
    fail_once(function, "chalicelib.accounts.api_keys.service.transact", after=True)
    answer = tries(function, lambda key: call("POST /keys", {**ann.headers, **key}, body))
    keys = ann.get("/keys").json()["items"]
    assert [key["keyId"] for key in keys] == [answer.body["keyId"]]
    robot = User(machine.api_url)
    robot.more_headers["Authorization"] = f"Bearer {answer.body['key']}"
    assert robot.get("/images").status_code == 200


def test_what_is_refused_leaves_nothing_to_go_on_with(function: pytest.MonkeyPatch, ann: User) -> None:
    image_id = ann.announce(b"")["imageId"]
    key = {"Idempotency-Key": secrets.token_urlsafe(16)}
    for _ in range(2):
        answer = call("POST /images/{imageId}/reprocess", {**ann.headers, **key}, imageId=image_id)
        assert (answer.status, answer.body["error"]["code"]) == (409, "IMAGE_NOT_FINISHED")
