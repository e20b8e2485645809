"""CSV documents: a zip with one file per table, safe to open in a spreadsheet."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import IO, Any, cast

from chalicelib.documents.invisible_characters import escape_invisible
from chalicelib.documents.json_values import json_number, to_json
from chalicelib.documents.models import Format, Sink, Table

ZIP = Format("zip", "application/zip")

# Excel needs it to detect UTF-8; other readers skip it.
_BYTE_ORDER_MARK = "\ufeff"

# A spreadsheet has 1,048,576 rows. Some desktops cannot read zip entries above 2 GiB.
_MAX_ROWS = 1_000_000
_MAX_BYTES = 1 << 30

# The earliest time of the zip format. A fixed time, so that the same tables give the same bytes.
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)

# A formula starts with one of these, or with a character that Unicode normalisation turns into one of these.
_SIGN = "[=+\\-@＝＋－＠\ufe62\ufe63\ufe66\ufe6b]"
# A spreadsheet may skip these before a formula: spaces, fillers, joiners, direction marks, variation selectors and
# all format characters.
_BLANK = (
    r"\s\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    r"\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3"
)
_FORMULA = re.compile(rf"[{_BLANK}]*+{_SIGN}|[\t\r\n]")
# Possessive: a cell of many blanks is matched in linear time.
_BLANKS_AND_SIGN = re.compile(rf"([;{_BLANK}]++)({_SIGN}?)")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")


def write(out: Sink, tables: Iterable[Table]) -> Format:
    """See `chalicelib.documents.write_csv`."""
    with zipfile.ZipFile(cast(IO[bytes], _Forward(out)), "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables:
            _write_table(archive, table)
    return ZIP


class _Forward:
    """Adds what zipfile needs to a sink: `write` returns a count, and there is a `flush`.

    There is no `tell`, so zipfile writes sizes behind the data and never seeks.
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
    next_line = _write_part(archive, f"{table.name}.csv", header, next(lines, ""), lines)
    part = 1
    while next_line:
        part += 1
        next_line = _write_part(archive, f"{table.name}-{part}.csv", header, next_line, lines)


def _write_part(archive: zipfile.ZipFile, name: str, header: str, line: str, lines: Iterator[str]) -> str:
    """Writes `line` and as many of `lines` as one file may have; returns the next line, empty at the end."""
    entry = zipfile.ZipInfo(name, _FIXED_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    # 3 is Unix: the same bytes on every machine.
    entry.create_system = 3
    size = rows = 0
    with archive.open(entry, "w") as file:
        file.write((_BYTE_ORDER_MARK + header).encode())
        while line and rows < _MAX_ROWS and size < _MAX_BYTES:
            size += file.write(line.encode())
            rows += 1
            line = next(lines, "")
    return line


def _line(values: Sequence[Any]) -> str:
    return ",".join([_cell(value) for value in values]) + "\r\n"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return _quote(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        number = json_number(value)
        return "" if number is None else str(number)
    if isinstance(value, Mapping | Sequence | set | frozenset) and not isinstance(value, bytes | bytearray):
        return _quote(to_json(value))
    # A date or bytes: the text that JSON has between its quotes.
    return _quote(to_json(value)[1:-1])


def _quote(text: str) -> str:
    """A text cell: always in quotes, never a formula."""
    if _NUMBER.fullmatch(text):
        return f'"{text}"'
    text = escape_invisible(text)
    if _FORMULA.match(text):
        text = "'" + text
    if ";" in text or "\t" in text or "\n" in text:
        text = _BLANKS_AND_SIGN.sub(_disarm, text)
    return '"' + text.replace('"', '""') + '"'


def _disarm(match: re.Match[str]) -> str:
    """Puts a `'` before a sign that follows a semicolon, a tab or a line end.

    Where the comma is the decimal sign, Excel splits at semicolons even inside of this cell, and would run the
    rest of the text as a formula.
    """
    blanks, sign = match.groups()
    return f"{blanks}'{sign}" if sign and any(separator in blanks for separator in ";\t\n") else match[0]
