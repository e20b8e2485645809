"""A request's payload as one object: strict JSON, with path, query and body merged."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core.errors import InvalidRequestError, TooLargeError
from chalicelib.core.schemas import Schema

# Our largest useful body has a few kilobytes, except for calls of tools that take files (`api_tool(largest_body=…)`).
MAX_BODY_BYTES = 256 * 1024
# API Gateway passes on 10 MB, but Lambda takes an event of 6 MiB, and the body is one text in it ("Lambda quotas"). The
# rest is for the headers, which are in it twice (10,240 bytes at most), and for the quotes, which are escaped.
MAX_EVENT_BYTES = 6 * 1024 * 1024
MOST_BODY_BYTES = MAX_EVENT_BYTES - 64 * 1024
MAX_DEPTH = 32
# Fields and list items at all depths; our largest useful body has some hundreds.
MAX_VALUES = 10_000
# An error shows so many characters of an unknown field's name.
MAX_NAME = 200
_INTEGER = re.compile(r"-?[0-9]{1,18}")
# Numbers that DynamoDB can store ("Data types": 38 digits, 1E-130 to 9.9…E+125).
_INTEGER_LIMIT = 10**38
_SMALLEST_FLOAT, _FLOAT_LIMIT = 1e-130, 1e126


class NotJsonError(InvalidRequestError):
    message = "The body is not valid JSON."


def parse_body(raw: bytes, at_most: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """The object in a request's body: `{}` for an empty body; `{"data": {…}}` alone is unwrapped.

    Raises:
        TooLargeError, NotJsonError: as `parse` does.
        InvalidRequestError: it is not an object.
    """
    body = parse(raw, at_most) if raw.strip() or len(raw) > at_most else {}
    if not isinstance(body, dict):
        raise InvalidRequestError(details=_about("body", "must be an object"))
    inner = body.get("data")
    return inner if len(body) == 1 and isinstance(inner, dict) else body


def parse(raw: bytes, at_most: int = MAX_BODY_BYTES) -> Any:
    """The value of a body in strict JSON: no NaN, no name twice, no text that is not Unicode.

    Raises:
        TooLargeError: over `at_most` bytes.
        NotJsonError: it is not strict JSON.
        InvalidRequestError: it is deeper than MAX_DEPTH, or holds more than MAX_VALUES values, half a surrogate pair,
            or a number that DynamoDB cannot store.
    """
    check_size(raw, at_most)
    if len(raw) > MAX_BODY_BYTES:
        _check_marks(raw)
    try:
        value = json.loads(
            raw.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_without_duplicates,
        )
    except (ValueError, RecursionError):
        raise NotJsonError(details=_about("body", "is not valid JSON")) from None
    _check_values(value)
    return value


def check_size(raw: bytes, at_most: int) -> None:
    """Raises TooLargeError if a body has more bytes."""
    if len(raw) > at_most:
        raise TooLargeError(f"This request's body may have at most {at_most:,} bytes.")


def _check_marks(raw: bytes) -> None:
    """Bounds the work of parsing a large body: every value but the first one of all comes after one of these marks.

    Without it, 6 MB of empty lists would take a second and 200 MB. Marks inside of texts count too; base64 has none.
    """
    if len(raw) - len(raw.translate(None, b",[{")) > MAX_VALUES:
        raise InvalidRequestError(details=_about("body", f"holds more than {MAX_VALUES} values"))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float | int:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    # For a schema 10.0 is an integer; for DynamoDB and S3 it is not.
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is given twice")
    return fields


def _check_values(body: Any) -> None:
    """Refuses what JSON allows and a table does not: deep nesting, half a surrogate pair, numbers out of range."""
    level: list[Any] = [body]
    values = 0
    for _ in range(MAX_DEPTH):
        # Before the next level is built.
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
        return part == 0 or _SMALLEST_FLOAT <= abs(part) < _FLOAT_LIMIT
    return not isinstance(part, int) or abs(part) < _INTEGER_LIMIT


def _inside(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        yield from part.keys()
        yield from part.values()
    elif isinstance(part, list):
        yield from part


def merge(
    schema: Schema, path: Mapping[str, str], query: Mapping[str, list[str]], body: Mapping[str, Any]
) -> dict[str, Any]:
    """Path parameters, query values in their schema's types, and the body, in one object; the path has precedence.

    Raises:
        InvalidRequestError: a name is given twice.
    """
    for name, values in query.items():
        if len(values) > 1 or name in body:
            raise InvalidRequestError(details=_about(name[:MAX_NAME], "is given twice"))
    properties = schema.get("properties", {})
    params = {name: _convert(values[0], properties.get(name, {})) for name, values in query.items()}
    return {**body, **params, **path}


def _convert(text: str, schema: Schema) -> Any:
    """A query's text in the type of its schema; text that does not fit is left for the schema to refuse."""
    kind = schema.get("type")
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text


def _about(field: str, message: str) -> list[dict[str, str]]:
    return [{"field": field, "message": message}]
