"""Charts stay inside their box, and their labels do not overlap."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.documents import Chart
from chalicelib.documents.charts import NO_DATA, Bar, Dot, Line, Shape, Text, describe_chart, layout_chart
from chalicelib.documents.fonts import bundled_fonts
from tests.unit.documents.samples import TEXTS, days

WIDTH, HEIGHT = 500.0, 150.0


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    count = draw(st.integers(0, 40))
    values = st.lists(st.none() | st.floats(), min_size=count, max_size=count)
    return Chart(
        "chart",
        draw(TEXTS),
        draw(st.sampled_from(["bar", "line"])),
        draw(st.lists(TEXTS, min_size=count, max_size=count)),
        draw(st.dictionaries(TEXTS, values, max_size=4)),
        draw(st.sampled_from(["number", "bytes", "dollars", "milliseconds", "percent"])),
    )


def edges(shape: Shape) -> list[tuple[float, float]]:
    match shape:
        case Bar(x, y, width, height):
            return [(x, y), (x + width, y + height)]
        case Dot(x, y):
            return [(x, y)]
        case Line(points):
            return list(points)
        case Text(x, y, text, anchor, size):
            width = bundled_fonts().width(text, size)
            left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * width
            return [(left, y), (left + width, y)]


@settings(deadline=None)
@given(charts())
def test_nothing_is_drawn_outside_the_box(chart: Chart) -> None:
    for shape in layout_chart(chart, WIDTH, HEIGHT):
        for x, y in edges(shape):
            assert -0.01 <= x <= WIDTH + 0.01, shape
            assert -0.01 <= y <= HEIGHT + 0.01, shape


@settings(deadline=None)
@given(charts())
def test_every_chart_has_a_description(chart: Chart) -> None:
    assert describe_chart(chart).startswith(f"A {chart.kind} chart")


@pytest.mark.parametrize("count", [1, 2, 31, 366])
@pytest.mark.parametrize("kind", ["bar", "line"])
def test_labels_do_not_overlap_and_the_first_is_shown(count: int, kind: str) -> None:
    shapes = layout_chart(Chart("c", "C", kind, days(count), {"x": [5.0] * count}), WIDTH, HEIGHT)  # type: ignore[arg-type]
    labels = [shape for shape in shapes if isinstance(shape, Text) and shape.y > HEIGHT - 10]
    assert labels[0].text == "2025-03-01"
    assert len(labels) >= min(count, 5)
    for first, second in pairwise(labels):
        assert edges(first)[1][0] < edges(second)[0][0]


def test_bars_are_as_high_as_their_values() -> None:
    chart = Chart("c", "C", "bar", ["a", "b", "c"], {"x": [100, 50, None]})
    first, second = (shape for shape in layout_chart(chart, WIDTH, HEIGHT) if isinstance(shape, Bar))
    assert first.height == pytest.approx(2 * second.height)
    assert (first.hint, second.hint) == ("a · x: 100", "b · x: 50")


def test_a_line_has_a_gap_for_a_missing_value_and_a_dot_for_a_single_value() -> None:
    values = [1, 2, None, 4, None, 5, 6] * 20
    shapes = layout_chart(Chart("c", "C", "line", days(140), {"x": values}), WIDTH, HEIGHT)
    lines = [shape.points for shape in shapes if isinstance(shape, Line) and shape.role == "series"]
    assert {len(points) for points in lines} == {2, 4}
    assert len([shape for shape in shapes if isinstance(shape, Dot)]) == 20


@pytest.mark.parametrize("series", [{}, {"x": [None, float("nan")]}])
def test_a_chart_without_data_says_so(series: dict[str, list[float | None]]) -> None:
    chart = Chart("c", "C", "bar", ["a", "b"], series)
    (shape,) = layout_chart(chart, WIDTH, HEIGHT)
    assert isinstance(shape, Text)
    assert shape.text == NO_DATA
    assert NO_DATA in describe_chart(chart)


def test_a_series_needs_a_value_for_each_label() -> None:
    with pytest.raises(ValueError, match="1 values for 2 labels"):
        Chart("c", "C", "bar", ["a", "b"], {"x": [1]})
