"""Charts as inline SVG. The style of the page may override the colours."""

from __future__ import annotations

from html import escape

from chalicelib.documents.charts import Bar, Dot, Line, Shape, Text, describe_chart, layout_chart, series_color
from chalicelib.documents.invisible_characters import escape_invisible
from chalicelib.documents.models import Chart

_WIDTH, _HEIGHT = 720.0, 260.0
_GRAYS = {"grid": "#dde3ea", "axis": "#5b6775", "label": "#5b6775"}


def svg_of(chart: Chart) -> str:
    """An SVG element as wide as its container, with a title and a description."""
    title, description = f"{chart.name}-title", f"{chart.name}-description"
    parts = "".join(_element(shape) for shape in layout_chart(chart, _WIDTH, _HEIGHT))
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-labelledby="{title} {description}">'
        f'<title id="{title}">{escape_text(chart.title)}</title>'
        f'<desc id="{description}">{escape_text(describe_chart(chart))}</desc>'
        f"{parts}</svg>"
    )


def _element(shape: Shape) -> str:
    # Colours are attributes for readers that ignore styles. A style of the page overrides them.
    match shape:
        case Bar(left, top, width, height, series):
            box = f'x="{left:.1f}" y="{top:.1f}" width="{width:.2f}" height="{height:.1f}"'
            return f'<rect {box} fill="{series_color(series)}">{_hint(shape)}</rect>'
        case Dot(x, y, radius, series):
            circle = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
            return f'<circle {circle} fill="{series_color(series)}">{_hint(shape)}</circle>'
        case Line(points, "series", series):
            stroke = f'stroke="{series_color(series)}" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"'
            return f'<polyline points="{_points(points)}" fill="none" {stroke}/>'
        case Line(points, role):
            return f'<polyline class="{role}" points="{_points(points)}" fill="none" stroke="{_GRAYS[role]}"/>'
        case Text(x, y, text, anchor, size):
            position = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"'
            return f'<text {position} fill="{_GRAYS["label"]}">{escape_text(text)}</text>'


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _hint(shape: Bar | Dot) -> str:
    return f"<title>{escape_text(shape.hint)}</title>" if shape.hint else ""


def escape_text(text: str) -> str:
    """Text for HTML or SVG, with invisible characters shown."""
    return escape(escape_invisible(text))
