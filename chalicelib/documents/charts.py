"""The geometry of charts: which lines, bars and words stand where, for any pen to draw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from chalicelib.documents.legible import legible
from chalicelib.documents.measures import MISSING, Tick, drawable, quantity, ticks
from chalicelib.documents.truetype import font
from chalicelib.documents.values import Chart

NO_DATA = "No data in this period"

# Colours that people tell apart with any eyes, by their place among the series; then again from the first.
SERIES_COLORS = ("#2f6fde", "#e07b00", "#128a6a", "#b8366f", "#7650c8", "#8a6d1d", "#3b9dc4", "#6b7280")

# What a shape is drawn in. The pens know the colours.
Ink = Literal["grid", "axis", "series"]

_LETTERS = 10.0
_GAP = 8.0
_WIDEST_LABEL = 90.0
_WIDEST_BAR = 42.0
_BAR_PART = 0.72
# Distance of labels at which a line also gets a dot for each value.
_ROOM_FOR_DOTS = 14.0


@dataclass(frozen=True)
class Bar:
    """A filled rectangle; `hint` says its value."""

    left: float
    top: float
    width: float
    height: float
    series: int
    hint: str = ""


@dataclass(frozen=True)
class Line:
    """A line through points: of the grid, the axis, or a series."""

    points: tuple[tuple[float, float], ...]
    ink: Ink
    series: int = 0


@dataclass(frozen=True)
class Dot:
    """A filled circle; `hint` says its value."""

    x: float
    y: float
    radius: float
    series: int
    hint: str = ""


@dataclass(frozen=True)
class Words:
    """One line of text whose baseline is at `y`."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    size: float = _LETTERS


Shape = Bar | Line | Dot | Words


class _Plane(NamedTuple):
    """Where values are drawn, between the axes."""

    left: float
    top: float
    right: float
    bottom: float
    low: float
    high: float
    places: int

    @property
    def slot(self) -> float:
        return (self.right - self.left) / self.places

    def x(self, place: int) -> float:
        return self.left + self.slot * (place + 0.5)

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low)


def drawn(chart: Chart, width: float, height: float) -> list[Shape]:
    """The chart in a box of this size, its origin in the upper left corner; its title is not part of it."""
    series = [[drawable(value) for value in values] for values in chart.series.values()]
    known = [value for values in series for value in values if value is not None]
    if not known:
        return [Words(width / 2, height / 2, NO_DATA, "middle", 1.2 * _LETTERS)]
    legend, below_legend = _legend(chart, width)
    axis = ticks(known, chart.unit)
    left = max(_width(tick.text) for tick in axis) + _GAP
    bottom = height - _LETTERS - _GAP
    low, high = axis[0].value, axis[-1].value
    plane = _Plane(left, below_legend + _LETTERS / 2, width, bottom, low, high, len(chart.labels))
    draw = _bars if chart.kind == "bar" else _lines
    return [*legend, *_grid(plane, axis), *draw(plane, chart, series), *_labels(plane, chart.labels, height)]


def described(chart: Chart) -> str:
    """The chart in words, for those who cannot see it."""
    first = f"A {chart.kind} chart"
    points = [
        (value, name, label)
        for name, values in chart.series.items()
        for label, value in zip(chart.labels, values, strict=True)
        if drawable(value) is not None
    ]
    if not points:
        return f"{first}. {NO_DATA}."
    span = f"{chart.labels[0]} to {chart.labels[-1]}" if len(chart.labels) > 1 else chart.labels[0]
    of = ", ".join(chart.series)
    (least, _, least_at), (most, _, most_at) = (find(points, key=lambda point: point[0] or 0) for find in (min, max))
    ends = f"least {quantity(least, chart.unit)} at {least_at}, most {quantity(most, chart.unit)} at {most_at}"
    return f"{first} of {of}, {span}: {ends}."


def fitted(text: str, size: float, room: float) -> str:
    """As much of one line as fits, with an ellipsis in place of the rest."""
    if len(text) <= room and font().width(text, size) <= room:
        return text
    # Letters take more than one unit each: what lies far beyond the room need not be measured.
    low, high = 0, min(len(text), int(room))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font().width(text[:middle] + "…", size) <= room else (low, middle - 1)
    return text[:low].rstrip() + "…"


def _legend(chart: Chart, width: float) -> tuple[list[Shape], float]:
    """The names of the series in their colours, where there are several; and where it ends."""
    if len(chart.series) < 2:
        return [], 0.0
    shapes: list[Shape] = []
    x, y = 0.0, 0.0
    for series, name in enumerate(chart.series):
        name = fitted(_one_line(name), _LETTERS, width / 3)
        taken = _LETTERS + 4 + _width(name) + 2 * _GAP
        if x and x + taken > width:
            x, y = 0.0, y + 1.5 * _LETTERS
        shapes += [Bar(x, y, _LETTERS, _LETTERS, series), Words(x + _LETTERS + 4, y + 0.85 * _LETTERS, name)]
        x += taken
    return shapes, y + 1.5 * _LETTERS


def _grid(plane: _Plane, axis: Sequence[Tick]) -> Iterator[Shape]:
    for value, text in axis:
        y = plane.y(value)
        yield Line(((plane.left, y), (plane.right, y)), "axis" if value == 0 else "grid")
        yield Words(plane.left - _GAP / 2, y + 0.35 * _LETTERS, text, "end")


def _bars(plane: _Plane, chart: Chart, series: list[list[float | None]]) -> Iterator[Shape]:
    group = min(plane.slot * _BAR_PART, _WIDEST_BAR * len(series))
    width = group / len(series)
    for number, (name, values) in enumerate(zip(chart.series, series, strict=True)):
        for place, value in enumerate(values):
            if value:
                ends = plane.y(value), plane.y(0)
                left = plane.x(place) - group / 2 + number * width
                yield Bar(left, min(ends), width, abs(ends[0] - ends[1]), number, _hint(chart, name, place))


def _lines(plane: _Plane, chart: Chart, series: list[list[float | None]]) -> Iterator[Shape]:
    for number, (name, values) in enumerate(zip(chart.series, series, strict=True)):
        for run in _runs(values):
            points = tuple((plane.x(place), plane.y(value)) for place, value in run)
            if len(run) > 1:
                yield Line(points, "series", number)
            if len(run) == 1 or plane.slot >= _ROOM_FOR_DOTS:
                for (place, _), (x, y) in zip(run, points, strict=True):
                    yield Dot(x, y, 2.5, number, _hint(chart, name, place))


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The values between gaps, each with its place."""
    runs: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place, value))
    return [run for run in runs if run]


def _labels(plane: _Plane, labels: Sequence[str], height: float) -> Iterator[Shape]:
    """As many labels as stand beside each other, in even steps from the first."""
    room = min(_WIDEST_LABEL, plane.right - plane.left)
    texts = [fitted(_one_line(label), _LETTERS, room) for label in labels]
    widths = [_width(text) for text in texts]
    every = max(1, math.ceil((max(widths) + _GAP) / plane.slot))
    free = 0.0
    for place in range(0, len(texts), every):
        half = widths[place] / 2
        # At the ends they move inside; the one that would then touch its neighbour is left out.
        x = min(max(plane.x(place), half), plane.right - half)
        if x - half >= free:
            yield Words(x, height - _GAP / 2, texts[place], "middle")
            free = x + half + _GAP / 2


def _hint(chart: Chart, name: str, place: int) -> str:
    return f"{chart.labels[place]} · {name}: {quantity(chart.series[name][place], chart.unit)}"


def _width(text: str) -> float:
    # A page that is not drawn in the bundled font may have a wider one.
    return 1.15 * font().width(text, _LETTERS)


def _one_line(text: str) -> str:
    return " ".join(legible(text).split()) or MISSING
