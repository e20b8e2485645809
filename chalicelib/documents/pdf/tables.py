"""Tables on the pages of a PDF: column widths from the first rows, the header on every page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from chalicelib.documents.formatting import format_value
from chalicelib.documents.models import Column, Kind, Picture, Table
from chalicelib.documents.pdf.pages import BACKGROUND, BLACK, GRAY, LIGHT_GRAY, LONG_SIDE, MARGIN, SHORT_SIDE, Pages
from chalicelib.documents.pdf.text import to_line, wrap
from chalicelib.documents.truetype import bundled_font

_FONT_SIZE = 8.0
_LINE_HEIGHT = 10.5
_PADDING = 5.0
_HEADING_SIZE = 12.0
_HEADING_HEIGHT = 26.0
_MAX_LINES = 3
# Longest side of a picture, in points: half an inch.
_PICTURE_SIDE = 36.0

# A table with more columns is in landscape; with more than the second number, it becomes a list of fields.
_MAX_PORTRAIT_COLUMNS = 5
_MAX_COLUMNS = 12

# Rows that decide the widths of the columns, and the width that one column may claim.
_SAMPLE_ROWS = 100
_MAX_COLUMN_WIDTH = 240.0

_LEFT_ALIGNED: frozenset[Kind] = frozenset(("text", "time"))

Row = Mapping[str, Any]
Cells = list[list[str]]


def page_size(table: Table) -> tuple[float, float]:
    """Width and height of the pages for the table."""
    is_portrait = len(_list_fields_if_wide(table).columns) <= _MAX_PORTRAIT_COLUMNS
    return (SHORT_SIDE, LONG_SIDE) if is_portrait else (LONG_SIDE, SHORT_SIDE)


def draw_table(pages: Pages, y: float, table: Table) -> float:
    """Draws the table from `y` on, over as many pages as it needs; returns the `y` of its end."""
    table = _list_fields_if_wide(table)
    rows = iter(table.rows)
    sample = list(islice(rows, _SAMPLE_ROWS))
    if (pages.width, pages.height) != page_size(table) or y + _HEADING_HEIGHT + 4 * _LINE_HEIGHT > pages.bottom:
        pages.start_page(*page_size(table))
        y = MARGIN
    widths = _column_widths(table.columns, sample, pages.right - MARGIN)
    y = _draw_header(pages, y, table, widths)
    if not sample:
        pages.draw_text(MARGIN + _PADDING, y + _LINE_HEIGHT, "Nothing to list.", _FONT_SIZE, GRAY)
        return y + 3 * _LINE_HEIGHT
    for row in chain(sample, rows):
        cells = _cells(row, table.columns, widths)
        height = max([len(cell) * _LINE_HEIGHT for cell in cells] + _picture_heights(row, table.columns)) + _PADDING
        if y + height > pages.bottom:
            pages.start_page(pages.width, pages.height)
            y = _draw_header(pages, MARGIN, table, widths)
        _draw_cells(pages, y, table.columns, widths, cells)
        _draw_pictures(pages, y, table.columns, widths, row)
        y += height
        pages.draw_box(MARGIN, y, pages.right - MARGIN, 0.4, LIGHT_GRAY)
    return y + 2 * _LINE_HEIGHT


def _list_fields_if_wide(table: Table) -> Table:
    """A table with too many columns as a list of the fields of each row; any other table unchanged."""
    if len(table.columns) <= _MAX_COLUMNS:
        return table
    columns = (Column("record", "Record", "number"), Column("field", "Field"), Column("value", "Value"))
    return replace(table, columns=columns, rows=_fields(table))


def _fields(table: Table) -> Iterator[Row]:
    for record, row in enumerate(table.rows, 1):
        for column in table.columns:
            yield {"record": record, "field": column.title, "value": format_value(row.get(column.name), column.kind)}


def _draw_header(pages: Pages, y: float, table: Table, widths: Sequence[float]) -> float:
    truncate = bundled_font().truncate
    title = truncate(to_line(table.title), _HEADING_SIZE, pages.right - MARGIN)
    pages.draw_text(MARGIN, y + _HEADING_SIZE * 1.2, title, _HEADING_SIZE)
    y += _HEADING_HEIGHT
    pages.draw_box(MARGIN, y, pages.right - MARGIN, _LINE_HEIGHT + 2 * _PADDING, BACKGROUND)
    titles = [[truncate(to_line(c.title), _FONT_SIZE, width)] for c, width in zip(table.columns, widths, strict=True)]
    _draw_cells(pages, y + _PADDING / 2, table.columns, widths, titles, GRAY)
    return y + _LINE_HEIGHT + 2 * _PADDING


def _cells(row: Row, columns: Sequence[Column], widths: Sequence[float]) -> Cells:
    return [
        wrap(to_line(format_value(row.get(column.name), column.kind)), _FONT_SIZE, width, _MAX_LINES)
        for column, width in zip(columns, widths, strict=True)
    ]


def _draw_cells(
    pages: Pages, y: float, columns: Sequence[Column], widths: Sequence[float], cells: Cells, color: str = BLACK
) -> None:
    x = MARGIN + _PADDING
    for column, width, lines in zip(columns, widths, cells, strict=True):
        for number, line in enumerate(lines, 1):
            indent = 0.0 if column.kind in _LEFT_ALIGNED else width - bundled_font().width(line, _FONT_SIZE)
            pages.draw_text(x + indent, y + number * _LINE_HEIGHT, line, _FONT_SIZE, color)
        x += width + 2 * _PADDING


def _draw_pictures(pages: Pages, y: float, columns: Sequence[Column], widths: Sequence[float], row: Row) -> None:
    x = MARGIN + _PADDING
    for column, width in zip(columns, widths, strict=True):
        picture = row.get(column.name)
        if isinstance(picture, Picture):
            shown_width, shown_height = _picture_size(picture)
            left = x + (_PICTURE_SIDE - shown_width) / 2
            pages.draw_picture(left, y + _PADDING / 2, shown_width, shown_height, picture)
        x += width + 2 * _PADDING


def _picture_heights(row: Row, columns: Sequence[Column]) -> list[float]:
    values = (row.get(column.name) for column in columns)
    return [_picture_size(value)[1] for value in values if isinstance(value, Picture)]


def _picture_size(picture: Picture) -> tuple[float, float]:
    """Width and height on the page, with the picture's aspect ratio."""
    scale = _PICTURE_SIDE / max(picture.width, picture.height)
    return picture.width * scale, picture.height * scale


def _column_widths(columns: Sequence[Column], sample: Sequence[Row], table_width: float) -> list[float]:
    """The width of each column, without padding.

    If all columns fit, text columns share the rest. Else a column gets what it needs, up to an even share of the
    width that is left; the narrowest columns choose first.
    """
    left = table_width - 2 * _PADDING * len(columns)
    needed = [_needed_width(column, sample) for column in columns]
    if sum(needed) <= left:
        text = [width if column.kind in _LEFT_ALIGNED else 0.0 for column, width in zip(columns, needed, strict=True)]
        shares = text if any(text) else needed
        spare = (left - sum(needed)) / sum(shares)
        return [width + spare * share for width, share in zip(needed, shares, strict=True)]
    widths = [0.0] * len(columns)
    for done, index in enumerate(sorted(range(len(columns)), key=needed.__getitem__)):
        widths[index] = min(needed[index], left / (len(columns) - done))
        left -= widths[index]
    return widths


def _needed_width(column: Column, sample: Sequence[Row]) -> float:
    if column.kind == "picture":
        return _PICTURE_SIDE
    texts = [column.title, *(format_value(row.get(column.name), column.kind) for row in sample)]
    widest = max(bundled_font().width(to_line(text), _FONT_SIZE) for text in texts)
    # 0.5 points more, so that a rounding error does not wrap the widest text.
    return max(10.0, min(_MAX_COLUMN_WIDTH, widest + 0.5))
