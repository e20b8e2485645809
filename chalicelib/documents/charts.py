"""Layout of charts: the positions of lines, bars and texts. SVG and PDF draw them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from chalicelib.documents.fonts import bundled_fonts
from chalicelib.documents.formatting import MISSING, Tick, axis_ticks, finite_float, format_quantity
from chalicelib.documents.invisible_characters import escape_invisible
from chalicelib.documents.models import Chart

NO_DATA = "No data in this period"

# Distinguishable with colour blindness. A ninth series starts again with the first colour.
_SERIES_COLORS = ("#2f6fde", "#e07b00", "#128a6a", "#b8366f", "#7650c8", "#8a6d1d", "#3b9dc4", "#6b7280")

# What a line belongs to. SVG and PDF choose the colour.
LineRole = Literal["grid", "axis", "series"]

_FONT_SIZE = 10.0
_GAP = 8.0
_MAX_LABEL_WIDTH = 90.0
_MAX_BAR_WIDTH = 42.0
# Share of its slot that a group of bars fills.
_BAR_SHARE = 0.72
# Width of a slot from which a line has a dot for each value.
_MIN_SLOT_FOR_DOTS = 14.0


@dataclass(frozen=True)
class Bar:
    """A filled rectangle; `hint` is its value as text."""

    left: float
    top: float
    width: float
    height: float
    series: int
    hint: str = ""


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    role: LineRole
    series: int = 0


@dataclass(frozen=True)
class Dot:
    """A filled circle; `hint` is its value as text."""

    x: float
    y: float
    radius: float
    series: int
    hint: str = ""


@dataclass(frozen=True)
class Text:
    """One line of text; `y` is its baseline."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    size: float = _FONT_SIZE


Shape = Bar | Line | Dot | Text


class _PlotArea(NamedTuple):
    """The box between the axes, and the values at its lower and upper edge. Each label has a slot."""

    left: float
    top: float
    right: float
    bottom: float
    low: float
    high: float
    slots: int

    @property
    def slot_width(self) -> float:
        return (self.right - self.left) / self.slots

    def x(self, index: int) -> float:
        return self.left + self.slot_width * (index + 0.5)

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low)


def layout_chart(chart: Chart, width: float, height: float) -> list[Shape]:
    """The shapes of the chart without its title, in a box of this size with its origin in the upper left corner."""
    series = [[finite_float(value) for value in values] for values in chart.series.values()]
    numbers = [value for values in series for value in values if value is not None]
    if not numbers:
        return [Text(width / 2, height / 2, NO_DATA, "middle", 1.2 * _FONT_SIZE)]
    legend, legend_height = _legend(chart, width)
    ticks = axis_ticks(numbers, chart.unit)
    left = max(_width(tick.text) for tick in ticks) + _GAP
    bottom = height - _FONT_SIZE - _GAP
    low, high = ticks[0].value, ticks[-1].value
    area = _PlotArea(left, legend_height + _FONT_SIZE / 2, width, bottom, low, high, len(chart.labels))
    layout_series = _bars if chart.kind == "bar" else _lines
    return [*legend, *_grid(area, ticks), *layout_series(area, chart, series), *_labels(area, chart.labels, height)]


def describe_chart(chart: Chart) -> str:
    """The chart as a sentence, for screen readers."""
    kind = f"A {chart.kind} chart"
    points = [
        (value, name, label)
        for name, values in chart.series.items()
        for label, value in zip(chart.labels, values, strict=True)
        if finite_float(value) is not None
    ]
    if not points:
        return f"{kind}. {NO_DATA}."
    span = f"{chart.labels[0]} to {chart.labels[-1]}" if len(chart.labels) > 1 else chart.labels[0]
    names = ", ".join(chart.series)
    (least, _, least_at), (most, _, most_at) = (pick(points, key=lambda point: point[0] or 0) for pick in (min, max))
    least_text, most_text = format_quantity(least, chart.unit), format_quantity(most, chart.unit)
    return f"{kind} of {names}, {span}: least {least_text} at {least_at}, most {most_text} at {most_at}."


def series_color(series: int) -> str:
    """As `#rrggbb`, by the index of the series."""
    return _SERIES_COLORS[series % len(_SERIES_COLORS)]


def _legend(chart: Chart, width: float) -> tuple[list[Shape], float]:
    """The names of the series with their colours if there are several, and the height of the legend."""
    if len(chart.series) < 2:
        return [], 0.0
    shapes: list[Shape] = []
    x, y = 0.0, 0.0
    for series, name in enumerate(chart.series):
        name = bundled_fonts().truncate(_one_line(name), _FONT_SIZE, width / 3)
        entry_width = _FONT_SIZE + 4 + _width(name) + 2 * _GAP
        if x and x + entry_width > width:
            x, y = 0.0, y + 1.5 * _FONT_SIZE
        shapes += [Bar(x, y, _FONT_SIZE, _FONT_SIZE, series), Text(x + _FONT_SIZE + 4, y + 0.85 * _FONT_SIZE, name)]
        x += entry_width
    return shapes, y + 1.5 * _FONT_SIZE


def _grid(area: _PlotArea, ticks: Sequence[Tick]) -> Iterator[Shape]:
    for value, text in ticks:
        y = area.y(value)
        yield Line(((area.left, y), (area.right, y)), "axis" if value == 0 else "grid")
        yield Text(area.left - _GAP / 2, y + 0.35 * _FONT_SIZE, text, "end")


def _bars(area: _PlotArea, chart: Chart, series: list[list[float | None]]) -> Iterator[Shape]:
    group = min(area.slot_width * _BAR_SHARE, _MAX_BAR_WIDTH * len(series))
    width = group / len(series)
    for number, (name, values) in enumerate(zip(chart.series, series, strict=True)):
        for index, value in enumerate(values):
            if value:
                y, zero = area.y(value), area.y(0)
                left = area.x(index) - group / 2 + number * width
                yield Bar(left, min(y, zero), width, abs(y - zero), number, _hint(chart, name, index))


def _lines(area: _PlotArea, chart: Chart, series: list[list[float | None]]) -> Iterator[Shape]:
    for number, (name, values) in enumerate(zip(chart.series, series, strict=True)):
        for run in _runs(values):
            points = tuple((area.x(index), area.y(value)) for index, value in run)
            if len(run) > 1:
                yield Line(points, "series", number)
            if len(run) == 1 or area.slot_width >= _MIN_SLOT_FOR_DOTS:
                for (index, _), (x, y) in zip(run, points, strict=True):
                    yield Dot(x, y, 2.5, number, _hint(chart, name, index))


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The values between gaps, each with its index."""
    runs: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((index, value))
    return [run for run in runs if run]


def _labels(area: _PlotArea, labels: Sequence[str], height: float) -> Iterator[Shape]:
    """As many labels as fit, in even steps from the first."""
    max_width = min(_MAX_LABEL_WIDTH, area.right - area.left)
    texts = [bundled_fonts().truncate(_one_line(label), _FONT_SIZE, max_width) for label in labels]
    widths = [_width(text) for text in texts]
    step = max(1, math.ceil((max(widths) + _GAP) / area.slot_width))
    free_from = 0.0
    for index in range(0, len(texts), step):
        half = widths[index] / 2
        # Labels at the ends are moved inside. One that then touches its neighbour is left out.
        x = min(max(area.x(index), half), area.right - half)
        if x - half >= free_from:
            yield Text(x, height - _GAP / 2, texts[index], "middle")
            free_from = x + half + _GAP / 2


def _hint(chart: Chart, name: str, index: int) -> str:
    return f"{chart.labels[index]} · {name}: {format_quantity(chart.series[name][index], chart.unit)}"


def _width(text: str) -> float:
    # An HTML page may be shown in a wider font.
    return 1.15 * bundled_fonts().width(text, _FONT_SIZE)


def _one_line(text: str) -> str:
    return " ".join(escape_invisible(text).split()) or MISSING
