"""What a request says, as one object: strict JSON, with path, query and body merged; and the parts of its schema."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core.errors import InvalidRequestError, TooLargeError
from chalicelib.core.schemas import Schema

# Our largest honest body is a few kilobytes; API Gateway itself would pass 10 MB on.
MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
# Fields and list items at all depths; our largest honest body has some hundreds.
MAX_VALUES = 10_000
# So much of a strange field's name is told.
MAX_NAME = 200
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
    """The value of a body in strict JSON: no NaN, no name twice, no text that is not Unicode.

    It is at most MAX_DEPTH deep, and holds at most MAX_VALUES values.

    Raises:
        TooLargeError: over MAX_BODY_BYTES.
        NotJsonError: it is not strict JSON.
        InvalidRequestError: it is too deep, or holds too many values, half a surrogate pair, or a number that no
            table takes.
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
    values = 0
    for _ in range(MAX_DEPTH):
        # Counted before they are looked at.
        values += sum(len(part) for part in level if isinstance(part, dict | list))
        if values > MAX_VALUES:
            raise InvalidRequestError(details=_about("body", f"holds more than {MAX_VALUES} values"))
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
            raise InvalidRequestError(details=_about(name[:MAX_NAME], "is given twice"))
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


def _about(field: str, message: str) -> list[dict[str, str]]:
    return [{"field": field, "message": message}]
