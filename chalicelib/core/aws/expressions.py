"""DynamoDB's own language: values in the types it takes, changes and conditions as expressions."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

Arguments = dict[str, Any]


def writable(item: Mapping[str, Any]) -> dict[str, Any]:
    """The item as DynamoDB takes it: floats as exact decimals, without attributes that are None."""
    # Most values need no conversion, and every request writes some twenty of them.
    return {
        name: value if type(value) in _PLAIN else _writable(value) for name, value in item.items() if value is not None
    }


_PLAIN = frozenset({str, int, bool})


def _writable(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return writable(value)
    if isinstance(value, list | tuple):
        return [_writable(inner) for inner in value]
    return value


def write_arguments(
    *,
    change: Mapping[str, Any] | None = None,
    remove: Iterable[str] = (),
    add: Mapping[str, float] | None = None,
    where: Mapping[str, Any] | None = None,
    absent: Collection[str] = (),
    below: Mapping[str, int] | None = None,
    other_than: Mapping[str, Any] | None = None,
) -> Arguments:
    """The arguments of one write: its expressions, with their names and values.

    The write sets the attributes of `change` (None removes one), removes those of `remove`, and adds to numbers, which
    start at 0. Its condition: the item has the attributes of `where` (None: it does not have that one) and none of
    `absent`, each counter of `below` is lower than its number, or not there, and no attribute has its value in
    `other_than`.
    """
    change, where, names, values = change or {}, where or {}, _Placeholders("#a"), _Placeholders(":a")
    removed = [*remove, *(name for name, value in change.items() if value is None)]
    clauses = {
        "SET": [f"{names.of(name)} = {values.new(value)}" for name, value in writable(change).items()],
        "REMOVE": [names.of(name) for name in removed],
        "ADD": [f"{names.of(name)} {values.new(_writable(by))}" for name, by in (add or {}).items()],
    }
    not_there = [*absent, *(name for name, value in where.items() if value is None)]
    conditions = [
        *(f"attribute_not_exists({names.of(name)})" for name in not_there),
        *(f"{names.of(name)} = {values.new(value)}" for name, value in writable(where).items()),
        *(
            f"(attribute_not_exists({names.of(name)}) OR {names.of(name)} < {values.new(number)})"
            for name, number in (below or {}).items()
        ),
        *(
            f"(attribute_not_exists({names.of(name)}) OR {names.of(name)} <> {values.new(value)})"
            for name, value in (other_than or {}).items()
        ),
    ]
    arguments = {
        "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names.meanings,
        "ExpressionAttributeValues": values.meanings,
    }
    # DynamoDB takes no empty ones.
    return {name: value for name, value in arguments.items() if value}


class _Placeholders:
    """`#a0`, `#a1` …: attributes and values have placeholders, since DynamoDB reserves hundreds of words."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._placeholders: dict[str, str] = {}
        self.meanings: dict[str, Any] = {}

    def of(self, name: str) -> str:
        """The name's placeholder: the same wherever the name stands."""
        if name not in self._placeholders:
            self._placeholders[name] = self.new(name)
        return self._placeholders[name]

    def new(self, meaning: Any) -> str:
        placeholder = f"{self._prefix}{len(self.meanings)}"
        self.meanings[placeholder] = meaning
        return placeholder
