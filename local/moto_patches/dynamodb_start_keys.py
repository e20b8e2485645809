"""A query must begin at a key that it could read itself, as in DynamoDB; moto begins at any key."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from local.patching import patch

_OTHER_PARTITION = "The provided starting key is outside query boundaries based on provided conditions"
_OUT_OF_RANGE = "The provided starting key does not match the range key predicate"


def refuse_foreign_start_keys() -> None:
    """Check each query that has a start key before moto runs it."""
    from moto.dynamodb.models import DynamoDBBackend

    original, signature = DynamoDBBackend.query, inspect.signature(DynamoDBBackend.query)

    @functools.wraps(original)
    def query(self: Any, *arguments: Any, **options: Any) -> Any:
        given = signature.bind(self, *arguments, **options).arguments
        partition, start = given["hash_key_dict"], given["exclusive_start_key"]
        if start is not None and partition is not None:
            schema = self.get_schema(given["table_name"], given.get("index_name"))
            keys = {key["KeyType"]: key["AttributeName"] for key in schema}
            _check(start, keys, partition, given["range_comparison"], given["range_value_dicts"])
        return original(self, *arguments, **options)

    patch(DynamoDBBackend, "query", query)


def _check(
    start: Mapping[str, Any], keys: Mapping[str, str], partition: Any, comparison: str | None, values: Any
) -> None:
    from moto.dynamodb.exceptions import MockValidationException
    from moto.dynamodb.models.dynamo_type import DynamoType

    if start.get(keys["HASH"]) != partition:
        raise MockValidationException(_OTHER_PARTITION)
    place = start.get(keys.get("RANGE", ""))
    if comparison is None or place is None:
        return
    if not DynamoType(place).compare(comparison, [DynamoType(value) for value in values]):
        raise MockValidationException(_OUT_OF_RANGE)
