"""DynamoDB's own language: values in the types it takes, changes and conditions as expressions.

Each function returns arguments of one write: its expressions, with their names and values. Attributes have placeholders
(`#u0`) in them, since DynamoDB reserves hundreds of words.
"""

from collections.abc import Iterable, Mapping, Sequence
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


def update_expression(change: Mapping[str, Any], remove: Iterable[str], add: Mapping[str, int]) -> Arguments:
    """Sets attributes (None removes one), removes some, and adds to numbers, which start at 0."""
    new = writable(change)
    removed = [*remove, *(name for name, value in change.items() if value is None)]
    names = {f"#u{i}": name for i, name in enumerate([*new, *removed])}
    values = {f":u{i}": value for i, value in enumerate(new.values())}
    expression = "SET " + ", ".join(f"#u{i} = :u{i}" for i in range(len(new))) if new else ""
    if removed:
        expression += " REMOVE " + ", ".join(f"#u{i}" for i in range(len(new), len(names)))
    if add:
        names |= {f"#a{i}": name for i, name in enumerate(add)}
        values |= {f":a{i}": value for i, value in enumerate(add.values())}
        expression += " ADD " + ", ".join(f"#a{i} :a{i}" for i in range(len(add)))
    arguments = {"UpdateExpression": expression.strip(), "ExpressionAttributeNames": names}
    # DynamoDB takes no empty set of values.
    return {**arguments, "ExpressionAttributeValues": values} if values else arguments


def count_expression(below: Mapping[str, int], change: Mapping[str, Any]) -> Arguments:
    """Adds one to each counter of `below` if none has reached its number; sets `change` with it."""
    names = {f"#c{i}": name for i, name in enumerate(below)} | {f"#s{i}": name for i, name in enumerate(change)}
    values = {f":c{i}": number for i, number in enumerate(below.values())}
    values |= {f":s{i}": value for i, value in enumerate(writable(change).values())}
    return {
        "ConditionExpression": " AND ".join(
            f"(attribute_not_exists(#c{i}) OR #c{i} < :c{i})" for i in range(len(below))
        ),
        "UpdateExpression": f"SET {', '.join(f'#s{i} = :s{i}' for i in range(len(change)))}"
        f" ADD {', '.join(f'#c{i} :one' for i in range(len(below)))}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {**values, ":one": 1},
    }


def absent_condition(key: str) -> Arguments:
    """The condition that there is no item; `key` is its partition key."""
    return {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": key}}


def equals_condition(where: Mapping[str, Any]) -> Arguments:
    """The condition that the item has the attributes of `where`."""
    return {
        "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in where),
        "ExpressionAttributeNames": {f"#{name}": name for name in where},
        "ExpressionAttributeValues": {f":{name}": value for name, value in writable(where).items()},
    }


def conditional_update(change: Mapping[str, Any], where: Mapping[str, Any], remove: Iterable[str]) -> Arguments:
    """Sets attributes of an item that has those of `where` (None: it does not have that one)."""
    removed = list(remove)
    values = {f":{name}": value for name, value in writable(change).items()}
    values |= {f":was_{name}": value for name, value in writable(where).items()}
    conditions = [
        f"attribute_not_exists(#{name})" if value is None else f"#{name} = :was_{name}" for name, value in where.items()
    ]
    return {
        "UpdateExpression": "SET "
        + ", ".join(f"#{name} = :{name}" for name in change)
        + (" REMOVE " + ", ".join(f"#{name}" for name in removed) if removed else ""),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {f"#{name}": name for name in (*change, *where, *removed)},
        "ExpressionAttributeValues": values,
    }


def add_expression(by: Mapping[str, float]) -> Arguments:
    """Adds to numbers, which start at 0."""
    return {
        "UpdateExpression": "ADD " + ", ".join(f"#a{i} :a{i}" for i in range(len(by))),
        "ExpressionAttributeNames": {f"#a{i}": name for i, name in enumerate(by)},
        "ExpressionAttributeValues": {f":a{i}": _writable(value) for i, value in enumerate(by.values())},
    }


def dedupe_expression(dedupe_keys: Sequence[str], change: Mapping[str, Any]) -> Arguments:
    """Gives an item these dedupe keys, none of which it may have yet, and sets `change` with them."""
    names = {f"#m{i}": name for i, name in enumerate(dedupe_keys)} | {f"#s{i}": name for i, name in enumerate(change)}
    values = {f":s{i}": value for i, value in enumerate(writable(change).values())}
    set_ = [f"#m{i}=:mark" for i in range(len(dedupe_keys))] + [f"#s{i}=:s{i}" for i in range(len(change))]
    return {
        "UpdateExpression": "SET " + ",".join(set_),
        "ConditionExpression": " AND ".join(f"attribute_not_exists(#m{i})" for i in range(len(dedupe_keys))),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {**values, ":mark": True},
    }
