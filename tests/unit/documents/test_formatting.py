"""Values are formatted with their units, and axes have round numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.documents import Kind, Unit
from chalicelib.documents.formatting import axis_ticks, format_value

UNITS: list[Unit] = ["number", "bytes", "dollars", "milliseconds", "percent"]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (1234567, "number", "1,234,567"),
        (Decimal("12.50"), "number", "12.5"),
        (0.00012345, "number", "0.000123"),
        (999, "bytes", "999 B"),
        (1_234_567, "bytes", "1.23 MB"),
        (Decimal(8_912_345_678), "bytes", "8.91 GB"),
        (1234.5, "dollars", "$1,234.50"),
        (0.00123, "dollars", "$0.0012"),
        (-3, "dollars", "-$3.00"),
        (0, "dollars", "$0.00"),
        (853.4, "milliseconds", "853 ms"),
        (1500, "milliseconds", "1.5 s"),
        (90_000, "milliseconds", "1.5 min"),
        (12.5, "percent", "12.5%"),
        (float("nan"), "bytes", "–"),
        (Decimal("sNaN"), "number", "–"),
        (None, "text", "–"),
        (False, "text", "no"),
        ("2026-03-05T12:00:01.123Z", "time", "2026-03-05 12:00:01"),
        ("2026-03-05T12:00:01.123Z", "text", "2026-03-05T12:00:01.123Z"),
        ([1, "a"], "text", '[1,"a"]'),
    ],
)
def test_a_value_is_formatted_by_its_kind(value: Any, kind: Kind, expected: str) -> None:
    assert format_value(value, kind) == expected


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([1], "number", ["0", "1"]),
        ([0], "number", ["0", "1"]),
        ([17, 380], "number", ["0", "100", "200", "300", "400"]),
        ([2_300_000], "bytes", ["0", "1 MB", "2 MB", "3 MB"]),
        ([0.0123], "dollars", ["$0", "$0.005", "$0.010", "$0.015"]),
        ([1900], "milliseconds", ["0", "0.5 s", "1.0 s", "1.5 s", "2.0 s"]),
        ([-5, 10], "percent", ["-5%", "0%", "5%", "10%"]),
    ],
)
def test_an_axis_has_few_round_steps(values: list[float], unit: Unit, expected: list[str]) -> None:
    assert [text for _, text in axis_ticks(values, unit)] == expected


@settings(deadline=None)
@given(st.lists(st.floats(-1e99, 1e99), min_size=1), st.sampled_from(UNITS))
def test_every_axis_covers_its_values_and_zero(values: list[float], unit: Unit) -> None:
    axis = axis_ticks(values, unit)
    assert 2 <= len(axis) <= 8
    assert len({text for _, text in axis}) == len(axis)
    slack = 1e-9 * max(1.0, *map(abs, values))
    assert axis[0].value <= min(0.0, *values, 0.0) + slack
    assert axis[-1].value >= max(0.0, *values, 0.0) - slack
    assert any(value == 0 for value, _ in axis)
