"""Which changes of a contract break clients: each rule, on a small contract."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra.contract_changes import breaking_changes

THING = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 10},
        "kind": {"enum": ["a", "b"]},
        "size": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"enum": ["x", "y"]}},
    },
    "required": ["name", "kind"],
    "additionalProperties": False,
}
ANSWER = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "state": {"enum": ["NEW", "DONE"]}, "note": {"type": ["string", "null"]}},
    "required": ["id", "state"],
}
CODES = {"properties": {"error": {"properties": {"code": {"enum": ["GONE", "HIDDEN"]}}}}}
CONTRACT: dict[str, Any] = {
    "paths": {
        "/things": {
            "post": {
                "summary": "Make a thing",
                "security": [{"token": []}, {"key": ["write"]}],
                "parameters": [{"$ref": "#/components/parameters/Once"}],
                "requestBody": {"content": {"application/json": {"schema": THING}}},
                "responses": {
                    "200": {"headers": {"X-Id": {}}, "content": {"application/json": {"schema": ANSWER}}},
                    "404": {"$ref": "#/components/responses/Gone"},
                },
            }
        }
    },
    "webhooks": {"done": {"post": {"requestBody": {"content": {"application/json": {"schema": ANSWER}}}}}},
    "components": {
        "parameters": {"Once": {"name": "Once", "in": "header", "schema": {"type": "string", "maxLength": 20}}},
        "responses": {"Gone": {"description": "…", "content": {"application/json": {"schema": {"allOf": [CODES]}}}}},
    },
}

Change = Callable[[dict[str, Any]], object]


def operation(contract: dict[str, Any]) -> Any:
    return contract["paths"]["/things"]["post"]


def taken(contract: dict[str, Any]) -> Any:
    return operation(contract)["requestBody"]["content"]["application/json"]["schema"]


def answered(contract: dict[str, Any]) -> Any:
    return operation(contract)["responses"]["200"]["content"]["application/json"]["schema"]


def codes(contract: dict[str, Any]) -> Any:
    (part,) = contract["components"]["responses"]["Gone"]["content"]["application/json"]["schema"]["allOf"]
    return part["properties"]["error"]["properties"]["code"]["enum"]


def changed(change: Change) -> list[str]:
    after = copy.deepcopy(CONTRACT)
    change(after)
    return breaking_changes(CONTRACT, after)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda c: c["paths"].clear(), "it is gone"),
        (lambda c: c["webhooks"].clear(), "it is gone"),
        (lambda c: operation(c)["security"].pop(), "it no longer opens to key (write)"),
        (lambda c: operation(c)["parameters"].clear(), "the header parameter Once is gone"),
        (
            lambda c: operation(c)["parameters"].append({"name": "q", "in": "query", "required": True, "schema": {}}),
            "the query parameter q is required",
        ),
        (
            lambda c: c["components"]["parameters"]["Once"].update(required=True),
            "the header parameter Once is required",
        ),
        (lambda c: operation(c)["requestBody"].update(required=True), "the body is required"),
        (lambda c: operation(c).pop("requestBody"), "the body is gone"),
        (lambda c: taken(c)["required"].append("size"), "the body's size is required"),
        (lambda c: taken(c)["properties"].pop("size"), "the body's size is gone"),
        (lambda c: taken(c)["properties"]["kind"]["enum"].remove("b"), "the body's kind no longer takes b"),
        (lambda c: taken(c)["properties"]["size"].update(minimum=2), "the body's size has the minimum 2"),
        (lambda c: taken(c)["properties"]["size"].update(maximum=9), "the body's size has the maximum 9"),
        (lambda c: taken(c)["properties"]["size"].update(type="string"), "the body's size no longer takes integer"),
        (lambda c: taken(c)["properties"]["name"].update(maxLength=9), "the body's name has the maxLength 9"),
        (lambda c: taken(c)["properties"]["name"].update(pattern="^a"), "the body's name has another pattern"),
        (
            lambda c: taken(c)["properties"]["tags"]["items"]["enum"].remove("y"),
            "an item of the body's tags no longer takes y",
        ),
        (lambda c: operation(c)["responses"].pop("200"), "200 is gone"),
        (lambda c: operation(c)["responses"]["200"]["headers"].clear(), "the header X-Id of 200 is gone"),
        (lambda c: answered(c)["properties"].pop("id"), "200 id is gone"),
        (lambda c: answered(c)["required"].remove("state"), "200 state may be missing"),
        (lambda c: answered(c)["properties"]["state"]["enum"].append("OLD"), "200 state may be OLD"),
        (lambda c: answered(c)["properties"]["id"].update(type=["string", "null"]), "200 id may be null"),
        (lambda c: codes(c).remove("HIDDEN"), "404 HIDDEN is gone"),
        (lambda c: operation(c)["responses"].pop("404"), "404 GONE is gone"),
    ],
)
def test_a_change_that_breaks_clients_is_found(change: Change, finding: str) -> None:
    found = changed(change)
    assert found
    assert found[0].partition(": ")[2] == finding


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["paths"].update({"/others": {"get": {}}}),
        lambda c: operation(c).update(summary="Make something"),
        lambda c: operation(c)["security"].append({"key": ["all"]}),
        lambda c: operation(c)["parameters"].append({"name": "q", "in": "query", "schema": {}}),
        lambda c: taken(c)["properties"].update(extra={"type": "string"}),
        lambda c: taken(c)["required"].remove("kind"),
        lambda c: taken(c)["properties"]["kind"]["enum"].append("c"),
        lambda c: taken(c)["properties"]["name"].update(maxLength=11),
        lambda c: taken(c)["properties"]["size"].update(type="number", minimum=0),
        lambda c: taken(c)["properties"]["size"].pop("minimum"),
        lambda c: answered(c)["properties"].update(extra={"type": "string"}),
        lambda c: answered(c)["required"].append("note"),
        lambda c: answered(c)["properties"]["note"].update(type="string"),
        lambda c: answered(c)["properties"]["state"]["enum"].remove("NEW"),
        lambda c: codes(c).append("LOST"),
    ],
)
def test_a_change_that_clients_do_not_notice_is_none(change: Change) -> None:
    assert changed(change) == []


def test_a_contract_does_not_break_itself() -> None:
    assert breaking_changes(CONTRACT, CONTRACT) == []
