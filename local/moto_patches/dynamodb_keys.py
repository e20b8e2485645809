"""Empty strings in keys are refused, as DynamoDB does; moto accepts them."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from local.patching import patch

_EMPTY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string "
    "value. Key: {}"
)
_EMPTY_START = f"The provided starting key is invalid: {_EMPTY}"
_EMPTY_INDEX = (
    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
    "AttributeValue for a key attribute cannot contain an empty string value. IndexName: {}, IndexKey: {}"
)
_CHECKED = (
    *("put_item", "update_item", "delete_item", "transact_write_items"),
    *("get_item", "query", "scan", "batch_get_item", "batch_write_item"),
)
_ASSIGNMENT = re.compile(r"(#?\w+)\s*=\s*(:\w+)")

Body = Mapping[str, Any]


def refuse_empty_keys() -> None:
    """Check every request before moto sees it."""
    from moto.dynamodb.responses import DynamoHandler

    for name in _CHECKED:
        patch(DynamoHandler, name, _checked(getattr(DynamoHandler, name)))


def _checked(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def action(self: Any) -> Any:
        _check_keys(self.dynamodb_backend, self.body)
        return original(self)

    return action


def _check_keys(backend: Any, body: Body) -> None:
    for name, attributes in _keys_by_table(body):
        table = backend.tables.get(name)
        for key in table.table_key_attrs if table is not None else ():
            if _is_empty(attributes.get(key)):
                raise _invalid(_EMPTY.format(key))
        _check_index_keys(table, attributes)
    for key, value in (body.get("ExclusiveStartKey") or {}).items():
        if _is_empty(value):
            raise _invalid(_EMPTY_START.format(key))
    _check_condition(body)


def _keys_by_table(body: Body) -> Iterator[tuple[str, Body]]:
    """A table's name with a key, or an item, or a key and what is assigned, for each that the request contains."""
    for write in [body, *(write for entry in body.get("TransactItems", ()) for write in entry.values())]:
        attributes = write.get("Item") or write.get("Key")
        if attributes is not None:
            yield str(write.get("TableName")), {**_assigned(write), **attributes}
    for name, requests in (body.get("RequestItems") or {}).items():
        keys = requests["Keys"] if isinstance(requests, Mapping) else [_batch_attributes(each) for each in requests]
        yield from ((name, key) for key in keys)


def _batch_attributes(entry: Body) -> Body:
    (request,) = entry.values()
    attributes: Body = request.get("Item") or request["Key"]
    return attributes


def _assigned(write: Body) -> dict[str, Any]:
    """The attributes that an update assigns a plain value to."""
    names, values = write.get("ExpressionAttributeNames") or {}, write.get("ExpressionAttributeValues") or {}
    assignments = _ASSIGNMENT.findall(write.get("UpdateExpression") or "")
    return {names.get(name, name): values.get(value) for name, value in assignments}


def _check_index_keys(table: Any, attributes: Body) -> None:
    for index in [] if table is None else [*table.global_indexes, *table.indexes]:
        for key in index.schema:
            if _is_empty(attributes.get(key["AttributeName"])):
                raise _invalid(_EMPTY_INDEX.format(index.name, key["AttributeName"]))


def _check_condition(body: Body) -> None:
    condition = body.get("KeyConditionExpression") or ""
    names, values = body.get("ExpressionAttributeNames") or {}, body.get("ExpressionAttributeValues") or {}
    for name, value in _ASSIGNMENT.findall(condition):
        if _is_empty(values.get(value)):
            raise _invalid(_EMPTY.format(names.get(name, name)))
    if any(_is_empty(values.get(value)) for value in re.findall(r":\w+", condition)):
        raise _invalid(_EMPTY.format("of the range"))


def _is_empty(value: Any) -> bool:
    return isinstance(value, Mapping) and (value.get("S") == "" or value.get("B") in ("", b""))


def _invalid(message: str) -> Exception:
    from moto.dynamodb.exceptions import MockValidationException

    return MockValidationException(message)
