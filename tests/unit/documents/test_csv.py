"""CSV files hold what was stored, and no cell is a formula."""

from __future__ import annotations

import csv
import io
import unicodedata
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.documents import Column, Table, csv_writer, write_csv
from tests.unit.documents.samples import TEXTS, Sink, report, table


def files_of(*tables: Table) -> dict[str, str]:
    sink = Sink()
    assert write_csv(sink, tables) == ("zip", "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(sink.data))
    assert archive.testzip() is None
    return {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}


def rows_of(*tables: Table, delimiter: str = ",") -> list[list[str]]:
    (text,) = files_of(*tables).values()
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").replace(".", "", 1).isdigit()


def would_run(cell: str) -> bool:
    """Whether a spreadsheet could run the cell as a formula after trimming and normalising it."""
    if is_number(cell):
        return False
    if cell[:1] in ("\t", "\r", "\n") and cell:
        return True
    shape = [c for c in unicodedata.normalize("NFKC", cell) if not is_blank(c)]
    return bool(shape) and shape[0] in "=+-@"


def is_blank(character: str) -> bool:
    return unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf")


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["=1+1", " =1", "\u200b@x", "＝cmd|' /C calc'!A0"])
@example(["-1+2", "+49 123", "\u2066=1", "\ufeff=1"])
@example(["a;=cmd()", "a\n=cmd()", "a\t  ＋1", "\r\n"])
def test_no_cell_is_a_formula_with_any_separator(texts: list[str]) -> None:
    for delimiter in ",;\t":
        for row in rows_of(table(*texts), delimiter=delimiter):
            assert not [cell for cell in row if would_run(cell)]


def test_no_blank_character_hides_a_formula() -> None:
    blanks = [chr(code) for code in range(0x110000) if is_blank(chr(code))]
    _, *rows = rows_of(table(*[f"{blank}=1" for blank in blanks]))
    assert len(rows) == len(blanks) > 200
    assert not [row for row in rows if would_run(row[0])]


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_text_is_kept_except_for_escapes(texts: list[str]) -> None:
    header, *rows = rows_of(table(*texts))
    assert header == ["Value"]
    for text, row in zip(texts, rows, strict=True):
        if text.isprintable() and not would_run(text) and ";" not in text:
            assert row == [text] or (row[0][:1] == "'" and row == ["'" + text])
        assert not [c for c in row[0] if unicodedata.category(c) == "Cc" and c not in "\t\n"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("plain", "plain"),
        ("=SUM(A1)", "'=SUM(A1)"),
        ("\u00a0\u200b＠x", "'\u00a0\u200b＠x"),
        ("1 - 2", "1 - 2"),
        ("a, -b", "a, -b"),
        ("it's", "it's"),
        ("two\r\nlines", "two\nlines"),
        ("bell\x07 \u202eoverride", "bell[U+0007] [U+202E]override"),
        ("a;-2+3", "a;'-2+3"),
        ("; ; ", "; ; "),
        ("\t\t", "'\t\t"),
        ("👨‍👩‍👧 עברית 写真", "👨‍👩‍👧 עברית 写真"),
        ("\ud800", "[U+D800]"),
        ("-12.5", "-12.5"),
        ("-1e5+cmd", "'-1e5+cmd"),
        (-12, "-12"),
        (-0.5, "-0.5"),
        (Decimal("-7"), "-7"),
        (Decimal("1E+2"), "100"),
        (float("nan"), ""),
        (None, ""),
        (True, "true"),
        ({"a": [1, Decimal(2)]}, '{"a":[1,2]}'),
    ],
)
def test_a_value_as_a_cell(value: Any, cell: str) -> None:
    assert rows_of(table(value))[1:] == ([[cell]] if cell else [[]])


@settings(deadline=None)
@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-1000, 1000, places=3))
def test_numbers_stay_numbers(number: float | Decimal) -> None:
    (text,) = files_of(table(number)).values()
    line = text.split("\r\n")[1]
    assert '"' not in line
    assert float(line) == float(number)


def test_a_file_has_a_byte_order_mark_and_standard_line_ends() -> None:
    sink = Sink()
    write_csv(sink, [table("é")])
    data = zipfile.ZipFile(io.BytesIO(sink.data)).read("files.csv")
    assert data == b'\xef\xbb\xbf"Value"\r\n"\xc3\xa9"\r\n'


def test_there_is_one_file_per_table_and_the_same_bytes_each_time() -> None:
    first, second = Sink(), Sink()
    write_csv(first, report().to_tables())
    write_csv(second, report().to_tables())
    assert first.data == second.data
    names = ["figures", "images", "bytes", "cost", "time", "nothing", "operations", "failures"]
    files = files_of(*report().to_tables())
    assert list(files) == [f"{name}.csv" for name in names]
    assert files["failures.csv"] == '"Reason"\r\n'


def test_a_table_longer_than_a_spreadsheet_continues_in_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_writer, "_MAX_ROWS", 3)
    files = files_of(table(*range(7)), table(*range(3), name="other"))
    assert [(name, text.split("\r\n")) for name, text in files.items()] == [
        ("files.csv", ['"Value"', "0", "1", "2", ""]),
        ("files-2.csv", ['"Value"', "3", "4", "5", ""]),
        ("files-3.csv", ['"Value"', "6", ""]),
        ("other.csv", ['"Value"', "0", "1", "2", ""]),
    ]


@pytest.mark.parametrize("name", ["../up", "a/b", "", "a.b", "\u202e", "a" * 65])
def test_the_name_of_a_table_cannot_be_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid name"):
        Table(name, "Title", [Column("a", "A")], [])
