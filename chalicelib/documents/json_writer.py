"""JSON documents: one object if it is small, else JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from chalicelib.documents.json_values import to_json
from chalicelib.documents.models import Format, Sink, Table

OBJECT = Format("json", "application/json")
LINES = Format("jsonl", "application/x-ndjson")

# The limits of one object. Lines let a program read more without keeping all of it in memory. The limit in bytes
# also bounds what is kept here until the form is known (an item of DynamoDB has up to 400 KB).
_MAX_ROWS = 1_000
_MAX_BYTES = 16_000_000


def write(out: Sink, tables: Iterable[Table], about: Mapping[str, Any]) -> Format:
    """See `chalicelib.documents.write_json`."""
    tables = list(tables)
    if duplicates := {table.name for table in tables} & set(about):
        raise ValueError(f"keys of about are also names of tables: {sorted(duplicates)}")
    rows = _encode_rows(tables)
    first_rows = _read_ahead(rows)
    next_row = next(rows, None)
    if next_row is None:
        _write_object(out, tables, about, first_rows)
        return OBJECT
    _write_lines(out, about, chain(first_rows, [next_row], rows))
    return LINES


def _encode_rows(tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
    """The name of the table and the JSON of each row, in order."""
    for table in tables:
        names = [column.name for column in table.columns]
        for row in table.rows:
            yield table.name, to_json({name: row.get(name) for name in names})


def _read_ahead(rows: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    first_rows: list[tuple[str, str]] = []
    size = 0
    while len(first_rows) < _MAX_ROWS and size < _MAX_BYTES and (row := next(rows, None)):
        first_rows.append(row)
        size += len(row[1])
    return first_rows


def _write_object(out: Sink, tables: list[Table], about: Mapping[str, Any], rows: list[tuple[str, str]]) -> None:
    members = [f"{to_json(key)}: {to_json(value)}" for key, value in about.items()]
    for table in tables:
        lines = ",\n    ".join(row for name, row in rows if name == table.name)
        members.append(f"{to_json(table.name)}: [\n    {lines}\n  ]" if lines else f"{to_json(table.name)}: []")
    out.write(("{\n  " + ",\n  ".join(members) + "\n}\n").encode())


def _write_lines(out: Sink, about: Mapping[str, Any], rows: Iterable[tuple[str, str]]) -> None:
    # The row is nested, because one of its columns may be named `type`.
    for name, row in chain([("about", to_json(about))], rows):
        out.write(f'{{"type":{to_json(name)},"data":{row}}}\n'.encode())
