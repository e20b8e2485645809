"""Actions that an external service does, and everything that such a service may do wrong."""

import json
import time
from typing import Any

import pytest

from chalicelib.actions import ACTIONS, Action
from chalicelib.core import ids
from chalicelib.core.http import signatures
from local.fake_api import FakeApi
from local.fake_api.faults import Fault
from tests import pictures
from tests.journeys.gateway import call
from tests.journeys.user import User


def new_action(user_id: str, job: str) -> Action:
    return Action(user_id=user_id, action_id=job, action_type="PROCESS_FILE", created_at=ids.now())


@pytest.fixture(scope="module")
def photo(ann: User) -> str:
    image_id = ann.upload(pictures.jpeg(800, 600))
    ann.finished(image_id)
    return image_id


def process(user: User, photo: str) -> Any:
    return call("POST /actions/process", user.headers, {"fileId": photo, "processingType": "analyze"})


def action(user: User, action_id: str) -> dict[str, Any]:
    answer = call("GET /actions/{actionId}", user.headers, actionId=action_id)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.body["action"]
    return found


def test_the_service_is_sent_its_key_and_a_link_to_the_file(ann: User, photo: str, fake_api: FakeApi) -> None:
    answer = process(ann, photo)
    assert (answer.status, answer.body["status"]) == (200, "PENDING")
    taken = fake_api.received[-1]
    assert (taken.method, taken.path) == ("POST", "/file-processor/upload")
    assert taken.headers["Authorization"] == f"Bearer {fake_api.api_key}"
    assert taken.json()["actionId"] == answer.body["jobId"]
    assert taken.json()["callbackUrl"] == f"https://api.example.com/actions/{answer.body['jobId']}/callback"
    assert f"/uploads/{ann.id}/{photo}" in taken.json()["sourceUrl"]
    assert "versionId=" in taken.json()["sourceUrl"], "the service gets this version even if the object is replaced"


def test_reading_an_action_polls_the_service_until_it_is_completed(ann: User, photo: str, fake_api: FakeApi) -> None:
    job = process(ann, photo).body["jobId"]
    stand = [(each["status"], each["externalStatus"]) for each in (action(ann, job) for _ in range(4))]
    assert stand[0] == ("PENDING", "queued")
    assert stand[-1] == ("COMPLETED", "completed")
    assert action(ann, job)["externalId"] == "work-000001"


def test_an_action_that_the_service_finishes_at_once_is_completed_at_once(
    ann: User, photo: str, fake_api: FakeApi
) -> None:
    fake_api.done_at_once = True
    assert process(ann, photo).body["status"] == "COMPLETED"


def test_a_service_that_fails_the_work_fails_the_action(ann: User, photo: str, fake_api: FakeApi) -> None:
    fake_api.done_at_once, fake_api.outcome = True, "failed"
    answer = process(ann, photo)
    assert answer.body["status"] == "FAILED"
    assert action(ann, answer.body["jobId"])["reason"]["code"] == "EXTERNAL_SERVICE_FAILED"


OUT = (503, "EXTERNAL_SERVICE_FAILED", "The external service is unavailable.")
REFUSED = (502, "EXTERNAL_SERVICE_REFUSED", "The external service refused the request.")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.ERROR, OUT),
        (Fault.REDIRECT_INSIDE, OUT),
        (Fault.REFUSED, REFUSED),
    ],
)
def test_a_misbehaving_service_fails_the_action_with_a_reason_that_names_no_host(
    ann: User, photo: str, fake_api: FakeApi, fault: Fault, expected: tuple[int, str, str]
) -> None:
    fake_api.fail("/file-processor/upload", fault, times=None, retry_after="60")
    answer = process(ann, photo)
    assert (answer.status, answer.body["error"]["code"], answer.body["message"]) == expected
    ended = action(ann, answer.body["actionId"])
    assert (ended["status"], ended["reason"]) == ("FAILED", {"code": expected[1], "message": expected[2]})
    stored = ACTIONS.get(ann.id, answer.body["actionId"])
    for hidden in (fake_api.api_key, "127.0.0.1", "169.254", "file-processor"):
        assert hidden not in f"{json.dumps(answer.body)} {json.dumps(ended)} {stored}"
    assert ann.image(photo)["status"] == "COMPLETED", "the file is unharmed"


def test_a_stored_reason_that_names_a_host_is_not_shown(ann: User, function: pytest.MonkeyPatch) -> None:
    job = ids.new_id("act")
    row = new_action(ann.id, job).to_item()
    ACTIONS.put({**row, "status": "FAILED", "reason": "EXTERNAL_SERVICE_FAILED: inner.example did not answer"})
    assert action(ann, job)["reason"] == {"code": OUT[1], "message": OUT[2]}
    ACTIONS.delete(ann.id, job)


def test_custom_actions_of_allowed_types_go_to_the_generic_processor(ann: User, fake_api: FakeApi) -> None:
    asked = {"actionType": "TRANSLATE", "payload": {"text": "hello"}, "metadata": {"to": "de"}}
    answer = call("POST /actions/custom", ann.headers, asked)
    assert answer.status == 200
    assert fake_api.received[-1].path == "/generic-processor"
    assert fake_api.received[-1].json()["payload"] == {"text": "hello"}
    assert action(ann, answer.body["actionId"])["actionType"] == "TRANSLATE"
    assert call("GET /actions", ann.headers).body["customTypes"] == ["TRANSLATE", "SCAN"]
    refused = call("POST /actions/custom", ann.headers, {**asked, "actionType": "LAUNCH"})
    assert (refused.status, refused.body["error"]["details"][0]["field"]) == (400, "actionType")


def test_without_an_external_service_custom_actions_are_refused_with_503(
    ann: User, function: pytest.MonkeyPatch
) -> None:
    function.setenv("CUSTOM_ACTION_TYPES", "TRANSLATE")
    answer = call("POST /actions/custom", ann.headers, {"actionType": "TRANSLATE", "payload": {}})
    assert (answer.status, answer.body["error"]["code"]) == (503, "NO_EXTERNAL_SERVICE")


# ---------------------------------------------------------------------- callbacks


def report(
    fake_api: FakeApi, action_id: str, work: dict[str, Any], sent_at: int | None = None, signed_for: str | None = None
) -> Any:
    """The API's answer to a callback about the action, signed for it or for another one."""
    body, sent_at = json.dumps(work).encode(), int(time.time()) if sent_at is None else sent_at
    header = signatures.sign(fake_api.callback_secret, sent_at, body, signed_for or action_id)
    return call("POST /actions/{actionId}/callback", {signatures.HEADER: header}, work, actionId=action_id)


def test_a_signed_callback_ends_the_action_once(ann: User, photo: str, fake_api: FakeApi) -> None:
    job = process(ann, photo).body["jobId"]
    work = {"id": "work-000001", "status": "completed", "resultUrl": "https://results.example.com/1"}
    assert report(fake_api, job, work).status == 200
    ended = action(ann, job)
    assert (ended["status"], ended["resultUrl"]) == ("COMPLETED", "https://results.example.com/1")
    again = report(fake_api, job, {**work, "status": "failed"})
    assert (again.status, again.body["error"]["code"]) == (409, "ACTION_FINISHED")
    assert action(ann, job) == ended


def test_a_callback_without_a_current_signature_for_its_own_work_changes_nothing(
    ann: User, photo: str, fake_api: FakeApi
) -> None:
    job = process(ann, photo).body["jobId"]
    work = {"id": "work-000001", "status": "completed"}
    assert report(fake_api, job, work, sent_at=int(time.time()) - 3600).status == 401
    assert call("POST /actions/{actionId}/callback", {}, work, actionId=job).status == 401
    forged = call(
        "POST /actions/{actionId}/callback",
        {signatures.HEADER: signatures.sign("guessed", int(time.time()), json.dumps(work).encode())},
        work,
        actionId=job,
    )
    assert forged.status == 401
    bare = {"id": "work-000001"}
    signed = signatures.sign(fake_api.callback_secret, int(time.time()), json.dumps(bare).encode(), job)
    header = {signatures.HEADER: signed}
    grafted = call(
        "POST /actions/{actionId}/callback", header, bare, query={"status": "failed", "message": "No."}, actionId=job
    )
    assert grafted.status == 400, "a query is not signed"
    assert report(fake_api, job, {**work, "id": "work-999999"}).status == 404
    assert report(fake_api, "act_" + "0" * 26, work).status == 404
    assert report(fake_api, job, {**work, "status": "exploded"}).status == 400
    fake_api.fail("/file-processor/upload/*", Fault.ERROR, times=None)
    assert action(ann, job)["status"] == "PENDING"


def test_a_callback_signed_for_one_action_is_refused_for_another(ann: User, photo: str, fake_api: FakeApi) -> None:
    first, second = (process(ann, photo).body["jobId"] for _ in range(2))
    # The service may use an id twice, so the id in the body does not identify the action.
    ACTIONS.update(ann.id, second, change={"externalId": "work-000001"})
    work = {"id": "work-000001", "status": "completed"}
    assert report(fake_api, second, work, signed_for=first).status == 401
    assert report(fake_api, first, work).status == 200
    fake_api.fail("/file-processor/upload/*", Fault.ERROR, times=None)
    assert action(ann, second)["status"] == "PENDING"


def test_a_signature_of_the_body_alone_is_accepted_only_if_the_body_names_the_action(
    ann: User, photo: str, fake_api: FakeApi
) -> None:
    job, other = (process(ann, photo).body["jobId"] for _ in range(2))

    def reported(work: dict[str, Any]) -> int:
        header = signatures.sign(fake_api.callback_secret, int(time.time()), json.dumps(work).encode())
        return call("POST /actions/{actionId}/callback", {signatures.HEADER: header}, work, actionId=job).status

    work = {"id": "work-000001", "status": "completed"}
    assert reported(work) == 401
    assert reported({**work, "actionId": other}) == 401
    assert reported({**work, "actionId": job}) == 200
    assert action(ann, job)["status"] == "COMPLETED"


def test_a_callback_for_an_id_that_two_accounts_share_is_refused(fake_api: FakeApi) -> None:
    job = ids.new_id("act")
    for user_id in ("two-of-them", "have-it"):
        ACTIONS.put(new_action(user_id, job).to_item())
    assert report(fake_api, job, {"id": "work-000001", "status": "completed"}).status == 404
    for user_id in ("two-of-them", "have-it"):
        ACTIONS.delete(user_id, job)


def test_without_an_external_service_every_callback_is_refused(ann: User) -> None:
    work = {"id": "work-000001", "status": "completed"}
    assert ann.post(f"/actions/act_{'0' * 26}/callback", **work).status_code == 401
