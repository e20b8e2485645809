"""What several operations share: schemas with a title, responses, headers and parameters, each once under its name."""

from collections.abc import Mapping
from types import NoneType
from typing import Any

from chalicelib.core.schemas import Schema

Part = dict[str, Any]

# Where a JSON Schema holds another one, several, or one for each name.
_ONE = ("items", "additionalProperties", "not", "if", "then", "else")
_SEVERAL = ("allOf", "anyOf", "oneOf")


class Components:
    """The shared parts of a document, filled while its operations are written."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, Part]] = {}

    def share(self, kind: str, name: str, part: Part) -> Part:
        """A reference to the part, which is kept under that name.

        Raises:
            ValueError: another part has the name.
        """
        if self.parts.setdefault(kind, {}).setdefault(name, part) != part:
            raise ValueError(f"two different {kind} are called {name}")
        return {"$ref": f"#/components/{kind}/{name}"}

    def request_schema(self, schema: Schema) -> Part:
        """The schema as it stands in the document: each part with a title is a reference."""
        written: Part = self._shared(schema, is_open=False)
        return written

    def answer_schema(self, schema: Schema) -> Part:
        """As `request_schema`. Answers may get further fields at any time, so their objects are open."""
        written: Part = self._shared(schema, is_open=True)
        return written

    def _shared(self, schema: Any, *, is_open: bool) -> Any:
        if not isinstance(schema, Mapping):
            return schema
        written = self._with_inner(schema, is_open=is_open)
        if is_open and written.get("additionalProperties") is False:
            del written["additionalProperties"]
        return self.share("schemas", written["title"], written) if "title" in written else written

    def _with_inner(self, schema: Schema, *, is_open: bool) -> Part:
        written = {"type": _type_of(schema), **schema} if "enum" in schema or "const" in schema else dict(schema)
        for word in set(written).intersection(_ONE):
            written[word] = self._shared(written[word], is_open=is_open)
        for word in set(written).intersection(_SEVERAL):
            written[word] = [self._shared(each, is_open=is_open) for each in written[word]]
        if "properties" in written:
            inner = written["properties"].items()
            written["properties"] = {name: self._shared(each, is_open=is_open) for name, each in inner}
        return written

    def sorted(self) -> dict[str, dict[str, Part]]:
        """The parts by kind and name."""
        return {kind: dict(sorted(parts.items())) for kind, parts in sorted(self.parts.items())}


# The types of JSON by those of Python: generators of clients want one beside every list of values.
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}


def _type_of(schema: Schema) -> str | list[str]:
    """The type of the schema's values."""
    types = list(dict.fromkeys(_TYPES[type(value)] for value in schema.get("enum", [schema.get("const")])))
    return types[0] if len(types) == 1 else types
