"""darkroom/contract.json: what the command line needs of the API's contract, generated from it.

For each operation: its method, path and inputs. The command line takes its choices, ranges and words from here.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.settings import ROOT

DOCUMENT = ROOT / "darkroom" / "contract.json"
# What an input says beside its place; `enum` of a list's items stands for the list.
_KEPT = ("type", "description", "enum", "minimum", "maximum", "format")
_PARTS = ("allOf", "anyOf", "oneOf")


def text(contract: Mapping[str, Any]) -> str:
    """The file's content for a contract."""
    operations = {
        operation["operationId"]: _operation(method, path, operation)
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
    }
    return json.dumps(dict(sorted(operations.items())), indent=1, ensure_ascii=False) + "\n"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    parameters = operation.get("parameters", ())
    inputs = {
        each["name"]: {"in": each["in"], **_said({**each["schema"], "description": each.get("description", "")})}
        for each in parameters
        if each.get("in") in ("path", "query")
    }
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for name, schema in _fields(body):
        inputs.setdefault(name, {"in": "body", **_said(schema)})
    takes_key = any(each.get("$ref", "").endswith("/IdempotencyKey") for each in parameters)
    return {"method": method.upper(), "path": path, "takesIdempotencyKey": takes_key, "inputs": inputs}


def _fields(schema: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The fields of an object and of those in it, by dotted names, whatever condition they stand under."""
    for name, field in schema.get("properties", {}).items():
        if isinstance(field, Mapping) and ("type" in field or "enum" in field):
            yield before + name, field
        if isinstance(field, Mapping):
            yield from _fields(field, f"{before}{name}.")
    for part in [each for word in _PARTS for each in schema.get(word, ())]:
        yield from _fields(part, before)
    if "then" in schema:
        yield from _fields(schema["then"], before)


def _said(schema: Mapping[str, Any]) -> dict[str, Any]:
    items = schema.get("items", {})
    of_items = {"enum": items["enum"]} if "enum" in items else {}
    return {word: value for word, value in {**schema, **of_items}.items() if word in _KEPT}
