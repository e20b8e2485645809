"""CSV documents: one file a table in a zip, safe to open in a spreadsheet."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import IO, Any, cast

from chalicelib.documents.legible import legible
from chalicelib.documents.plain import number, to_json
from chalicelib.documents.values import Format, Sink, Table

ZIP = Format("zip", "application/zip")

# Without it Excel takes UTF-8 for the machine's own code page; everything else skips it.
_BYTE_ORDER_MARK = "\ufeff"

# A spreadsheet has 1,048,576 rows. Zip writes sizes above 2 GiB in a form that some desktops cannot read.
_MOST_RECORDS = 1_000_000
_MOST_BYTES = 1 << 30

# The earliest time that a zip can hold: no clock in the file, so the same tables give the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)

# What begins a formula, also in the forms that become those signs when text is normalised.
_SIGN = "[=+\\-@＝＋－＠\ufe62\ufe63\ufe66\ufe6b]"
# What disarms nothing before it: spaces, fillers, joiners, marks of direction, variants, all signs of format.
_BLANK = (
    r"\s\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    r"\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3"
)
_FORMULA = re.compile(rf"[{_BLANK}]*+{_SIGN}|[\t\r\n]")
# Each run is taken whole, so that a cell of nothing but blanks costs no more than another.
_BLANKS_AND_SIGN = re.compile(rf"([;{_BLANK}]++)({_SIGN}?)")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")


def write(out: Sink, tables: Iterable[Table]) -> Format:
    """See `chalicelib.documents.write_csv`."""
    with zipfile.ZipFile(cast(IO[bytes], _Forward(out)), "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables:
            _write_table(archive, table)
    return ZIP


class _Forward:
    """The sink with what zipfile counts on: a count of bytes from `write`, and a `flush`.

    It has no `tell`, by which zipfile knows to put sizes behind the data.
    """

    def __init__(self, out: Sink) -> None:
        self._out = out

    def write(self, data: bytes) -> int:
        self._out.write(data)
        return len(data)

    def flush(self) -> None:
        pass


def _write_table(archive: zipfile.ZipFile, table: Table) -> None:
    header = _line([column.title for column in table.columns])
    names = [column.name for column in table.columns]
    lines = (_line([row.get(name) for name in names]) for row in table.rows)
    part, first = 1, next(lines, "")
    while part == 1 or first:
        first = _write_part(archive, _file_name(table.name, part), header, first, lines)
        part += 1


def _file_name(name: str, part: int) -> str:
    return f"{name}.csv" if part == 1 else f"{name}-{part}.csv"


def _write_part(archive: zipfile.ZipFile, name: str, header: str, first: str, lines: Iterator[str]) -> str:
    """Writes as many lines as one file takes; returns the first of the next file, empty where none is left."""
    entry = zipfile.ZipInfo(name, _NO_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    # What stands for the machine that packed it: Unix, wherever it runs.
    entry.create_system = 3
    size = records = 0
    with archive.open(entry, "w") as file:
        file.write((_BYTE_ORDER_MARK + header).encode())
        while first and records < _MOST_RECORDS and size < _MOST_BYTES:
            size += file.write(first.encode())
            records += 1
            first = next(lines, "")
    return first


def _line(values: Sequence[Any]) -> str:
    return ",".join([_cell(value) for value in values]) + "\r\n"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        known = number(value)
        return "" if known is None else str(known)
    if isinstance(value, Mapping | Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return _quoted(to_json(value))
    # A time or bytes: JSON's text of it.
    return _quoted(to_json(value)[1:-1])


def _quoted(text: str) -> str:
    """A text cell: always in quotes, and never the start of a formula."""
    if _NUMBER.fullmatch(text):
        return f'"{text}"'
    text = legible(text)
    if _FORMULA.match(text):
        text = "'" + text
    if ";" in text or "\t" in text or "\n" in text:
        text = _BLANKS_AND_SIGN.sub(_disarmed, text)
    return '"' + text.replace('"', '""') + '"'


def _disarmed(found: re.Match[str]) -> str:
    """A sign behind what separates cells elsewhere.

    Where the comma is the decimal sign, Excel splits at semicolons, heeds no quotes that begin
    inside of a cell, and would take the rest of this one for a cell of its own.
    """
    blanks, sign = found.groups()
    return f"{blanks}'{sign}" if sign and any(mark in blanks for mark in ";\t\n") else found[0]
