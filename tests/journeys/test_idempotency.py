"""Idempotency-Key: a repeated request runs at most once, even if the repetitions arrive at the same time."""

import hashlib
import json
import re
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.accounts.permissions import public, signed_in
from chalicelib.core import clients
from chalicelib.core.aws import grants
from chalicelib.core.errors import ConflictError, InvalidRequestError, UnavailableError
from chalicelib.core.http import idempotency
from chalicelib.core.http.access import validated
from chalicelib.core.http.operations import Replay
from chalicelib.core.schemas import MESSAGE, NO_PAYLOAD
from chalicelib.core.settings import Settings
from infra import triggers
from local.machine import Machine
from tests import pictures
from tests.journeys.gateway import Answer, call, calls_made
from tests.journeys.issuing_keys import issue_key, key_holder
from tests.journeys.user import User

PHOTO = {"fileName": "a.jpg", "fileType": "image/jpeg"}


@pytest.fixture
def ann(machine: Machine) -> User:
    """A new user for each test."""
    return User.new(machine.api_url)


def new_key() -> str:
    return secrets.token_urlsafe(24)


def announce(user: User, key: str | bytes, **changed: Any) -> requests.Response:
    return user.request("POST", "/upload", json={**PHOTO, **changed}, headers={"Idempotency-Key": key})


def images(user: User) -> list[str]:
    return [image["imageId"] for image in user.get("/images").json()["items"]]


def stored(machine: Machine) -> list[dict[str, Any]]:
    name = machine.environment["IDEMPOTENCY_TABLE"]
    pages = machine.client("dynamodb").get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    return [clients.unmarshal(item) for page in pages for item in page["Items"]]


def code_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def unlinked(answer: requests.Response) -> dict[str, Any]:
    """An answer of POST /upload without its link's signature, which changes every second."""
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return {**body, "uploadUrl": body["uploadUrl"].partition("?")[0]}


def test_a_repeated_request_gets_the_same_answer_and_does_nothing(ann: User) -> None:
    key = new_key()
    first, again, third = announce(ann, key), announce(ann, key), announce(ann, key)
    assert unlinked(again) == unlinked(third) == unlinked(first)
    assert list(again.json()) == list(first.json())
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == third.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert images(ann) == [first.json()["imageId"]]


def test_another_request_with_the_same_key_is_refused(ann: User) -> None:
    key = new_key()
    first = announce(ann, key)
    assert code_of(announce(ann, key, fileName="b.jpg")) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert unlinked(announce(ann, key)) == unlinked(first)
    assert len(images(ann)) == 1


def test_equivalent_bodies_count_as_the_same_request(ann: User) -> None:
    key = new_key()
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    turned = json.dumps({"data": dict(reversed(PHOTO.items()))}, indent=4)
    first = announce(ann, key)
    assert unlinked(ann.request("POST", "/upload", data=turned, headers=headers)) == unlinked(first)


def test_a_key_belongs_to_one_user_and_one_operation(machine: Machine, ann: User) -> None:
    key, bob = new_key(), User.new(machine.api_url)
    mine, his = announce(ann, key), announce(bob, key)
    assert mine.json()["imageId"] != his.json()["imageId"]
    image_id = mine.json()["imageId"]
    other = ann.request("POST", f"/images/{image_id}/reprocess", headers={"Idempotency-Key": key})
    assert code_of(other) == (409, "IMAGE_NOT_FINISHED"), "the operation ran: the image has no file yet"
    robot = issue_key(ann, "file_upload")[1]
    assert unlinked(announce(robot, key)) == unlinked(mine), "the same user with a key instead of a token"


def test_a_failed_request_may_be_sent_again(ann: User) -> None:
    key = new_key()
    announced = ann.announce(data := pictures.jpeg(320, 240))
    path = f"/images/{announced['imageId']}/reprocess"

    def reprocess() -> requests.Response:
        return ann.request("POST", path, headers={"Idempotency-Key": key})

    assert code_of(reprocess()) == (409, "IMAGE_NOT_FINISHED")
    assert code_of(reprocess()) == (409, "IMAGE_NOT_FINISHED")
    requests.put(announced["uploadUrl"], data=data, headers=announced["headers"], timeout=30)
    assert ann.finished(announced["imageId"])["status"] == "COMPLETED"
    first = reprocess()
    assert first.status_code == 200
    again = reprocess()
    assert again.json()["image"]["imageId"] == first.json()["image"]["imageId"]
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", "a b", "a\tb", "k" * 256, "schlüssel".encode(), b"\xff"])
def test_an_invalid_key_is_refused_with_400(ann: User, key: str | bytes) -> None:
    answer = announce(ann, key)
    assert code_of(answer) == (400, "INVALID_REQUEST")
    assert answer.json()["error"]["details"][0]["field"] == "Idempotency-Key"
    assert images(ann) == []


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
def test_every_key_of_visible_ascii_is_accepted(key: str) -> None:
    assert idempotency.valid_key(key) == key


@given(st.text(max_size=300).filter(lambda key: not (0 < len(key) < 256 and all("!" <= each <= "~" for each in key))))
def test_every_other_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequestError):
        idempotency.valid_key(key)


def test_of_identical_requests_at_once_one_runs(ann: User) -> None:
    rounds, twins = 6, 8
    for number in range(1, rounds + 1):
        key, ready = new_key(), threading.Barrier(twins)

        def one(_: int, key: str = key, ready: threading.Barrier = ready) -> requests.Response:
            ready.wait()
            return announce(ann, key)

        with ThreadPoolExecutor(twins) as crowd:
            answers = list(crowd.map(one, range(twins)))
        good = [answer for answer in answers if answer.status_code == 200]
        assert len({answer.json()["imageId"] for answer in good}) == 1
        assert sum("Idempotency-Replayed" not in answer.headers for answer in good) == 1
        for answer in answers:
            if answer.status_code != 200:
                assert code_of(answer) == (409, "IN_PROGRESS")
                assert int(answer.headers["Retry-After"]) >= 1
        assert len(images(ann)) == number


def test_the_table_holds_neither_the_user_nor_the_key(machine: Machine, ann: User) -> None:
    before = len(stored(machine))
    key = new_key()
    body = announce(ann, key).json()
    assert len(stored(machine)) == before + 1
    (record,) = [each for each in stored(machine) if body["imageId"] in each.get("data", "")]
    assert key not in str(record)
    assert ann.email not in str(record)
    assert len(record["key"].rpartition("#")[2]) == len(record["validation"]) == 64, "SHA-256"
    assert "success" not in json.loads(json.loads(record["data"]))
    announce(ann, key)
    assert len(stored(machine)) == before + 1


def test_without_the_header_nothing_is_stored(machine: Machine, ann: User) -> None:
    before = len(stored(machine))
    for path in ("/upload", "/agent/create_upload"):
        assert ann.post(path, **PHOTO).status_code == 200
    assert len(stored(machine)) == before
    assert len(images(ann)) == 2


# --------------------------------------------------------------------------- agents


def by_mcp(user: User, key: str | None = None, **headers: str) -> requests.Response:
    """Announces a photo over MCP, with this key in `_meta`."""
    meta = {} if key is None else {"_meta": {"darkroom/idempotencyKey": key}}
    params = {"name": "create_upload", "arguments": PHOTO, **meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return user.request(
        "POST", "/mcp", json=message, headers={name.replace("_", "-"): headers[name] for name in headers}
    )


def test_a_key_counts_for_a_route_and_its_tool_together(ann: User) -> None:
    key = new_key()
    first = announce(ann, key)
    by_tool = ann.request("POST", "/agent/create_upload", json={"data": PHOTO}, headers={"Idempotency-Key": key})
    assert unlinked(by_tool) == unlinked(first)
    assert by_tool.headers["Idempotency-Replayed"] == "true"
    for answer in (by_mcp(ann, key), by_mcp(ann, Idempotency_Key=key), by_mcp(ann, key, Idempotency_Key=key)):
        result = answer.json()["result"]
        assert result["structuredContent"]["imageId"] == first.json()["imageId"]
        assert result["_meta"]["darkroom/idempotencyReplayed"] is True
        assert answer.headers["Idempotency-Replayed"] == "true"
    assert len(images(ann)) == 1
    fresh = by_mcp(ann, new_key()).json()["result"]
    assert "_meta" not in fresh
    assert len(images(ann)) == 2


@pytest.mark.parametrize("key", ["", "a b", 5, None])
def test_an_agents_invalid_key_is_refused_and_nothing_runs(ann: User, key: Any) -> None:
    headers = {"Idempotency_Key": "another"} if key is None else {}
    result = by_mcp(ann, "one" if key is None else key, **headers).json()["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"].startswith("INVALID_REQUEST")
    assert images(ann) == []


# ------------------------------------------------------- links that expire before a stored answer


def in_the_old_form(machine: Machine, answer: dict[str, Any], its_id: str) -> None:
    """Stores the whole answer with expired links, as earlier versions did."""
    (record,) = [each for each in stored(machine) if its_id in each.get("data", "")]
    whole = {name: value for name, value in answer.items() if name != "success"}
    dead = re.sub(r"https?://[^\"]+", "https://dead.example.com/", json.dumps(whole))
    machine.client("dynamodb").update_item(
        TableName=machine.environment["IDEMPOTENCY_TABLE"],
        Key={"key": {"S": record["key"]}},
        UpdateExpression="SET #data = :data",
        ExpressionAttributeNames={"#data": "data"},
        ExpressionAttributeValues={":data": {"S": json.dumps(dead)}},
    )


def test_a_repeated_upload_request_gets_a_working_link(machine: Machine, ann: User) -> None:
    data, headers = pictures.jpeg(64, 48), {"Idempotency-Key": new_key()}
    body = {**PHOTO, "fileSize": len(data)}
    put = ann.request("POST", "/upload", json=body, headers=headers).json()
    in_the_old_form(machine, put, put["imageId"])
    again = ann.request("POST", "/upload", json=body, headers=headers).json()
    assert again["imageId"] == put["imageId"]
    assert requests.put(again["uploadUrl"], data=data, headers=again["headers"], timeout=30).status_code == 200

    form_key = {"Idempotency-Key": new_key()}
    form = ann.request("POST", "/upload", json={**PHOTO, "method": "POST"}, headers=form_key).json()
    in_the_old_form(machine, form, form["imageId"])
    again = ann.request("POST", "/upload", json={**PHOTO, "method": "POST"}, headers=form_key).json()
    sent = requests.post(again["uploadUrl"], data=again["fields"], files={"file": data}, timeout=30)
    assert sent.status_code == 204
    for image_id in (put["imageId"], form["imageId"]):
        assert ann.finished(image_id)["status"] == "COMPLETED"
    arrived = ann.request("POST", "/upload", json=body, headers=headers)
    assert code_of(arrived) == (409, "ALREADY_UPLOADED")
    assert put["imageId"] in arrived.json()["message"]
    assert arrived.json()["error"]["details"] == [{"field": "imageId", "message": put["imageId"]}]
    assert ann.request("DELETE", f"/images/{put['imageId']}").status_code == 200
    assert code_of(ann.request("POST", "/upload", json=body, headers=headers)) == (404, "IMAGE_NOT_FOUND")


def test_a_repeated_action_request_gets_working_file_links(machine: Machine, ann: User, admin: User) -> None:
    photo = ann.upload(pictures.jpeg(64, 48))
    assert ann.finished(photo)["status"] == "COMPLETED"
    promoted = admin.request("PATCH", f"/admin/users/{admin.id}", json={"canExportData": True})
    assert promoted.status_code == 200
    period = {"start": "2026-01-01", "end": "2026-01-02"}
    asked: list[tuple[User, str, dict[str, Any], str, str]] = [
        (ann, "/actions/process", {"fileId": photo, "processingType": "analyze"}, "jobId", "resultUrl"),
        (admin, "/actions/report", {"reportType": "usage", "dateRange": period}, "reportId", "downloadUrl"),
        (admin, "/actions/export", {"dataTypes": ["profile"], "format": "json"}, "exportId", "downloadUrl"),
    ]
    for user, path, body, its_id, link in asked:
        headers = {"Idempotency-Key": new_key()}
        first = user.request("POST", path, json=body, headers=headers).json()
        in_the_old_form(machine, first, first[its_id])
        again = user.request("POST", path, json=body, headers=headers)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json()[its_id] == first[its_id]
        assert "dead.example.com" not in again.text
        assert requests.get(again.json()[link], timeout=30).status_code == 200

    headers, path = {"Idempotency-Key": new_key()}, f"/images/{photo}/reprocess"
    assert ann.request("POST", path, headers=headers).status_code == 200
    ann.finished(photo)
    variants = ann.request("POST", path, headers=headers).json()["image"]["variants"]
    assert requests.get(variants[0]["url"], timeout=30).status_code == 200


def test_the_table_holds_no_link_and_no_secret(machine: Machine, ann: User) -> None:
    made = ann.request("POST", "/keys", json=A_KEY, headers={"Idempotency-Key": new_key()}).json()
    announced = announce(ann, new_key()).json()
    kept = [each["data"] for each in stored(machine) if "data" in each]
    assert any(announced["imageId"] in each for each in kept)
    assert any(made["keyId"] in each for each in kept)
    for each in kept:
        assert "Signature=" not in each
        assert "drk_" not in each


def test_operations_that_answer_with_links_or_secrets_declare_how_to_renew_them() -> None:
    """Otherwise a link would be stored for a day and returned after it expired."""
    operations = [view.operation for _, _, view in triggers.routes(triggers.application())]
    as_they_are = [each for each in operations if each.replay == Replay()]
    assert [each.name for each in as_they_are] == ["run_custom_action"]
    for each in as_they_are:
        names = re.findall(r'"(\w+)"', json.dumps(each.returns))
        assert not [name for name in names if re.search("url|key|link|secret|token", name, re.IGNORECASE)]


# ------------------------------------------------------------------------- API keys

A_KEY = {"name": "a", "accessTypes": ["full_access"]}


def opens(owner: User, secret: str) -> bool:
    return key_holder(owner, secret).get("/images").status_code == 200


def test_a_repeated_request_for_an_api_key_creates_one_key(ann: User) -> None:
    headers = {"Idempotency-Key": new_key()}
    first, again = (ann.request("POST", "/keys", json=A_KEY, headers=headers).json() for _ in range(2))
    assert again["keyId"] == first["keyId"]
    assert [each["keyId"] for each in ann.get("/keys").json()["items"]] == [first["keyId"]]
    assert opens(ann, first["key"]), "the first answer may have come"
    assert opens(ann, again["key"])


def test_a_repeated_rotation_keeps_the_grace_of_the_old_secret(machine: Machine, ann: User) -> None:
    key_id, deployed = issue_key(ann, "full_access")
    headers, path = {"Idempotency-Key": new_key()}, f"/keys/{key_id}/rotate"
    answers = [ann.request("POST", path, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert {answer.json()["graceEnd"] for answer in answers} == {answers[0].json()["graceEnd"]}
    assert deployed.get("/images").status_code == 200
    assert all(opens(ann, answer.json()["key"]) for answer in answers)
    assert len(ann.get("/keys").json()["items"]) == 1

    assert ann.post(f"/keys/{key_id}/rotate").status_code == 200
    late = ann.request("POST", path, headers=headers)
    assert code_of(late) == (409, "CONFLICT"), "it would replace the secret of the next rotation"
    assert code_of(ann.post(f"/keys/{key_id}/rotate")) == (409, "TOO_MANY_SECRETS")
    assert deployed.get("/images").status_code == 200
    last = ann.post(f"/keys/{key_id}/rotate", graceSeconds=0)
    assert last.status_code == 200, "it ends as many secrets as it creates"
    assert ann.request("DELETE", f"/keys/{key_id}").status_code == 200
    assert not any(opens(ann, answer.json()["key"]) for answer in [*answers, last])
    assert deployed.get("/images").status_code == 401
    assert key_id not in str(machine.client("dynamodb").scan(TableName=machine.environment["API_KEYS_TABLE"]))
    gone = ann.request("POST", path, headers=headers)
    assert code_of(gone) == (404, "API_KEY_NOT_FOUND")


def test_without_the_table_the_request_is_refused_with_503(function: pytest.MonkeyPatch, ann: User) -> None:
    function.setenv("IDEMPOTENCY_TABLE", "no-such-table")
    made = calls_made()
    refused = upload(ann, {"Idempotency-Key": new_key()})
    assert (refused.status, refused.body["error"]["code"]) == (503, "UNAVAILABLE")
    assert refused.headers["Retry-After"]
    assert made.count("PutItem") == 2, "the claim that failed and the usage record, and no image"
    assert images(ann) == []
    assert upload(ann, {}).status == 200


def upload(user: User, headers: dict[str, str]) -> Answer:
    return call("POST /upload", {**user.headers, **headers}, PHOTO)


def fail_on(operation: str) -> None:
    """Makes the table fail every call of that operation."""

    def refuse(params: Any, **about: Any) -> None:
        if params["TableName"] == Settings.IDEMPOTENCY_TABLE.get():
            raise clients.ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    client = clients.client("dynamodb")
    client.meta.events.register(f"before-parameter-build.dynamodb.{operation}", refuse)


def test_a_successful_answer_is_returned_although_it_cannot_be_stored(function: pytest.MonkeyPatch, ann: User) -> None:
    fail_on("UpdateItem")
    answer = upload(ann, {"Idempotency-Key": new_key()})
    assert answer.status == 200
    assert images(ann) == [answer.body["imageId"]]


def test_a_refusal_is_returned_although_its_entry_cannot_be_deleted(function: pytest.MonkeyPatch, ann: User) -> None:
    fail_on("DeleteItem")
    headers = {**ann.headers, "Idempotency-Key": new_key()}
    answer = call("POST /images/{imageId}/reprocess", headers, {}, imageId="img_none")
    assert (answer.status, answer.body["error"]["code"]) == (404, "IMAGE_NOT_FOUND")


class Died(BaseException):
    """The end of a container, without any clean-up."""


def test_a_killed_run_frees_its_key_after_the_longest_run_time(function: pytest.MonkeyPatch, machine: Machine) -> None:
    scope = ("ann", "create_upload", new_key())

    def die() -> dict[str, Any]:
        raise Died

    before = {record["key"] for record in stored(machine)}
    with pytest.raises(Died):
        idempotency.run_once(scope, {"a": 1}, die, None)
    (record,) = [each for each in stored(machine) if each["key"] not in before]
    left = int(record["in_progress_expiration"]) / 1000 + idempotency.KEPT_SECONDS - int(record["ttl"])
    assert left == pytest.approx(30, abs=1)
    with pytest.raises(idempotency.InProgressError):
        idempotency.run_once(scope, {"a": 1}, dict, None)
    # As if that time had passed.
    clients.client("dynamodb").put_item(
        TableName=machine.environment["IDEMPOTENCY_TABLE"], Item={**record, "in_progress_expiration": 1}
    )
    assert idempotency.run_once(scope, {"a": 1}, lambda: {"b": 2}, None) == ({"b": 2}, False)
    assert idempotency.run_once(scope, {"a": 1}, lambda: {"b": 3}, None) == ({"b": 2}, True)


def test_a_key_is_kept_for_a_day(function: pytest.MonkeyPatch, machine: Machine) -> None:
    scope = ("ann", "create_upload", new_key())
    before = {record["key"] for record in stored(machine)}
    idempotency.run_once(scope, {}, lambda: {"run": 1}, None)
    (record,) = [each for each in stored(machine) if each["key"] not in before]
    clients.client("dynamodb").put_item(
        TableName=machine.environment["IDEMPOTENCY_TABLE"], Item={**record, "ttl": int(record["ttl"]) - 86_400 - 1}
    )
    assert idempotency.run_once(scope, {}, lambda: {"run": 2}, None) == ({"run": 2}, False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["ends", "fails"]), min_size=2, max_size=8), st.booleans())
def test_at_most_one_run_succeeds_in_any_interleaving(
    function: pytest.MonkeyPatch, fates: list[str], once_configured: bool
) -> None:
    if not once_configured:
        idempotency._store.cache_clear()
    scope, ready = ("ann", "an_operation", new_key()), threading.Barrier(len(fates))
    running, most, ended = [0], [0], list[str]()
    guard = threading.Lock()

    def run(fate: str) -> dict[str, str]:
        with guard:
            running[0] += 1
            most[0] = max(most[0], running[0])
        try:
            if fate == "fails":
                raise ConflictError
            ended.append(fate)
            return {"run": str(len(ended))}
        finally:
            with guard:
                running[0] -= 1

    def one(fate: str) -> str:
        ready.wait()
        try:
            return str(idempotency.run_once(scope, {"a": 1}, lambda: run(fate), None)[0]["run"])
        except (ConflictError, UnavailableError) as refused:
            return refused.code

    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(len(fates)) as crowd:
            heard = list(crowd.map(one, fates))
    finally:
        sys.setswitchinterval(pause)
    assert len(ended) <= 1
    assert most[0] <= 1
    assert set(heard) <= {"1", "CONFLICT", "IN_PROGRESS", "UNAVAILABLE"}
    assert ended or "1" not in heard


def test_threads_never_see_a_store_that_is_half_built(function: pytest.MonkeyPatch) -> None:
    """Without this, Powertools marks the store as ready too early, and a second thread computes another hash."""
    idempotency._store.cache_clear()
    store = idempotency._store()
    assert store.configured
    assert store.payload_validation_enabled
    assert store.hash_function is hashlib.sha256


@pytest.mark.parametrize(
    "wrong",
    [
        {"permission": public, "returns": MESSAGE},
        {"permission": signed_in, "api_schema": None},
    ],
)
def test_operations_without_a_caller_or_a_response_schema_cannot_be_idempotent(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="idempotent"):
        validated(NO_PAYLOAD, idempotent=True, **wrong)


def test_an_idempotent_operation_declares_the_grants_for_its_table() -> None:
    def grants_of(**options: Any) -> dict[str, Any]:
        def operation() -> None: ...

        decorate: Callable[[Any], Any] = validated(permission=signed_in, api_schema=None, returns=MESSAGE, **options)
        return dict(grants.of(decorate(operation)))

    assert grants_of(idempotent=True)["IDEMPOTENCY_TABLE"] == grants.of(idempotency.run_once)["IDEMPOTENCY_TABLE"]
    assert "IDEMPOTENCY_TABLE" not in grants_of()
