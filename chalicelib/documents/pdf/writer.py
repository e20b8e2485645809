"""Reports and exports as PDF: the layout of title, figures, charts and tables."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.documents.charts import describe_chart, layout_chart
from chalicelib.documents.fonts import Fonts
from chalicelib.documents.formatting import format_quantity, format_value
from chalicelib.documents.models import Chart, Figure, Format, Report, Sink
from chalicelib.documents.pdf.pages import BACKGROUND, BLACK, GRAY, LONG_SIDE, MARGIN, SHORT_SIDE, Pages, PlacedLine
from chalicelib.documents.pdf.tables import draw_table, page_size
from chalicelib.documents.pdf.text import wrap

PDF = Format("pdf", "application/pdf")

_FOOTER = "Times are in UTC. □ stands for a character that no font here has; JSON and CSV hold it."

_TITLE_SIZE = 20.0
_HEADING_SIZE = 12.0
_TEXT_SIZE = 9.0

_FIGURES_PER_ROW = 4
_FIGURE_HEIGHT = 46.0
_CHART_HEIGHT = 150.0
_GAP = 12.0


def write(out: Sink, report: Report, fonts: Fonts) -> Format:
    """See `chalicelib.documents.write_pdf`."""
    pages = Pages(out, report.title, _FOOTER, fonts)
    begins_with_table = report.tables and not (report.figures or report.charts)
    pages.start_page(*(page_size(report.tables[0]) if begins_with_table else (SHORT_SIDE, LONG_SIDE)))
    y = _draw_title(pages, report)
    y = _draw_figures(pages, y, report.figures)
    for chart in report.charts:
        y = _draw_chart(pages, y, chart)
    for table in report.tables:
        y = draw_table(pages, y, table)
    pages.close(report.created_at)
    return PDF


def _draw_title(pages: Pages, report: Report) -> float:
    y, width = MARGIN, pages.right - MARGIN
    lines = wrap(report.title, pages.fonts, _TITLE_SIZE, width, 3)
    step = _TITLE_SIZE * 1.15
    pages.draw_tagged(
        "H1", [PlacedLine(MARGIN, y + step * number, line, _TITLE_SIZE) for number, line in enumerate(lines, 1)]
    )
    y += step * len(lines)
    created = f"Created {format_value(report.created_at, 'time')}"
    for text in filter(None, (report.period, created)):
        y += _TEXT_SIZE * 1.6
        (line,) = wrap(text, pages.fonts, _TEXT_SIZE, width)
        pages.draw_tagged("P", [PlacedLine(MARGIN, y, line, _TEXT_SIZE, GRAY)])
    return y + _GAP


def _draw_figures(pages: Pages, y: float, figures: Sequence[Figure]) -> float:
    width = (pages.right - MARGIN + _GAP) / _FIGURES_PER_ROW - _GAP
    for index, (label, value, unit) in enumerate(figures):
        column = index % _FIGURES_PER_ROW
        if column == 0:
            y = _ensure_room(pages, y, _FIGURE_HEIGHT)
        left, text_width = MARGIN + column * (width + _GAP), width - 2 * _GAP
        pages.draw_decoration(left, y, width, _FIGURE_HEIGHT, BACKGROUND)
        texts = []
        for text, size, baseline, color in ((label, 8, 17, GRAY), (format_quantity(value, unit), 15, 36, BLACK)):
            (line,) = wrap(text, pages.fonts, size, text_width)
            texts.append(PlacedLine(left + _GAP, y + baseline, line, size, color))
        pages.draw_tagged("P", texts)
        if column == _FIGURES_PER_ROW - 1 or index == len(figures) - 1:
            y += _FIGURE_HEIGHT + _GAP
    return y


def _draw_chart(pages: Pages, y: float, chart: Chart) -> float:
    heading = _HEADING_SIZE * 2
    y = _ensure_room(pages, y, heading + _CHART_HEIGHT)
    width = pages.right - MARGIN
    (title,) = wrap(chart.title, pages.fonts, _HEADING_SIZE, width)
    pages.draw_tagged("H2", [PlacedLine(MARGIN, y + _HEADING_SIZE * 1.2, title, _HEADING_SIZE)])
    with pages.figure(MARGIN, y + heading, width, _CHART_HEIGHT, describe_chart(chart)):
        pages.draw_shapes(MARGIN, y + heading, layout_chart(chart, width, _CHART_HEIGHT))
    return y + heading + _CHART_HEIGHT + _GAP


def _ensure_room(pages: Pages, y: float, height: float) -> float:
    """`y` if `height` fits on the page; else starts a page and returns its top."""
    if y + height <= pages.bottom:
        return y
    pages.start_page(pages.width, pages.height)
    return MARGIN
