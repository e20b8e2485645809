"""moto's tables without repeated work: most of a request's time went into it. No answer changes."""

import functools
from collections.abc import Mapping
from typing import Any

from local.patching import patch

# How many different update expressions stay parsed. The application has a few hundred.
_PARSED_EXPRESSIONS = 1024


def avoid_repeated_work() -> None:
    """Write attribute values as they are, parse each expression once, and know which nodes a check looks at."""
    _write_values_directly()
    _keep_parsed_expressions()
    _keep_checked_kinds()


def _write_values_directly() -> None:
    # moto looks for every member of an attribute value under four names: in objects, an attribute may be called
    # otherwise than in the model. Attribute values are dicts, and have the names of the model.
    from moto.core.serialize import BaseJSONSerializer

    original = BaseJSONSerializer._serialize_type_map

    def serialize_map(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.value.name != "AttributeValue":
            original(self, serialized, value, shape, key)
            return
        values = {name: _as_json(self, each) for name, each in value.items()}
        serialized[self.get_serialized_name(shape, key)] = values

    patch(BaseJSONSerializer, "_serialize_type_map", serialize_map)


def _as_json(serializer: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """An attribute value as JSON: {"S": "text"} or {"M": {"name": {"B": "base64"}}}."""
    return {kind: _content_as_json(serializer, kind, content) for kind, content in value.items()}


def _content_as_json(serializer: Any, kind: str, content: Any) -> Any:
    if kind == "M":
        return {name: _as_json(serializer, each) for name, each in content.items()}
    if kind == "L":
        return [_as_json(serializer, each) for each in content]
    if kind == "B":
        return serializer._base64(content)
    if kind == "BS":
        return [serializer._base64(each) for each in content]
    if kind in ("S", "N"):
        return str(content)
    return content


def _keep_parsed_expressions() -> None:
    # The validator changes a copy of the tree.
    from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

    make = functools.lru_cache(_PARSED_EXPRESSIONS)(UpdateExpressionParser.make)
    patch(UpdateExpressionParser, "make", staticmethod(make))


def _keep_checked_kinds() -> None:
    # moto calls this "cached", and builds it anew for every node.
    from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser  # type: ignore[attr-defined]

    kinds: dict[type, tuple[type, ...]] = {}

    def nodes_to_be_processed(self: Any) -> tuple[type, ...]:
        if type(self) not in kinds:
            kinds[type(self)] = tuple(self._processing_map())
        return kinds[type(self)]

    patch(DepthFirstTraverser, "nodes_to_be_processed", nodes_to_be_processed)
