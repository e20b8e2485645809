"""JSON documents: one object while it is small, JSON lines beyond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from chalicelib.documents.plain import to_json
from chalicelib.documents.values import Format, Sink, Table

OBJECT = Format("json", "application/json")
LINES = Format("jsonl", "application/x-ndjson")

# What one object may hold: more is read by programs, and a program should not need it all in memory.
# The bytes bound what is kept back while that is decided (an item of DynamoDB has up to 400 KB).
_MOST_RECORDS = 1_000
_MOST_BYTES = 16_000_000


def write(out: Sink, tables: Iterable[Table], about: Mapping[str, Any]) -> Format:
    """See `chalicelib.documents.write_json`."""
    tables = list(tables)
    if taken := {table.name for table in tables} & set(about):
        raise ValueError(f"about has keys that are names of tables: {sorted(taken)}")
    records = _records(tables)
    first = _taken(records)
    following = next(records, None)
    if following is None:
        _write_object(out, tables, about, first)
        return OBJECT
    _write_lines(out, about, chain(first, [following], records))
    return LINES


def _records(tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
    """The name of its table and the JSON of every record, in order."""
    for table in tables:
        names = [column.name for column in table.columns]
        for row in table.rows:
            yield table.name, to_json({name: row.get(name) for name in names})


def _taken(records: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    taken: list[tuple[str, str]] = []
    size = 0
    while len(taken) < _MOST_RECORDS and size < _MOST_BYTES and (record := next(records, None)):
        taken.append(record)
        size += len(record[1])
    return taken


def _write_object(out: Sink, tables: list[Table], about: Mapping[str, Any], records: list[tuple[str, str]]) -> None:
    members = [f"{to_json(key)}: {to_json(value)}" for key, value in about.items()]
    for table in tables:
        lines = ",\n    ".join(record for name, record in records if name == table.name)
        members.append(f"{to_json(table.name)}: [\n    {lines}\n  ]" if lines else f"{to_json(table.name)}: []")
    out.write(("{\n  " + ",\n  ".join(members) + "\n}\n").encode())


def _write_lines(out: Sink, about: Mapping[str, Any], records: Iterable[tuple[str, str]]) -> None:
    # The record is a member of its own: its columns may be called `type` as well.
    for name, record in chain([("about", to_json(about))], records):
        out.write(f'{{"type":{to_json(name)},"data":{record}}}\n'.encode())
