"""The work of checking data against a schema: linear in the data, and it ends at the reported faults."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

import app as manifest
from chalicelib.core.errors import InvalidRequestError
from chalicelib.core.http import json_schema, payload
from chalicelib.core.schemas import Schema, shape
from infra import triggers

SCHEMAS = {
    f"{method} {path}": view.operation.schema
    for method, path, view in triggers.routes(manifest.app)
    if view.operation.validate_body
}


class Name(str):
    """A field's name that counts how often any of its kind is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __getitem__(self, part: Any) -> "Name":
        return Name(str.__getitem__(self, part))


def comparisons(schema: Schema, data: Any) -> int:
    Name.compared = 0
    json_schema.faults(schema, data)
    return Name.compared


def calls(work: Callable[[], Any]) -> int:
    """How many functions a piece of work calls, built-in ones included."""
    made = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    work()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made


def strange(number: int) -> dict[str, Any]:
    return {Name(f"odd{place}"): 1 for place in range(number)}


@pytest.mark.parametrize("route", SCHEMAS)
def test_validation_work_grows_linearly_with_unknown_fields(route: str) -> None:
    few, many = strange(400), strange(800)
    schema = SCHEMAS[route]
    assert comparisons(schema, many) <= 2 * comparisons(schema, few) + 10
    assert calls(lambda: json_schema.faults(schema, many)) <= 2 * calls(lambda: json_schema.faults(schema, few)) + 10
    assert len(json_schema.faults(schema, many)) <= json_schema.MAX_DETAILS


def lists(schema: Schema) -> list[tuple[list[str], Schema]]:
    """The schemas of all lists in a schema, each with the names that lead there."""
    found = []
    for name, inner in schema.get("properties", {}).items():
        found += [([name, *path], each) for path, each in lists(inner)] if isinstance(inner, dict) else []
        found += [([name], inner)] if isinstance(inner, dict) and inner.get("type") == "array" else []
    return found


LISTS = {(route, *path): each for route, schema in SCHEMAS.items() for path, each in lists(schema)}


@pytest.mark.parametrize("where", LISTS, ids=" ".join)
def test_a_list_that_is_too_long_is_refused_before_its_items_are_checked(where: tuple[str, ...]) -> None:
    def work(number: int) -> int:
        # Items of several types cannot be sorted: jsonschema would compare every pair.
        items = [place if place % 2 else str(place) for place in range(number)]
        return calls(lambda: json_schema.faults(LISTS[where], items))

    assert work(800) <= work(400) + 10
    assert json_schema.faults(LISTS[where], [0] * 800) == [
        {"field": "body", "message": f"must have at most {LISTS[where]['maxItems']} items"}
    ]


def test_unique_items_are_checked_in_linear_time() -> None:
    schema = {"type": "array", "uniqueItems": True}

    def work(number: int) -> int:
        items = [place if place % 2 else {"a": place} for place in range(number)]
        assert json_schema.faults(schema, items) == []
        return calls(lambda: json_schema.faults(schema, items))

    assert work(800) <= 2 * work(400) + 10
    for twins in ([1, "1", 1], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[None], 0, [None]]):
        assert json_schema.faults(schema, twins) == [{"field": "body", "message": "must not hold anything twice"}]
    assert json_schema.faults(schema, [1, True, "1", "true", None, "null", [1], [True]]) == []


def test_the_search_for_faults_ends_at_the_reported_number() -> None:
    schema = shape({"many": {"type": "array", "items": {"type": "string"}}})

    def work(number: int) -> int:
        data = {"many": [0] * number}
        assert len(json_schema.faults(schema, data)) == json_schema.MAX_DETAILS
        return calls(lambda: json_schema.faults(schema, data))

    assert work(800) <= work(400) + 10


def test_a_text_that_is_too_long_is_not_matched_with_a_pattern() -> None:
    schema = {"type": "string", "pattern": "^a$", "maxLength": 1}
    assert json_schema.faults(schema, "aa") == [{"field": "body", "message": "must have at most 1 characters"}]
    assert json_schema.faults(schema, "b") == [{"field": "body", "message": "does not have the expected form"}]


@pytest.mark.parametrize(
    "raw",
    [b'{"a":[' + b"0," * payload.MAX_VALUES + b"0]}", b'{"a":{"b":[' + b"[]," * payload.MAX_VALUES + b"[]]}}"],
    ids=["items", "lists"],
)
def test_a_body_of_too_many_values_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        payload.parse_body(raw)
    assert refusal.value.details == [{"field": "body", "message": f"holds more than {payload.MAX_VALUES} values"}]
    assert payload.parse_body(b'{"a":[' + b"0," * (payload.MAX_VALUES - 2) + b"0]}")
