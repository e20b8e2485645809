"""Reports and exports as PDF: where on the pages the title, the figures, the charts and the tables stand."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.documents import pdf_tables
from chalicelib.documents.charts import drawn, fitted
from chalicelib.documents.measures import quantity, shown
from chalicelib.documents.pdf_pages import BAND, LONG, MARGIN, SHORT, SOFT, Pages
from chalicelib.documents.pdf_text import printed, wrapped
from chalicelib.documents.values import Chart, Figure, Format, Report, Sink

PDF = Format("pdf", "application/pdf")

_FOOTER = "Times are in UTC. □ stands for a character that this font lacks; JSON and CSV hold it."

_TITLE_SIZE = 20.0
_HEADING_SIZE = 12.0
_TEXT_SIZE = 9.0

_FIGURES_A_ROW = 4
_FIGURE_HEIGHT = 46.0
_CHART_HEIGHT = 150.0
_GAP = 12.0


def write(out: Sink, report: Report) -> Format:
    """See `chalicelib.documents.write_pdf`."""
    pages = Pages(out, report.title, _FOOTER)
    first = report.tables[0] if report.tables and not (report.figures or report.charts) else None
    pages.turn(*(pdf_tables.paper(first) if first else (SHORT, LONG)))
    y = _title(pages, report)
    y = _figures(pages, y, report.figures)
    for chart in report.charts:
        y = _chart(pages, y, chart)
    for table in report.tables:
        y = pdf_tables.draw(pages, y, table)
    pages.close(report.created_at)
    return PDF


def _title(pages: Pages, report: Report) -> float:
    y = MARGIN
    for line in wrapped(printed(report.title), _TITLE_SIZE, pages.right - MARGIN, 3):
        y += _TITLE_SIZE * 1.15
        pages.text(MARGIN, y, line, _TITLE_SIZE)
    created = f"Created {shown(report.created_at, 'time')}"
    for line in filter(None, (report.period, created)):
        y += _TEXT_SIZE * 1.6
        pages.text(MARGIN, y, fitted(printed(line), _TEXT_SIZE, pages.right - MARGIN), _TEXT_SIZE, SOFT)
    return y + _GAP


def _figures(pages: Pages, y: float, figures: Sequence[Figure]) -> float:
    width = (pages.right - MARGIN + _GAP) / _FIGURES_A_ROW - _GAP
    for place, (label, value, unit) in enumerate(figures):
        column = place % _FIGURES_A_ROW
        if column == 0:
            y = _room(pages, y, _FIGURE_HEIGHT)
        left, room = MARGIN + column * (width + _GAP), width - 2 * _GAP
        pages.box(left, y, width, _FIGURE_HEIGHT, BAND)
        pages.text(left + _GAP, y + 17, fitted(printed(label), 8, room), 8, SOFT)
        pages.text(left + _GAP, y + 36, fitted(printed(quantity(value, unit)), 15, room), 15)
        if column == _FIGURES_A_ROW - 1 or place == len(figures) - 1:
            y += _FIGURE_HEIGHT + _GAP
    return y


def _chart(pages: Pages, y: float, chart: Chart) -> float:
    heading = _HEADING_SIZE * 2
    y = _room(pages, y, heading + _CHART_HEIGHT)
    room = pages.right - MARGIN
    pages.text(MARGIN, y + _HEADING_SIZE * 1.2, fitted(printed(chart.title), _HEADING_SIZE, room), _HEADING_SIZE)
    pages.shapes(MARGIN, y + heading, drawn(chart, room, _CHART_HEIGHT))
    return y + heading + _CHART_HEIGHT + _GAP


def _room(pages: Pages, y: float, height: float) -> float:
    """`y` if that much still fits on the page; else the top of a new one."""
    if y + height <= pages.bottom:
        return y
    pages.turn(pages.width, pages.height)
    return MARGIN
