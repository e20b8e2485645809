"""Tables on the pages of a PDF: column widths from the first rows, the header on every page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, NamedTuple

from chalicelib.documents.fonts import Fonts
from chalicelib.documents.formatting import format_value
from chalicelib.documents.models import Column, Kind, Picture, Table
from chalicelib.documents.pdf.pages import (
    BACKGROUND,
    BLACK,
    GRAY,
    LIGHT_GRAY,
    LONG_SIDE,
    MARGIN,
    SHORT_SIDE,
    Pages,
    PlacedLine,
)
from chalicelib.documents.pdf.text import Line, to_line, wrap

_FONT_SIZE = 8.0
_LINE_HEIGHT = 10.5
_PADDING = 5.0
_HEADING_SIZE = 12.0
_HEADING_HEIGHT = 26.0
_HEADER_HEIGHT = _LINE_HEIGHT + 2 * _PADDING
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
_COLUMN_HEADER = "/A<</O/Table/Scope/Column>>"

Row = Mapping[str, Any]
Cell = list[Line]


class _Place(NamedTuple):
    """A column, and where its cells are, without padding."""

    column: Column
    x: float
    width: float


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
    places = _places(pages, table.columns, sample)
    y = _begin_table(pages, y, table, places)
    for row in chain(sample, rows):
        cells = [_cell(pages.fonts, row, place) for place in places]
        height = max([len(cell) * _LINE_HEIGHT for cell in cells] + _picture_heights(row, table.columns)) + _PADDING
        if y + height > pages.bottom:
            y = _continue_on_new_page(pages, table, places)
        _draw_row(pages, y, places, cells, row)
        y += height
        pages.draw_decoration(MARGIN, y, pages.right - MARGIN, 0.4, LIGHT_GRAY)
    if not sample:
        y = _draw_no_rows(pages, y, len(places))
    pages.end()
    pages.end()
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


def _begin_table(pages: Pages, y: float, table: Table, places: Sequence[_Place]) -> float:
    pages.draw_tagged("H2", [_title(pages, y, table)])
    y += _HEADING_HEIGHT
    pages.draw_decoration(MARGIN, y, pages.right - MARGIN, _HEADER_HEIGHT, BACKGROUND)
    pages.begin("Table")
    pages.begin("THead")
    pages.begin("TR")
    for place in places:
        pages.draw_tagged("TH", _column_title(pages, y, place), _COLUMN_HEADER)
    pages.end()
    pages.end()
    pages.begin("TBody")
    return y + _HEADER_HEIGHT


def _continue_on_new_page(pages: Pages, table: Table, places: Sequence[_Place]) -> float:
    """Each page has a part of the table of its own, so that the tags of earlier rows need not be kept."""
    pages.end()
    pages.start_page(pages.width, pages.height)
    y = MARGIN + _HEADING_HEIGHT
    pages.draw_decoration(MARGIN, y, pages.right - MARGIN, _HEADER_HEIGHT, BACKGROUND)
    with pages.repeated():
        pages.draw_text(*_title(pages, MARGIN, table))
        for place in places:
            for text in _column_title(pages, y, place):
                pages.draw_text(*text)
    pages.begin("TBody")
    return y + _HEADER_HEIGHT


def _title(pages: Pages, y: float, table: Table) -> PlacedLine:
    (title,) = wrap(table.title, pages.fonts, _HEADING_SIZE, pages.right - MARGIN)
    return PlacedLine(MARGIN, y + _HEADING_SIZE * 1.2, title, _HEADING_SIZE)


def _column_title(pages: Pages, y: float, place: _Place) -> list[PlacedLine]:
    title = wrap(place.column.title, pages.fonts, _FONT_SIZE, place.width)
    return _placed(pages.fonts, y + _PADDING / 2, place, title, GRAY)


def _draw_no_rows(pages: Pages, y: float, columns: int) -> float:
    (line,) = wrap("Nothing to list.", pages.fonts, _FONT_SIZE, pages.width)
    pages.begin("TR")
    text = PlacedLine(MARGIN + _PADDING, y + _LINE_HEIGHT, line, _FONT_SIZE, GRAY)
    pages.draw_tagged("TD", [text], f"/A<</O/Table/ColSpan {columns}>>")
    pages.end()
    return y + _LINE_HEIGHT


def _cell(fonts: Fonts, row: Row, place: _Place) -> Cell:
    text = format_value(row.get(place.column.name), place.column.kind)
    return wrap(text, fonts, _FONT_SIZE, place.width, _MAX_LINES)


def _draw_row(pages: Pages, y: float, places: Sequence[_Place], cells: Sequence[Cell], row: Row) -> None:
    pages.begin("TR")
    for place, cell in zip(places, cells, strict=True):
        picture = row.get(place.column.name)
        if isinstance(picture, Picture):
            pages.begin("TD")
            _draw_picture(pages, y, place, picture, _name(places, row))
            pages.end()
        else:
            pages.draw_tagged("TD", _placed(pages.fonts, y, place, cell))
    pages.end()


def _placed(fonts: Fonts, y: float, place: _Place, cell: Cell, color: str = BLACK) -> list[PlacedLine]:
    """The lines of a cell, at the left or right edge of its column."""
    column, x, width = place
    is_left = column.kind in _LEFT_ALIGNED
    return [
        PlacedLine(
            x if is_left else x + width - fonts.width(line.text, _FONT_SIZE),
            y + number * _LINE_HEIGHT,
            line,
            _FONT_SIZE,
            color,
        )
        for number, line in enumerate(cell, 1)
    ]


def _draw_picture(pages: Pages, y: float, place: _Place, picture: Picture, name: str) -> None:
    width, height = _picture_size(picture)
    left, top = place.x + (_PICTURE_SIDE - width) / 2, y + _PADDING / 2
    with pages.figure(left, top, width, height, f"{place.column.title}: {name}"):
        pages.draw_picture(left, top, width, height, picture)


def _name(places: Sequence[_Place], row: Row) -> str:
    """What tells the row's picture from others: its first text."""
    texts = (format_value(row.get(place.column.name), "text") for place in places if place.column.kind == "text")
    return next(texts, "")


def _picture_heights(row: Row, columns: Sequence[Column]) -> list[float]:
    values = (row.get(column.name) for column in columns)
    return [_picture_size(value)[1] for value in values if isinstance(value, Picture)]


def _picture_size(picture: Picture) -> tuple[float, float]:
    """Width and height on the page, with the picture's aspect ratio."""
    scale = _PICTURE_SIDE / max(picture.width, picture.height)
    return picture.width * scale, picture.height * scale


def _places(pages: Pages, columns: Sequence[Column], sample: Sequence[Row]) -> list[_Place]:
    places, x = [], MARGIN + _PADDING
    for column, width in zip(columns, _column_widths(pages, columns, sample), strict=True):
        places.append(_Place(column, x, width))
        x += width + 2 * _PADDING
    return places


def _column_widths(pages: Pages, columns: Sequence[Column], sample: Sequence[Row]) -> list[float]:
    """The width of each column, without padding.

    If all columns fit, text columns share the rest. Else a column gets what it needs, up to an even share of the
    width that is left; the narrowest columns choose first.
    """
    left = pages.right - MARGIN - 2 * _PADDING * len(columns)
    needed = [_needed_width(pages.fonts, column, sample) for column in columns]
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


def _needed_width(fonts: Fonts, column: Column, sample: Sequence[Row]) -> float:
    if column.kind == "picture":
        return _PICTURE_SIDE
    texts = [column.title, *(format_value(row.get(column.name), column.kind) for row in sample)]
    widest = max(fonts.width(to_line(text, fonts), _FONT_SIZE) for text in texts)
    # 0.5 points more, so that a rounding error does not wrap the widest text.
    return max(10.0, min(_MAX_COLUMN_WIDTH, widest + 0.5))
