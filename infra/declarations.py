"""The table of what every function declares: which variables, with which operations. Written by deploy, never by
requests; it holds names alone, no value.

    python -m infra.declarations [--stage STAGE]
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core import aws, config, grants
from infra import settings, triggers

TABLE = "ENV_VARS_TRACKING_TABLE"
KEY = ("service#variable", "function")
# DynamoDB takes so many in one batch (BatchWriteItem).
_AT_ONCE = 25

Row = dict[str, Any]


def rows(app: Any) -> Iterator[Row]:
    """One row a variable and function: what the function does with what the variable names."""
    named = [(view.operation.name, view) for _, _, view in triggers.routes(app)]
    named += [(name, function) for _, name, function in triggers.functions(app)]
    for name, function in named:
        declared: Mapping[str, frozenset[grants.AwsOperation]] = grants.of(function)
        for variable, operations in declared.items():
            services = sorted(f"{grants.SERVICES[type(each)]}:{each}" for each in operations)
            yield {
                KEY[0]: f"{config.service()}#{variable}",
                KEY[1]: name,
                "variable": variable,
                "operations": services,
                "stage": config.stage(),
            }


def update_table(app: Any) -> tuple[int, int]:
    """Makes the table say what the application declares now: how many rows are new or changed, how many went."""
    table = config.get(TABLE)
    declared = {_key(row): row for row in rows(app)}
    stored = {_key(row): row for row in _stored(table)}
    fresh = [row for key, row in declared.items() if stored.get(key) != row]
    gone = [key for key in stored if key not in declared]
    puts = [{"PutRequest": {"Item": row}} for row in fresh]
    deletions = [{"DeleteRequest": {"Key": dict(zip(KEY, key, strict=True))}} for key in gone]
    _write(table, [*puts, *deletions])
    return len(fresh), len(gone)


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row[KEY[0]], row[KEY[1]]


def _stored(table: str) -> Iterator[Row]:
    for page in aws.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _write(table: str, requests: list[dict[str, Any]]) -> None:
    waiting = requests
    while waiting:
        answer = aws.client("dynamodb").batch_write_item(RequestItems={table: waiting[:_AT_ONCE]})
        waiting = answer.get("UnprocessedItems", {}).get(table, []) + waiting[_AT_ONCE:]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.declarations", description=__doc__)
    parser.add_argument("--stage", default=os.environ.get("STAGE", "local"))
    settings.apply(parser.parse_args().stage)
    from app import app

    fresh, gone = update_table(app)
    print(f"{fresh} rows written, {gone} removed; {len(list(rows(app)))} declarations in {config.get(TABLE)}")


if __name__ == "__main__":
    main()
