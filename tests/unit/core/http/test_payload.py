"""Reading a request's body, query and path, and checking them against a schema."""

import contextlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import clients
from chalicelib.core.aws.tables import writable
from chalicelib.core.errors import InvalidRequestError, TooLargeError
from chalicelib.core.http import json_schema, payload

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "password": {"type": "string", "pattern": "^x"},
        "limit": {"type": "integer", "minimum": 1},
        "deep": {"type": "object", "properties": {"flag": {"type": "boolean"}}, "additionalProperties": False},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def fields(refusal: pytest.ExceptionInfo[InvalidRequestError]) -> dict[str, str]:
    return {detail["field"]: detail["message"] for detail in refusal.value.details}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b"[1]",
        b'"text"',
        b"null",
        b"{" * 100_000,
        b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"a": ' + b"9" * 6_000 + b"}",
        b'{"a": ' + b"9" * 39 + b"}",
        b'{"a": -' + b"9" * 39 + b"}",
        b'{"a": [1e126]}',
        b'{"a": {"b": -1e-131}}',
        b'{"a": 5e-324}',
    ],
)
def test_a_body_that_is_not_strict_json_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        payload.parse_body(raw)
    assert list(fields(refusal)) == ["body"]


def test_a_body_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLargeError):
        payload.parse_body(b" " * (payload.MAX_BODY_BYTES + 1))


def test_a_large_body_with_many_values_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    file = json.dumps({"data": "A" * 5_592_408}).encode()
    assert len(payload.parse(file, payload.MOST_BODY_BYTES)["data"]) == 5_592_408
    monkeypatch.setattr(payload, "json", SimpleNamespace(loads=lambda *_, **__: pytest.fail("it was parsed")))
    for values in (b"[" + b"[]," * 2_000_000 + b"[]]", b"{" * 6_000_000, b'{"a":' * 1_000_000, b"1," * 3_000_000):
        with pytest.raises(InvalidRequestError) as refusal:
            payload.parse(values, payload.MOST_BODY_BYTES)
        assert fields(refusal) == {"body": "holds more than 10000 values"}


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        (b"", {}),
        (b"  ", {}),
        (b'{"a": 1}', {"a": 1}),
        (b'{"data": {"a": 1}}', {"a": 1}),
        (b'{"data": {"a": 1}, "b": 2}', {"data": {"a": 1}, "b": 2}),
        (b'{"data": 1}', {"data": 1}),
        (b'{"whole": 10.0, "part": 10.5}', {"whole": 10, "part": 10.5}),
        ('{"name": "Ünïcødé 🎞"}'.encode(), {"name": "Ünïcødé 🎞"}),
    ],
)
def test_a_body_is_an_object_and_a_single_data_field_is_unwrapped(raw: bytes, meant: dict[str, Any]) -> None:
    assert payload.parse_body(raw) == meant


@given(st.binary(max_size=300) | st.text().map(lambda text: json.dumps({"a": text}).encode()))
def test_any_body_gives_an_object_or_a_clear_refusal(raw: bytes) -> None:
    with contextlib.suppress(InvalidRequestError):
        assert isinstance(payload.parse_body(raw), dict)


def test_query_values_are_converted_by_schema_and_path_values_take_precedence() -> None:
    merged = payload.merge(SCHEMA, {"name": "path"}, {"limit": ["5"]}, {"name": "body"})
    assert merged == {"name": "path", "limit": 5}


@pytest.mark.parametrize("text", ["--5", "-", "5-", "５", "9" * 19, "1e2", " 5"])
def test_a_query_value_that_is_no_integer_is_left_to_the_schema(text: str) -> None:
    merged = payload.merge(SCHEMA, {}, {"limit": [text]}, {"name": "ok"})
    with pytest.raises(InvalidRequestError) as refusal:
        json_schema.check(SCHEMA, merged)
    assert fields(refusal) == {"limit": "must be of type integer"}


@given(st.floats(-(2.0**53), 2.0**53).filter(lambda number: abs(number) > 1e-9) | st.integers(-(2**53), 2**53))
def test_ordinary_numbers_are_accepted(number: float) -> None:
    assert payload.parse_body(json.dumps({"n": number}).encode()) == {"n": number}


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**45), 10**45))
def test_every_accepted_number_can_be_stored(number: float) -> None:
    with contextlib.suppress(InvalidRequestError):
        clients.marshal(writable(payload.parse_body(json.dumps({"n": number}).encode())))


@pytest.mark.parametrize(
    ("query", "body"), [({"limit": ["1", "2"]}, {}), ({"limit": ["1"]}, {"limit": 1})], ids=["query", "query and body"]
)
def test_a_name_given_twice_is_refused(query: dict[str, list[str]], body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        payload.merge(SCHEMA, {}, query, body)
    assert fields(refusal) == {"limit": "is given twice"}


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({}, {"name": "is required"}),
        ({"name": 5}, {"name": "must be of type string"}),
        ({"name": "x"}, {"name": "must have at least 2 characters"}),
        ({"name": "ok", "limit": 0}, {"limit": "must be at least 1"}),
        ({"name": "ok", "limit": "ten"}, {"limit": "must be of type integer"}),
        ({"name": "ok", "limit": True}, {"limit": "must be of type integer"}),
        ({"name": "ok", "unknown": 1}, {"unknown": "is not known here"}),
        (
            {"name": "ok", "deep": {"flag": 1, "odd": 2}},
            {"deep.flag": "must be of type boolean", "deep.odd": "is not known here"},
        ),
    ],
)
def test_each_field_that_does_not_fit_is_named(data: dict[str, Any], wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        json_schema.check(SCHEMA, data)
    assert fields(refusal) == wrong


@given(st.text(min_size=12))
def test_a_refusal_never_repeats_the_value(secret: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        json_schema.check(SCHEMA, {"name": "ok", "password": f"no-{secret}"})
    assert f"no-{secret}" not in json.dumps(refusal.value.body("r"))


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    assert isinstance(payload.parse_body(b'{"whole": 10.0}')["whole"], int)


def test_each_missing_field_is_named_once() -> None:
    schema = {"type": "object", "required": ["a", "b"]}
    with pytest.raises(InvalidRequestError) as refusal:
        json_schema.check(schema, {})
    assert [detail["field"] for detail in refusal.value.details] == ["a", "b"]


def test_at_most_ten_faults_are_reported() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        json_schema.check(SCHEMA, {"name": "ok", **{f"odd{i}": 1 for i in range(50)}})
    assert len(refusal.value.details) == json_schema.MAX_DETAILS


def test_a_pattern_must_match_up_to_the_end_of_the_text() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^[a-z]+$"}}}
    json_schema.check(schema, {"id": "abc"})
    for almost in ("abc\n", "abc\r", "abc\n\n"):
        with pytest.raises(InvalidRequestError):
            json_schema.check(schema, {"id": almost})
