"""Charts as SVG, coloured by the style of the page that they stand in."""

from __future__ import annotations

from html import escape

from chalicelib.documents.charts import SERIES_COLORS, Bar, Dot, Line, Shape, Words, described, drawn
from chalicelib.documents.legible import legible
from chalicelib.documents.values import Chart

_WIDTH, _HEIGHT = 720.0, 260.0
_GRAYS = {"grid": "#dde3ea", "axis": "#5b6775", "label": "#5b6775"}


def svg(chart: Chart) -> str:
    """An element that fills the width of its place, with its description inside."""
    title, description = f"{chart.name}-title", f"{chart.name}-description"
    parts = "".join(_element(shape) for shape in drawn(chart, _WIDTH, _HEIGHT))
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-labelledby="{title} {description}">'
        f'<title id="{title}">{_text(chart.title)}</title><desc id="{description}">{_text(described(chart))}</desc>'
        f"{parts}</svg>"
    )


def _element(shape: Shape) -> str:
    # Colours are attributes: also a reader that ignores the page's style shows a chart. A style beats them.
    match shape:
        case Bar(left, top, width, height, series):
            box = f'x="{left:.1f}" y="{top:.1f}" width="{width:.2f}" height="{height:.1f}"'
            return f'<rect {box} fill="{_color(series)}">{_hint(shape)}</rect>'
        case Dot(x, y, radius, series):
            circle = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
            return f'<circle {circle} fill="{_color(series)}">{_hint(shape)}</circle>'
        case Line(points, "series", series):
            stroke = f'stroke="{_color(series)}" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"'
            return f'<polyline points="{_points(points)}" fill="none" {stroke}/>'
        case Line(points, ink):
            return f'<polyline class="{ink}" points="{_points(points)}" fill="none" stroke="{_GRAYS[ink]}"/>'
        case Words(x, y, text, anchor, size):
            place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"'
            return f'<text {place} fill="{_GRAYS["label"]}">{_text(text)}</text>'


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _color(series: int) -> str:
    return SERIES_COLORS[series % len(SERIES_COLORS)]


def _hint(shape: Bar | Dot) -> str:
    return f"<title>{_text(shape.hint)}</title>" if shape.hint else ""


def _text(text: str) -> str:
    return escape(legible(text))
