"""The contract of a small application: what each declaration of an operation becomes in it."""

import json
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.errors import ConflictError, NotFoundError, raises
from chalicelib.core.http import call, openapi
from chalicelib.core.http.access import setup_validated, validated
from chalicelib.core.http.openapi.components import Components
from chalicelib.core.http.openapi.examples import example
from chalicelib.core.http.operations import Answer, APIAccessType, public
from chalicelib.core.schemas import MESSAGE, described, list_of, says, shape, text
from chalicelib.core.settings import ALL
from tests.proxy_event import proxy_event

ABOUT = openapi.About("Things", "Things.", {"name": "MIT"}, {"things": "Things"}, {"Things": "All of them."})
ID = text("The thing's id.", "t1", minLength=1)
PICTURE = [Answer(302, "There.", headers={"Location": ID}), Answer(400, "A blurred one.", shape({"id": ID}))]
NAME = text("What it is called.", "cup", maxLength=20)
THING = described(shape({"id": ID, "name": NAME}), "Thing", {})


class ThingNotFoundError(NotFoundError):
    code, message = "THING_NOT_FOUND", "There is no such thing."


class ThingInUseError(ConflictError):
    """Something holds the thing."""

    code = "THING_IN_USE"


@raises(ThingNotFoundError)
def find(thing_id: str) -> dict[str, Any]:
    raise ThingInUseError if thing_id == "held" else ThingNotFoundError


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Chalice:
    app = Chalice("things", configure_logs=False)
    # The application under test in this process is another one.
    monkeypatch.setattr(call, "setup", call.Setup())
    setup_validated(app, authenticate=lambda token: None)  # type: ignore[arg-type, return-value]

    @app.route("/things", methods=["GET"])
    @validated(
        list_of(50, name=NAME),
        permission=lambda user, data: True,
        access=APIAccessType.ACTIONS,
        returns=shape({"items": {"type": "array", "items": THING}}),
    )
    def list_things() -> None:
        """Things, in pages. The newest come first."""

    @app.route("/things/{id}", methods=["PATCH"])
    @required_env_vars(find)
    @validated(
        {**shape({"id": ID, "name": NAME}), "minProperties": 2},
        permission=lambda user, data: True,
        access=APIAccessType.ACTIONS,
        api_schema=shape({"id": ID}),
        returns=shape({"thing": THING}),
        idempotent=True,
    )
    def change_thing(data: dict[str, Any]) -> None:
        """Change a thing."""

    @app.route("/things/{id}", methods=["DELETE"])
    @required_env_vars(find)
    @validated(shape({"id": ID}), permission=public, returns=MESSAGE)
    def delete_thing(data: dict[str, Any]) -> dict[str, Any]:
        """Delete a thing."""
        return find(data["id"])

    @app.route("/things/{id}/picture", methods=["GET"])
    @validated(shape({"id": ID}), permission=public, answers=PICTURE)
    def get_picture() -> None:
        """A picture."""

    return app


@pytest.fixture
def contract(app: Chalice) -> dict[str, Any]:
    return openapi.document(app, ABOUT, "/api")


def test_an_operation_is_worded_by_its_function(contract: dict[str, Any]) -> None:
    operation = contract["paths"]["/things"]["get"]
    assert operation["operationId"] == "list_things"
    assert operation["summary"] == "Things, in pages"
    assert operation["description"].startswith("Things, in pages. The newest come first.")
    assert contract["servers"] == [{"url": "/api", "description": "This API."}]


def test_one_schema_becomes_path_query_and_body(contract: dict[str, Any]) -> None:
    query = {each["name"]: each for each in contract["paths"]["/things"]["get"]["parameters"] if "name" in each}
    assert {name: each["in"] for name, each in query.items()} == dict.fromkeys(("name", "limit", "cursor"), "query")
    assert query["name"]["description"] == "What it is called."
    assert "requestBody" not in contract["paths"]["/things"]["get"]
    change = contract["paths"]["/things/{id}"]["patch"]
    assert change["parameters"][0] == {
        "name": "id",
        "in": "path",
        "description": "The thing's id.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": "t1",
    }
    media = change["requestBody"]["content"]["application/json"]
    assert list(media["schema"]["properties"]) == ["name"]
    assert media["schema"]["required"] == ["name"]
    assert media["schema"]["minProperties"] == 1
    assert media["example"] == {"name": "cup"}
    assert "requestBody" not in contract["paths"]["/things/{id}"]["delete"]


def test_an_answer_has_success_and_may_grow(contract: dict[str, Any]) -> None:
    response = contract["paths"]["/things/{id}"]["patch"]["responses"]["200"]
    schema = response["content"]["application/json"]["schema"]
    assert schema["properties"]["success"] == {"type": "boolean", "const": True}
    assert schema["properties"]["thing"] == {"$ref": "#/components/schemas/Thing"}
    assert "additionalProperties" not in contract["components"]["schemas"]["Thing"]
    assert "Idempotency-Replayed" in response["headers"]
    assert contract["paths"]["/things/{id}/picture"]["get"]["responses"]["302"]["headers"]["Location"]


def test_a_status_may_come_with_an_answer_of_the_operation_and_with_an_error(contract: dict[str, Any]) -> None:
    response = contract["paths"]["/things/{id}/picture"]["get"]["responses"]["400"]
    media = response["content"]["application/json"]
    assert response["description"].startswith("A blurred one. Or: ")
    assert len(media["schema"]["anyOf"]) == 2
    assert set(media["examples"]) == {"own", "INVALID_REQUEST"}


def codes(contract: dict[str, Any], path: str, method: str) -> set[str]:
    responses = contract["paths"][path][method]["responses"].values()
    shared = contract["components"]["responses"]
    whole = [shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in responses]
    return {code for each in whole for code in each.get("content", {}).get("application/json", {}).get("examples", {})}


def test_errors_come_from_the_steps_and_from_the_functions_that_a_route_names(contract: dict[str, Any]) -> None:
    of_every = {"INVALID_REQUEST", "MISCONFIGURED", "UNKNOWN_ERROR", "UNAVAILABLE"}
    of_callers = {"NOT_AUTHENTICATED", "PERMISSION_DENIED", "TOO_MANY_REQUESTS", "SPENDING_LIMIT"}
    of_bodies = {"TOO_LARGE", "UNSUPPORTED_TYPE"}
    of_keys = {"IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS"}
    assert codes(contract, "/things/{id}", "delete") == of_every | {"THING_NOT_FOUND"}
    assert codes(contract, "/things", "get") == of_every | of_callers - {"NOT_AUTHENTICATED"}
    expected = of_every | of_callers | of_bodies | of_keys | {"THING_NOT_FOUND"}
    assert codes(contract, "/things/{id}", "patch") == expected - {"NOT_AUTHENTICATED"}


def test_who_may_call_is_said_with_the_access_of_keys(contract: dict[str, Any]) -> None:
    change = contract["paths"]["/things/{id}"]["patch"]
    assert change["security"] == [{"accessToken": []}, {"apiKey": ["actions"]}, {"apiKey": ["full_access"]}]
    assert "An API key needs `actions` or `full_access`." in change["description"]
    assert "With one, a request has these fields alone: `id`." in change["description"]
    assert contract["paths"]["/things/{id}"]["delete"]["security"] == []


def test_an_error_that_is_not_declared_is_a_defect_where_answers_are_checked(
    app: Chalice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(thing_id: str) -> tuple[int, str]:
        response = app(proxy_event("DELETE", "/things/{id}", path={"id": thing_id}), None)
        return response["statusCode"], json.loads(response["body"])["error"]["code"]

    for setting in grants.of(app.routes["/things/{id}"]["DELETE"].view_function):
        monkeypatch.setenv(setting, ALL[setting].default or "any")
    for checked in ("true", "false"):
        monkeypatch.setenv("CHECK_ANSWERS", checked)
        assert answer("gone") == (404, "THING_NOT_FOUND")
        assert answer("held") == ((500, "UNKNOWN_ERROR") if checked == "true" else (409, "THING_IN_USE"))


def test_two_parts_cannot_have_one_name() -> None:
    components = Components()
    assert components.request_schema(THING) == components.request_schema(THING)
    with pytest.raises(ValueError, match="Thing"):
        components.request_schema({**THING, "minProperties": 1})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (text("A word.", "cup"), "cup"),
        ({"const": 5}, 5),
        ({"enum": ["a", "b"]}, "a"),
        ({"enum": ["a", None]}, None),
        ({"type": ["string", "null"]}, None),
        ({"type": ["string", "null"], **says("A word.", "cup")}, "cup"),
        ({"anyOf": [{"type": "null"}, THING]}, None),
        ({"anyOf": [THING, ID]}, {"id": "t1", "name": "cup"}),
        ({"type": "array", "items": ID}, ["t1"]),
        ({"type": "integer", "minimum": 3}, 3),
        (shape({"id": ID}, {"name": NAME, "size": {"type": "integer"}}), {"id": "t1", "name": "cup"}),
    ],
)
def test_an_example_is_put_together_of_those_of_the_parts(schema: dict[str, Any], value: Any) -> None:
    assert example(schema) == value
