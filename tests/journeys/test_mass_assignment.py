"""Every route refuses fields that are not its own, at every depth."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
import requests

from chalicelib.core.aws.writes import TOKEN
from infra import triggers
from local.machine import Machine
from tests.breadth import mostly_slow
from tests.journeys.user import PASSWORD, User

# Attributes of our rows, fields that decide about rights, and the names that other systems use for them.
FORBIDDEN: dict[str, Any] = {
    "role": "ADMIN",
    "isAdmin": True,
    "isActive": True,
    "active": True,
    "limits": {"requestsPerMinute": 1_000_000},
    "spent": {},
    "owner": "another",
    "user": "another",
    "userId": "another",
    "user_id": "another",
    "account": "another",
    "canExportData": True,
    "tokensValidFrom": 0,
    "webhookSecret": "chosen-by-me",
    "keyHash": "0" * 64,
    "apiKeyId": "key_another",
    "api_key_id": "key_another",
    "status": "COMPLETED",
    "reason": "none",
    "s3Key": "uploads/another/img_1.jpg",
    "fileKey": "uploads/another/img_1.jpg",
    "execution": "another",
    "createdAt": "1970-01-01T00:00:00.000Z",
    "ttl": 0,
    "custom:role": "ADMIN",
    "__proto__": {"role": "ADMIN"},
    "constructor": {"role": "ADMIN"},
}
# A valid body for each route, so that the added field is the only fault.
HONEST: dict[str, dict[str, Any]] = {
    "sign_up": {"email": "victim@example.org", "password": PASSWORD},
    "verify": {"email": "victim@example.org", "code": "123456"},
    "resend": {"email": "victim@example.org"},
    "sign_in": {"email": "user@example.com", "password": "Darkroom-2026!"},
    "answer_challenge": {"challenge": "NEW_PASSWORD_REQUIRED", "session": "x", "answer": PASSWORD},
    "refresh": {"refreshToken": "x"},
    "forgot_password": {"email": "victim@example.org"},
    "reset_password": {"email": "victim@example.org", "code": "123456", "password": PASSWORD},
    "change_profile": {"name": "Mallory"},
    "create_upload": {"fileName": "a.jpg", "fileType": "image/jpeg"},
    "create_key": {"name": "a key", "accessTypes": ["file_upload"]},
    "change_rights": {"isActive": True},
}
# These two check their bodies against the tools' schemas: see test_tools_refuse_fields_that_are_not_their_own.
ROUTERS = {"call_tool", "mcp"}


def operations() -> dict[str, tuple[str, str, Any]]:
    """`{operation: (method, path, declaration)}` of every route."""
    from app import app

    return {view.operation.name: (method, path, view.operation) for method, path, view in triggers.routes(app)}


@pytest.fixture(scope="module")
def mallory(machine: Machine) -> User:
    return User.new(machine.api_url, name="Mallory Before")


@pytest.fixture(scope="module")
def crowd(machine: Machine) -> list[User]:
    """Three users to share the requests: a route may have a limit of its own."""
    return [User.new(machine.api_url) for _ in range(3)]


@pytest.fixture(scope="module")
def places(mallory: User) -> dict[str, str]:
    """Path parameters: ids that belong to Mallory."""
    return {
        "imageId": mallory.announce(b"")["imageId"],
        "keyId": mallory.post("/keys", name="her key", accessTypes=["file_upload"]).json()["keyId"],
        "userId": mallory.id,
        "name": "small",
    }


def state(machine: Machine, users: list[User]) -> str:
    """All data of these users that a request may change. Usage, cost and last use change with every request."""
    found: list[Any] = []
    for user in users:
        for table, index in (("USERS_TABLE", {}), ("IMAGES_TABLE", {}), ("API_KEYS_TABLE", {"IndexName": "by-user"})):
            found += machine.client("dynamodb").query(
                TableName=machine.environment[table],
                KeyConditionExpression="userId = :user",
                ExpressionAttributeValues={":user": {"S": user.id}},
                **index,
            )["Items"]
        pool = machine.resources["UserPool"].ref
        known = machine.client("cognito-idp").admin_get_user(UserPoolId=pool, Username=user.email)
        found.append({"is": known["UserAttributes"], "in": known["UserStatus"], "enabled": known["Enabled"]})
    for item in found:
        for noise in ("spent", "lastUsedAt", TOKEN):
            item.pop(noise, None)
    return json.dumps(found, sort_keys=True, default=str)


def handfuls(own: Collection[str]) -> Iterator[dict[str, Any]]:
    """The unknown fields in groups of seven: an answer names at most ten faults, some of fields that lack."""
    left = [(field, value) for field, value in FORBIDDEN.items() if field not in own]
    for at in range(0, len(left), 7):
        yield dict(left[at : at + 7])


def assert_refused(answer: requests.Response, wrong: Collection[str]) -> None:
    """Asserts a 400 that names each of these fields as unknown."""
    assert answer.status_code == 400, f"{wrong}: {answer.text}"
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"
    unknown = {
        each["field"] for each in answer.json()["error"].get("details", ()) if each["message"] == "is not known here"
    }
    assert set(wrong) <= unknown


@pytest.mark.parametrize("operation", mostly_slow(sorted(operations().keys() - ROUTERS), quick=12))
def test_every_route_refuses_fields_that_are_not_its_own(
    machine: Machine, mallory: User, crowd: list[User], places: dict[str, str], operation: str
) -> None:
    method, path, declared = operations()[operation]
    honest = HONEST.get(operation, {})
    own = declared.schema.get("properties", {})
    before = state(machine, [mallory, *crowd])
    where = path.format_map(defaultdict(lambda: "unknown", places))
    for wrong in handfuls(own):
        assert_refused(crowd[0].request(method, where, json={**honest, **wrong}), wrong)
    # Where a field stands does not depend on its name.
    wrong = next(handfuls(own))
    assert_refused(crowd[1].request(method, where, json={"data": {**honest, **wrong}}), wrong)
    query = {field: str(value) for field, value in wrong.items()}
    # Only GET routes accept a query.
    asked = crowd[2].request(method, where, json=honest, params=query)
    assert_refused(asked, wrong if method == "GET" else ())
    assert state(machine, [mallory, *crowd]) == before


def test_a_field_that_needs_a_right_is_refused_without_it(machine: Machine, mallory: User) -> None:
    before = state(machine, [mallory])
    for field in ("role", "isActive", "canExportData", "limits"):
        for user_id in (mallory.id, "another"):
            answer = mallory.request("PATCH", f"/admin/users/{user_id}", json={field: FORBIDDEN[field]})
            assert answer.status_code in (400, 403), answer.text
    assert mallory.request("PATCH", f"/admin/users/{mallory.id}", json={"role": "ADMIN"}).status_code == 403
    assert state(machine, [mallory]) == before


def test_the_body_cannot_override_the_path(machine: Machine, mallory: User, places: dict[str, str]) -> None:
    victim = User.new(machine.api_url)
    theirs = victim.announce(b"")["imageId"]
    before = state(machine, [mallory, victim])
    for body in ({"imageId": theirs}, {"data": {"imageId": theirs}}):
        answer = mallory.request("GET", f"/images/{places['imageId']}", json=body)
        assert theirs not in answer.text
    answer = mallory.request("GET", f"/images/{places['imageId']}", params={"imageId": theirs})
    assert theirs not in answer.text
    assert state(machine, [mallory, victim]) == before


@pytest.mark.parametrize(
    "nested",
    [
        lambda field, value: {"preferences": {field: value}},
        lambda field, value: {"preferences": {"webhook": {"url": "https://example.com", field: value}}},
    ],
    ids=["preferences", "preferences.webhook"],
)
def test_unknown_fields_inside_objects_are_refused(
    machine: Machine, mallory: User, nested: Callable[[str, Any], dict[str, Any]]
) -> None:
    before = state(machine, [mallory])
    for field, value in FORBIDDEN.items():
        assert mallory.request("PATCH", "/auth/profile", json=nested(field, value)).status_code == 400
    assert state(machine, [mallory]) == before


def test_tools_refuse_fields_that_are_not_their_own(machine: Machine, mallory: User, places: dict[str, str]) -> None:
    offered = mallory.get("/agent/tools").json()["tools"]
    assert offered
    before = state(machine, [mallory])
    for tool in offered:
        name, schema = tool["name"], tool["inputSchema"]
        honest = HONEST.get(name) or {field: places.get(field, "unknown") for field in schema.get("required", ())}
        for wrong in handfuls(schema.get("properties", {})):
            assert_refused(mallory.post(f"/agent/{name}", **{**honest, **wrong}), wrong)
            call = {"name": name, "arguments": {**honest, **wrong}}
            response = mallory.post("/mcp", jsonrpc="2.0", id=1, method="tools/call", params=call).json()
            assert "error" in response or response["result"]["isError"] is True, response
    assert state(machine, [mallory]) == before
