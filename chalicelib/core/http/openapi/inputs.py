"""What an operation takes: the parameters in path, query and headers, and the body, all from its one schema."""

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.core import log
from chalicelib.core.http import idempotency
from chalicelib.core.http.openapi.components import Components, Part
from chalicelib.core.http.openapi.examples import example
from chalicelib.core.http.operations import Operation
from chalicelib.core.schemas import Schema

_CORRELATION = {
    "name": log.CORRELATION_HEADER,
    "in": "header",
    "description": "Your own id of this request: up to 64 letters, digits, `-` and `_`. It follows the work through "
    "every log line, and the answer repeats it. Any other value is ignored.",
    "schema": {"type": "string"},
    "example": "order-4711",
}
_IDEMPOTENCY = {
    "name": idempotency.HEADER,
    "in": "header",
    "description": "Any value of your own. For a day, the same request with the same key gets the answer of the first "
    "one, and nothing runs twice.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$", "minLength": 1, "maxLength": 255},
    "example": "7f3c9b2e-upload-1",
}


def path_names(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def parameters(operation: Operation, method: str, path: str, components: Components) -> list[Part]:
    """The operation's parameters: path, query, then headers."""
    names, properties = path_names(path), operation.schema["properties"]
    listed = [_parameter(name, "path", properties[name], components) for name in names]
    if method == "GET":
        required = operation.schema.get("required", ())
        query = {name: schema for name, schema in properties.items() if name not in names}
        listed += [_parameter(name, "query", each, components, name in required) for name, each in query.items()]
    listed += [header(name, each, components) for name, each in operation.headers.items()]
    if operation.replay is not None:
        listed.append(components.share("parameters", "IdempotencyKey", dict(_IDEMPOTENCY)))
    listed.append(components.share("parameters", "CorrelationId", dict(_CORRELATION)))
    return listed


def header(name: str, schema: Schema, components: Components) -> Part:
    """A header that a request must have."""
    return _parameter(name, "header", schema, components)


def _parameter(name: str, place: str, schema: Schema, components: Components, required: bool = True) -> Part:
    """A parameter. Its description stands beside its schema, not in it."""
    written = {word: value for word, value in schema.items() if word not in ("description", "examples")}
    parameter: Part = {"name": name, "in": place}
    if "description" in schema:
        parameter["description"] = schema["description"]
    if required:
        parameter["required"] = True
    parameter["schema"] = components.request_schema(written)
    if "examples" in schema:
        parameter["example"] = example(schema)
    return parameter


def request_body(operation: Operation, method: str, path: str, components: Components) -> Part | None:
    """The operation's body, or None if it takes none."""
    schema = operation.body or (None if method == "GET" else body_schema(operation.schema, path_names(path)))
    return None if schema is None else json_body(schema, components)


def json_body(schema: Schema, components: Components) -> Part:
    """A body in JSON of that schema."""
    written = components.request_schema(schema)
    required = {"required": True} if is_required(schema) else {}
    return {**required, "content": {"application/json": {"schema": written, "example": example(schema)}}}


def is_required(schema: Schema) -> bool:
    """Whether an empty body is refused."""
    return not Draft202012Validator(schema).is_valid({})


def body_schema(schema: Schema, in_path: list[str]) -> dict[str, Any] | None:
    """The schema without what is in the path; None if nothing is left."""
    properties: Mapping[str, Schema] = schema["properties"]
    left = {name: each for name, each in properties.items() if name not in in_path}
    if not left:
        return None
    required = [name for name in schema.get("required", ()) if name in left]
    body = {**schema, "properties": left, "required": required}
    if "minProperties" in schema:
        body["minProperties"] = schema["minProperties"] - len(in_path)
    if not required:
        del body["required"]
    return body
