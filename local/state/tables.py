"""The rows of DynamoDB's tables."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from local.aws import ACCOUNT, REGION
from local.state.part import Documents, Kept

_ROWS = "rows"


class Tables:
    """One document a row, named as in local/moto_patches/dynamodb_items.py."""

    service = "dynamodb"
    kinds: tuple[str, ...] = (_ROWS,)
    is_whole = False

    def restore(self, documents: Mapping[str, Documents]) -> None:
        """Put the rows back; their tables' streams do not tell of it."""
        tables = dynamodb_backends[ACCOUNT][REGION].tables
        for name, attributes in documents[_ROWS].items():
            table_name, hash_key, range_key = json.loads(name)
            if table_name in tables:
                _put(tables[table_name], hash_key, range_key, attributes)

    def changed(self, names: Collection[Any]) -> Kept:
        """The marked rows."""
        return {_ROWS: {name: _attributes(*json.loads(name)) for name in names}}


def _attributes(table_name: str, hash_key: Any, range_key: Any) -> Any:
    table = dynamodb_backends[ACCOUNT][REGION].tables.get(table_name)
    if table is None:
        return None
    item = table.get_item(DynamoType(hash_key), None if range_key is None else DynamoType(range_key))
    return None if item is None else item.to_json()["Attributes"]


def _put(table: Any, hash_key: Any, range_key: Any, attributes: Mapping[str, Any]) -> None:
    of_hash = DynamoType(hash_key)
    of_range = None if range_key is None else DynamoType(range_key)
    item = Item(of_hash, of_range, {})
    # moto measures the whole item for every attribute that is added; these were measured when they were written.
    for name, value in attributes.items():
        dict.__setitem__(item.attrs, name, DynamoType(value))
    if of_range is None:
        table.items[of_hash] = item
    else:
        table.items[of_hash][of_range] = item
