"""All input is bounded: in each schema, every text, list and open object has a limit."""

import re
from collections.abc import Iterator, Mapping
from re import _constants as op  # type: ignore[attr-defined, unused-ignore]
from re import _parser as parser  # type: ignore[attr-defined, unused-ignore]
from typing import Any

import pytest

import app as manifest
from chalicelib.core.agents import tools
from chalicelib.core.http import json_schema
from chalicelib.core.schemas import Schema
from infra import triggers
from tests.scheduled_jobs import JOBS


def taken() -> Iterator[tuple[str, Schema]]:
    """Each input schema with its name: of routes, tools, and jobs that are invoked by hand."""
    for method, path, view in triggers.routes(manifest.app):
        yield f"{method} {path}", view.operation.schema
        if view.operation.api_schema not in (None, view.operation.schema):
            yield f"{method} {path} with a key", view.operation.api_schema
    for tool in tools.published():
        yield f"tool {tool.operation.name}", tool.operation.schema
    for name, schema in ((job.name, job.payload) for job in JOBS.values()):
        yield f"job {name}", schema


TAKEN = dict(taken())
_INNER = ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else")


def parts(schema: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A schema and all its parts, each with its path."""
    if not isinstance(schema, Mapping):
        return
    yield where, schema
    for name, inner in schema.get("properties", {}).items():
        yield from parts(inner, f"{where}.{name}")
    for name in _INNER:
        yield from parts(schema.get(name), f"{where} {name}")
    for name in ("allOf", "anyOf", "oneOf"):
        for place, inner in enumerate(schema.get(name, ())):
            yield from parts(inner, f"{where} {name} {place}")


def unbounded(part: Mapping[str, Any]) -> Iterator[str]:
    kinds = part.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "string" in kinds and "maxLength" not in part:
        yield "a text without maxLength"
    if "array" in kinds and "maxItems" not in part:
        yield "a list without maxItems"
    if "object" in kinds and part.get("additionalProperties") is not False and "maxProperties" not in part:
        yield "an open object without maxProperties"
    if "patternProperties" in part or "$ref" in part or "unevaluatedProperties" in part:
        yield "a rule that core/http/json_schema.py does not bound"


@pytest.mark.parametrize("name", TAKEN)
def test_every_value_that_a_schema_accepts_is_bounded(name: str) -> None:
    found = [f"{where}: {fault}" for where, part in parts(TAKEN[name]) for fault in unbounded(part)]
    assert not found
    # A field without a type accepts anything, unless it only narrows another part of the same schema.
    for where, part in parts(TAKEN[name]):
        fields = part.get("properties", {}).values() if part.get("type") == "object" else ()
        assert all({"type", "enum", "const", "anyOf"} & set(field) for field in fields), where


@pytest.mark.parametrize("name", [each for each in TAKEN if "{" in each])
def test_path_parameters_cannot_be_empty(name: str) -> None:
    properties = TAKEN[name]["properties"]
    for parameter in re.findall(r"{(\w+)}", name):
        assert json_schema.faults(properties[parameter], ""), "an empty string reaches the key of a table"


_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)


def nested(tree: Any) -> Iterator[list[Any]]:
    """The repeated parts of a pattern that contain another repetition or branch."""
    for kind, argument in tree:
        if kind in _REPEATS:
            _, most, body = argument
            items = bare(body)
            if most > 1 and any(inner in (*_REPEATS, op.BRANCH) for inner, _ in items):
                yield items
            yield from nested(body)
        elif kind is op.SUBPATTERN:
            yield from nested(argument[-1])
        elif kind is op.BRANCH:
            for branch in argument[1]:
                yield from nested(branch)
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            yield from nested(argument[1])


def bare(body: Any) -> list[Any]:
    """The elements of a pattern without their groups."""
    return [each for item in body for each in (bare(item[1][-1]) if item[0] is op.SUBPATTERN else [item])]


def matches(item: Any, character: str) -> bool:
    """Whether one element of a pattern may begin with the character."""
    kind, argument = item
    if kind in _REPEATS:
        return any(matches(inner, character) for inner in bare(argument[2]))
    compiled = re._compiler.compile(parser.SubPattern(parser.State(), [item]))  # type: ignore[attr-defined, unused-ignore]
    return compiled.fullmatch(character) is not None


def can_explode(pattern: str) -> bool:
    """Whether a text can be matched in exponentially many ways.

    It cannot where each nested repetition begins with a character that nothing behind it in the body takes: then the
    text itself says where each round begins.
    """
    for first, *rest in nested(parser.parse(pattern)):
        if first[0] is not op.LITERAL or any(matches(item, chr(first[1])) for item in rest):
            return True
    return False


def test_the_search_for_explosive_patterns_finds_them() -> None:
    for bad in (r"^(a+)+$", r"^(\w*)*$", r"(ab|a.)*c", r"^([a-z.]+\.)+$", r"^(\.[a-z.]{1,63})+$"):
        assert can_explode(bad), bad
    for good in (r"^(\.[a-z]{1,63})+$", r"^[a-z]+$", r"^\d{4}(T\d\d(\.\d{1,6})?Z)?$"):
        assert not can_explode(good), good


def test_no_pattern_takes_exponential_time() -> None:
    patterns = {
        part["pattern"]
        for schema in TAKEN.values()
        for _, part in parts(schema)
        if isinstance(part.get("pattern"), str)
    }
    assert patterns
    assert not [pattern for pattern in patterns if can_explode(pattern)]
