"""JSON documents hold exactly the values of the rows, in one object or in lines."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.documents import Column, Table, write_json
from tests.unit.documents.samples import TEXTS, Sink, report, table

VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def object_of(*tables: Table, **about: Any) -> Any:
    sink = Sink()
    assert write_json(sink, tables, about) == ("json", "application/json")
    return json.loads(sink.data, parse_constant=refuse)


def lines_of(*tables: Table, **about: Any) -> list[Any]:
    sink = Sink()
    assert write_json(sink, tables, about) == ("jsonl", "application/x-ndjson")
    return [json.loads(line, parse_constant=refuse) for line in sink.data.decode().splitlines()]


@settings(deadline=None)
@given(st.lists(VALUES, max_size=5), TEXTS)
def test_every_value_is_read_back_from_an_object(values: list[Any], title: str) -> None:
    read = object_of(table(*values), title=title)
    assert read == {"title": title, "files": [{"value": value} for value in values]}


@settings(max_examples=25, deadline=None)
@given(TEXTS)
def test_every_text_is_read_back_from_lines(text: str) -> None:
    assert lines_of(table(*[text] * 1001), title=text) == [
        {"type": "about", "data": {"title": text}},
        *[{"type": "files", "data": {"value": text}}] * 1001,
    ]


@pytest.mark.parametrize(
    ("counts", "is_object"), [((1000,), True), ((1001,), False), ((600, 400), True), ((1, 1000), False)]
)
def test_up_to_a_thousand_rows_are_one_object(counts: tuple[int, ...], is_object: bool) -> None:
    tables = [table(*range(count), name=f"table{place}") for place, count in enumerate(counts)]
    if is_object:
        assert [len(rows) for rows in object_of(*tables).values()] == list(counts)
    else:
        assert len(lines_of(*tables)) == sum(counts) + 1


def test_few_rows_of_many_bytes_are_lines() -> None:
    assert len(lines_of(table(*["x" * 400_000] * 100))) == 101


def test_only_the_rows_of_one_object_are_read_ahead() -> None:
    sink, written = Sink(), []

    def rows() -> Any:
        for place in range(5000):
            written.append(len(sink.data))
            yield {"value": place}

    write_json(sink, [Table("files", "Files", [Column("value", "Value")], rows())], {})
    assert written[1000] == 0
    assert written[1001] > 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("12"), 12),
        (Decimal("1E+3"), 1000),
        (Decimal("0.1"), 0.1),
        (Decimal("99999999999999999999999999999999999999"), 99999999999999999999999999999999999999),
        (Decimal("NaN"), None),
        (Decimal("sNaN"), None),
        (Decimal("-Infinity"), None),
        (Decimal("1E+1000000"), None),
        (float("nan"), None),
        ([1.5, float("inf"), {"a": float("-inf")}], [1.5, None, {"a": None}]),
        ({"b", "a"}, ["a", "b"]),
        ({Decimal(10), Decimal(9)}, [9, 10]),
        (b"\x00\xff", "AP8="),
        ("\ud800", "\ud800"),
    ],
)
def test_values_that_json_lacks_are_converted(value: Any, expected: Any) -> None:
    assert object_of(table(value))["files"][0]["value"] == expected


def test_exactly_the_columns_are_written() -> None:
    columns = [Column("a", "A"), Column("b", "B")]
    assert object_of(Table("t", "T", columns, [{"a": 1, "secret": 2}])) == {"t": [{"a": 1, "b": None}]}


def test_a_key_of_about_cannot_be_the_name_of_a_table() -> None:
    with pytest.raises(ValueError, match="files"):
        write_json(Sink(), [table()], {"files": 1})


def test_a_report_includes_its_figures_and_charts() -> None:
    read = object_of(*report().to_tables())
    assert read["figures"][1] == {"label": "Stored", "value": 8_912_345_678, "unit": "bytes"}
    assert read["images"][30] == {"label": "2025-03-31", "series1": 30, "series2": 3}
    assert read["time"][0]["series1"] is None
    assert read["failures"] == []
