"""Idempotency-Key: whatever is sent again, and however many times at once, runs at most once."""

import hashlib
import json
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

from chalicelib.core import aws, grants, idempotency
from chalicelib.core.access import validated
from chalicelib.core.errors import ConflictError, InvalidRequestError, UnavailableError
from chalicelib.core.payload import MESSAGE, NO_PAYLOAD
from chalicelib.permissions import public, signed_in
from local.machine import Machine
from tests import pictures
from tests.journeys.gateway import Answer, call, calls_made
from tests.journeys.test_api_keys import issue
from tests.journeys.user import User

PHOTO = {"fileName": "a.jpg", "fileType": "image/jpeg"}


@pytest.fixture
def ann(machine: Machine) -> User:
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
    return [aws.unmarshal(item) for page in pages for item in page["Items"]]


def code_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_what_is_sent_again_gets_the_same_answer_and_does_nothing(ann: User) -> None:
    key = new_key()
    first, again, third = announce(ann, key), announce(ann, key), announce(ann, key)
    assert first.status_code == again.status_code == third.status_code == 200
    assert again.content == third.content == first.content
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == third.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert images(ann) == [first.json()["imageId"]]


def test_another_request_under_the_same_key_is_refused(ann: User) -> None:
    key = new_key()
    first = announce(ann, key)
    assert code_of(announce(ann, key, fileName="b.jpg")) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert announce(ann, key).content == first.content
    assert len(images(ann)) == 1


def test_a_body_that_says_the_same_in_other_words_is_the_same(ann: User) -> None:
    key = new_key()
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    turned = json.dumps({"data": dict(reversed(PHOTO.items()))}, indent=4)
    first = announce(ann, key)
    assert ann.request("POST", "/upload", data=turned, headers=headers).content == first.content


def test_a_key_is_its_users_and_its_operations(machine: Machine, ann: User) -> None:
    key, bob = new_key(), User.new(machine.api_url)
    mine, his = announce(ann, key), announce(bob, key)
    assert mine.json()["imageId"] != his.json()["imageId"]
    image_id = mine.json()["imageId"]
    other = ann.request("POST", f"/images/{image_id}/reprocess", headers={"Idempotency-Key": key})
    assert code_of(other) == (409, "IMAGE_NOT_FINISHED"), "it was run: the image has no file yet"
    robot = issue(ann, "file_upload")[1]
    assert announce(robot, key).content == mine.content, "the user's own, by whatever proof"


def test_a_run_that_failed_is_forgotten(ann: User) -> None:
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
    assert reprocess().content == first.content


@pytest.mark.parametrize("key", ["", "a b", "a\tb", "k" * 256, "schlüssel".encode(), b"\xff"])
def test_a_key_is_visible_ascii(ann: User, key: str | bytes) -> None:
    answer = announce(ann, key)
    assert code_of(answer) == (400, "INVALID_REQUEST")
    assert answer.json()["error"]["details"][0]["field"] == "Idempotency-Key"
    assert images(ann) == []


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
def test_every_visible_key_is_taken(key: str) -> None:
    assert idempotency.checked(key) == key


@given(st.text(max_size=300).filter(lambda key: not (0 < len(key) < 256 and all("!" <= each <= "~" for each in key))))
def test_no_other_key_is_taken(key: str) -> None:
    with pytest.raises(InvalidRequestError):
        idempotency.checked(key)


def test_of_twins_at_once_one_runs(ann: User) -> None:
    rounds, twins = 6, 8
    for number in range(1, rounds + 1):
        key, ready = new_key(), threading.Barrier(twins)

        def one(_: int, key: str = key, ready: threading.Barrier = ready) -> requests.Response:
            ready.wait()
            return announce(ann, key)

        with ThreadPoolExecutor(twins) as crowd:
            answers = list(crowd.map(one, range(twins)))
        good = [answer for answer in answers if answer.status_code == 200]
        assert len({answer.content for answer in good}) == 1
        assert sum("Idempotency-Replayed" not in answer.headers for answer in good) == 1
        for answer in answers:
            if answer.status_code != 200:
                assert code_of(answer) == (409, "IN_PROGRESS")
                assert int(answer.headers["Retry-After"]) >= 1
        assert len(images(ann)) == number


def test_what_is_stored_names_neither_the_user_nor_the_key(machine: Machine, ann: User) -> None:
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


def test_without_the_header_nothing_is_written(machine: Machine, ann: User) -> None:
    before = len(stored(machine))
    assert ann.post("/upload", **PHOTO).status_code == 200
    headers = {"Idempotency-Key": new_key()}
    for _ in range(2):
        assert ann.request("POST", "/agent/create_upload", json={"data": PHOTO}, headers=headers).status_code == 200
        assert ann.request("POST", "/keys", json={"name": "a", "accessTypes": ["exports"]}, headers=headers).json()
    assert len(stored(machine)) == before, "tools do not take it, and a secret is never kept"
    assert len(images(ann)) == 3


def test_where_the_table_is_out_nothing_is_run(function: pytest.MonkeyPatch, ann: User) -> None:
    function.setenv("IDEMPOTENCY_TABLE", "no-such-table")
    made = calls_made()
    refused = upload(ann, {"Idempotency-Key": new_key()})
    assert (refused.status, refused.body["error"]["code"]) == (503, "UNAVAILABLE")
    assert refused.headers["Retry-After"]
    assert made.count("PutItem") == 1, "the usage record, and no image"
    assert images(ann) == []
    assert upload(ann, {}).status == 200


def upload(user: User, headers: dict[str, str]) -> Answer:
    return call("POST /upload", {**user.headers, **headers}, PHOTO)


def fail_on(operation: str) -> None:
    """The table refuses that operation from now on."""

    def refuse(**about: Any) -> None:
        raise aws.ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    client = aws.client("dynamodb", plain=False)
    client.meta.events.register(f"before-parameter-build.dynamodb.{operation}", refuse)


def test_who_was_served_hears_it_although_it_cannot_be_written_down(function: pytest.MonkeyPatch, ann: User) -> None:
    fail_on("UpdateItem")
    answer = upload(ann, {"Idempotency-Key": new_key()})
    assert answer.status == 200
    assert images(ann) == [answer.body["imageId"]]


def test_who_was_refused_hears_why_although_it_cannot_be_forgotten(function: pytest.MonkeyPatch, ann: User) -> None:
    fail_on("DeleteItem")
    headers = {**ann.headers, "Idempotency-Key": new_key()}
    answer = call("POST /images/{imageId}/reprocess", headers, {}, imageId="img_none")
    assert (answer.status, answer.body["error"]["code"]) == (404, "IMAGE_NOT_FOUND")


class Died(BaseException):
    """The end of a container: nothing is cleaned up."""


def test_who_dies_on_the_way_frees_the_key_after_the_longest_run(
    function: pytest.MonkeyPatch, machine: Machine
) -> None:
    scope = ("ann", "create_upload", new_key())

    def die() -> dict[str, Any]:
        raise Died

    before = {record["key"] for record in stored(machine)}
    with pytest.raises(Died):
        idempotency.once(scope, {"a": 1}, die, None)
    (record,) = [each for each in stored(machine) if each["key"] not in before]
    left = int(record["in_progress_expiration"]) / 1000 + idempotency.KEPT_SECONDS - int(record["ttl"])
    assert left == pytest.approx(30, abs=1)
    with pytest.raises(idempotency.InProgressError):
        idempotency.once(scope, {"a": 1}, dict, None)
    # As if that time had passed.
    aws.client("dynamodb").put_item(
        TableName=machine.environment["IDEMPOTENCY_TABLE"], Item={**record, "in_progress_expiration": 1}
    )
    assert idempotency.once(scope, {"a": 1}, lambda: {"b": 2}, None) == ({"b": 2}, False)
    assert idempotency.once(scope, {"a": 1}, lambda: {"b": 3}, None) == ({"b": 2}, True)


def test_a_key_is_kept_for_a_day(function: pytest.MonkeyPatch, machine: Machine) -> None:
    scope = ("ann", "create_upload", new_key())
    before = {record["key"] for record in stored(machine)}
    idempotency.once(scope, {}, lambda: {"run": 1}, None)
    (record,) = [each for each in stored(machine) if each["key"] not in before]
    aws.client("dynamodb").put_item(
        TableName=machine.environment["IDEMPOTENCY_TABLE"], Item={**record, "ttl": int(record["ttl"]) - 86_400 - 1}
    )
    assert idempotency.once(scope, {}, lambda: {"run": 2}, None) == ({"run": 2}, False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["ends", "fails"]), min_size=2, max_size=8), st.booleans())
def test_whatever_the_interleaving_at_most_one_run_ends_well(
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
            return str(idempotency.once(scope, {"a": 1}, lambda: run(fate), None)[0]["run"])
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


def test_a_store_is_ready_before_threads_share_it(function: pytest.MonkeyPatch) -> None:
    """Left to its first caller, Powertools says that it is ready before it is: a twin would find another hash."""
    store = idempotency._store("a-table", aws.client("dynamodb", plain=False))
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
def test_what_has_no_caller_or_no_shape_cannot_be_repeatable(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="repeated"):
        validated(NO_PAYLOAD, repeatable=True, **wrong)


def test_what_may_be_repeated_brings_its_grants() -> None:
    def grants_of(**options: Any) -> dict[str, Any]:
        def operation() -> None: ...

        decorate: Callable[[Any], Any] = validated(permission=signed_in, api_schema=None, returns=MESSAGE, **options)
        return dict(grants.of(decorate(operation)))

    assert grants_of(repeatable=True)["IDEMPOTENCY_TABLE"] == set(idempotency.NEEDS["IDEMPOTENCY_TABLE"])
    assert "IDEMPOTENCY_TABLE" not in grants_of()
