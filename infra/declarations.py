"""The table of declared grants: for each setting and function, the operations. A deploy writes it, requests never do.
It contains names and no values.

    python -m infra.declarations [--stage STAGE]
"""

import argparse
import os
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core import clients
from chalicelib.core.aws import grants
from chalicelib.core.settings import Settings
from infra import settings, triggers

KEY = ("service#variable", "function")
# The limit of BatchWriteItem.
_BATCH_SIZE = 25

Row = dict[str, Any]


def rows(app: Any) -> Iterator[Row]:
    """One row for each setting and function: the operations on the resource that the setting names."""
    handlers = [(view.operation.name, view) for _, _, view in triggers.routes_and_tools(app)]
    handlers += [(name, function) for _, name, function in triggers.functions(app)]
    for name, function in handlers:
        declared: Mapping[str, frozenset[grants.AwsOperation]] = grants.of(function)
        for variable, operations in declared.items():
            services = sorted(f"{grants.SERVICES[type(each)]}:{each}" for each in operations)
            yield {
                KEY[0]: f"{Settings.SERVICE_NAME.get()}#{variable}",
                KEY[1]: name,
                "variable": variable,
                "operations": services,
                "stage": Settings.STAGE.get(),
            }


def update_table(app: Any) -> tuple[int, int]:
    """Updates the table; returns the numbers of written and of removed rows."""
    table = Settings.ENV_VARS_TRACKING_TABLE.get()
    declared = {_key(row): row for row in rows(app)}
    stored = {_key(row): row for row in _stored(table)}
    changed = [row for key, row in declared.items() if stored.get(key) != row]
    removed = [key for key in stored if key not in declared]
    puts = [{"PutRequest": {"Item": row}} for row in changed]
    deletions = [{"DeleteRequest": {"Key": dict(zip(KEY, key, strict=True))}} for key in removed]
    _write(table, [*puts, *deletions])
    return len(changed), len(removed)


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row[KEY[0]], row[KEY[1]]


def _stored(table: str) -> Iterator[Row]:
    for page in clients.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _write(table: str, requests: list[dict[str, Any]]) -> None:
    pending = requests
    while pending:
        response = clients.client("dynamodb").batch_write_item(RequestItems={table: pending[:_BATCH_SIZE]})
        pending = response.get("UnprocessedItems", {}).get(table, []) + pending[_BATCH_SIZE:]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.declarations", description=__doc__)
    parser.add_argument("--stage", default=os.environ.get("STAGE", "local"))
    settings.apply(parser.parse_args().stage)
    from app import app

    changed, removed = update_table(app)
    table = Settings.ENV_VARS_TRACKING_TABLE.get()
    print(f"{changed} rows written, {removed} removed; {len(list(rows(app)))} declarations in {table}")


if __name__ == "__main__":
    main()
