"""What a request says, as one validated object: strict JSON, path, query and body merged, checked by a schema.

jsonschema is imported with the first thing to check: every function imports app.py, and most check nothing.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.core.errors import InvalidRequestError, TooLargeError

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

Schema = Mapping[str, Any]


def shape(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The schema of an object that has all the required fields, perhaps the optional ones, and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def page_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a list's page."""
    return shape({"items": {"type": "array", "items": item}, "nextCursor": {"type": ["string", "null"]}})


NO_PAYLOAD: Schema = shape({})
TEXT: Schema = {"type": "string"}
MESSAGE: Schema = shape({"message": TEXT})

# Our largest honest body is a few kilobytes; API Gateway itself would pass 10 MB on.
MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_DETAILS = 10
_INTEGER = re.compile(r"-?[0-9]{1,18}")
# What a number may be to be stored (DynamoDB, "Data types": 38 digits, 1E-130 to 9.9…E+125).
_MOST_OF_AN_INTEGER = 10**38
_LEAST_OF_A_FRACTION, _MOST_OF_A_FRACTION = 1e-130, 1e126


class NotJsonError(InvalidRequestError):
    message = "The body is not valid JSON."


def parse_body(raw: bytes) -> dict[str, Any]:
    """The object in a request's body; an empty body is an empty object, `{"data": {…}}` alone is unwrapped.

    Raises:
        TooLargeError, NotJsonError: as `parse` does.
        InvalidRequestError: it is not an object.
    """
    body = parse(raw) if raw.strip() or len(raw) > MAX_BODY_BYTES else {}
    if not isinstance(body, dict):
        raise InvalidRequestError(details=_about("body", "must be an object"))
    inner = body.get("data")
    return inner if len(body) == 1 and isinstance(inner, dict) else body


def parse(raw: bytes) -> Any:
    """The value of a body in strict JSON: no NaN, no name twice, no text that is not Unicode, MAX_DEPTH deep at most.

    Raises:
        TooLargeError: over MAX_BODY_BYTES.
        NotJsonError: it is not strict JSON.
        InvalidRequestError: it is too deep, or holds half a surrogate pair or a number that no table takes.
    """
    if len(raw) > MAX_BODY_BYTES:
        raise TooLargeError(f"A request's body may have at most {MAX_BODY_BYTES} bytes.")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_without_twins,
        )
    except (ValueError, RecursionError):
        raise NotJsonError(details=_about("body", "is not valid JSON")) from None
    _refuse_strange(value)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float | int:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    # To a schema 10.0 is an integer; to DynamoDB and S3 it is not.
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is given twice")
    return made


def _refuse_strange(body: Any) -> None:
    """Refuses what JSON allows and a table does not: deep nesting, half a surrogate pair in a text, vast numbers."""
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        for text in (part for part in level if isinstance(part, str)):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise InvalidRequestError(details=_about("body", "holds text that is not Unicode")) from None
        if not all(map(_can_be_stored, level)):
            raise InvalidRequestError(details=_about("body", "holds a number that is too large or too small"))
        level = [inner for part in level for inner in _inside(part)]
        if not level:
            return
    raise InvalidRequestError(details=_about("body", f"is nested more than {MAX_DEPTH} deep"))


def _can_be_stored(part: Any) -> bool:
    if isinstance(part, float):
        return part == 0 or _LEAST_OF_A_FRACTION <= abs(part) < _MOST_OF_A_FRACTION
    return not isinstance(part, int) or abs(part) < _MOST_OF_AN_INTEGER


def _inside(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        yield from part.keys()
        yield from part.values()
    elif isinstance(part, list):
        yield from part


def merge(
    schema: Schema, path: Mapping[str, str], query: Mapping[str, list[str]], body: Mapping[str, Any]
) -> dict[str, Any]:
    """Path parameters (they win), query values as their schema's types, and the body, in one object.

    Raises:
        InvalidRequestError: a name is given twice.
    """
    for name, values in query.items():
        if len(values) > 1 or name in body:
            raise InvalidRequestError(details=_about(name, "is given twice"))
    properties = schema.get("properties", {})
    asked = {name: _coerced(values[0], properties.get(name, {})) for name, values in query.items()}
    return {**body, **asked, **path}


def _coerced(text: str, schema: Schema) -> Any:
    """A query's text as the type that its schema names; what does not fit stays text, for the schema to refuse."""
    kind = schema.get("type")
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text


def check(schema: Schema, data: Mapping[str, Any]) -> None:
    """Raises InvalidRequestError, naming each field that does not fit the schema (MAX_DETAILS at most)."""
    details = faults(schema, data)
    if details:
        raise InvalidRequestError(details=details[:MAX_DETAILS])


def faults(schema: Schema, data: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each field that does not fit the schema, with the rule that it breaks; never the value."""
    found = sorted(_validator(_Frozen(schema)).iter_errors(data), key=lambda fault: [str(step) for step in fault.path])
    details: list[dict[str, str]] = []
    for detail in (each for fault in found for each in _explain(fault)):
        # jsonschema reports each field that is missing, and each time all of them.
        if detail not in details:
            details.append(detail)
    return details


class _Frozen:
    """A schema as a cache's key: schemas are constants of their modules, so the object itself is its identity."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and other.schema is self.schema


@functools.cache
def _validator(frozen: _Frozen) -> Draft202012Validator:
    strict = _strict()
    strict.check_schema(dict(frozen.schema))
    validator: Draft202012Validator = strict(dict(frozen.schema))
    return validator


@functools.cache
def _strict() -> Any:
    """jsonschema's class of validators, but for what `$` means in a pattern."""
    from jsonschema import Draft202012Validator, validators

    return validators.extend(Draft202012Validator, {"pattern": _pattern})


def _pattern(validator: Draft202012Validator, pattern: str, instance: Any, schema: Schema) -> Iterator[ValidationError]:
    """JSON Schema's `$` is the text's very end (ECMA-262); Python's would let a newline stand behind it."""
    from jsonschema.exceptions import ValidationError

    strict = pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith("\\$") else pattern
    if isinstance(instance, str) and not re.search(strict, instance):
        yield ValidationError("does not match")


# jsonschema's own sentences quote the value, which may be a password: ours name the rule alone.
_WORDING = {
    "type": "must be of type {0}",
    "enum": "must be one of {0}",
    "const": "must be {0}",
    "minLength": "must have at least {0} characters",
    "maxLength": "must have at most {0} characters",
    "minimum": "must be at least {0}",
    "maximum": "must be at most {0}",
    "exclusiveMinimum": "must be more than {0}",
    "minItems": "must have at least {0} items",
    "maxItems": "must have at most {0} items",
    "minProperties": "must name at least {0} fields",
    "uniqueItems": "must not hold anything twice",
    "pattern": "does not have the expected form",
}


def _explain(fault: ValidationError) -> list[dict[str, str]]:
    field = ".".join(str(step) for step in fault.absolute_path)
    if fault.validator == "required":
        absent = [name for name in fault.validator_value if name not in fault.instance]
        return [{"field": _under(field, name), "message": "is required"} for name in absent]
    if fault.validator == "additionalProperties":
        known = fault.schema.get("properties", {})
        unknown = [name for name in fault.instance if name not in known]
        return [{"field": _under(field, name), "message": "is not known here"} for name in unknown]
    rule = fault.validator_value
    shown = ", ".join(map(str, rule)) if isinstance(rule, list) else rule
    return _about(field or "body", _WORDING.get(str(fault.validator), "is not valid").format(shown))


def _under(field: str, name: str) -> str:
    return f"{field}.{name}"[:200] if field else name[:200]


def _about(field: str, message: str) -> list[dict[str, str]]:
    return [{"field": field, "message": message}]
