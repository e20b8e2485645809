"""One example of a schema, made of the examples of its parts."""

from typing import Any

from chalicelib.core.schemas import Schema

# What a text is whose schema has no example: a test finds it.
NO_EXAMPLE = "…"
_PLAIN = {"string": NO_EXAMPLE, "boolean": False, "object": {}, "null": None}


def example(schema: Schema) -> Any:
    """A value that fits the schema: the first of its own examples, or one put together of its parts.

    An optional field is in it if its schema has an example. Where null is allowed and no example is given, it is null.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return None if None in schema["enum"] else schema["enum"][0]
    if "anyOf" in schema and "properties" not in schema:
        return None if {"type": "null"} in schema["anyOf"] else example(schema["anyOf"][0])
    kinds = schema.get("type", "object")
    if isinstance(kinds, list):
        return None
    if kinds == "object" and "properties" in schema:
        return _object(schema)
    if kinds == "array":
        return [example(schema["items"])] if "items" in schema else []
    return schema.get("minimum", 0) if kinds in ("integer", "number") else _PLAIN[kinds]


def _object(schema: Schema) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: example(each)
        for name, each in schema["properties"].items()
        if name in required or (isinstance(each, dict) and "examples" in each)
    }
