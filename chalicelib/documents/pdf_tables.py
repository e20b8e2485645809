"""Tables on the pages of a PDF: columns as wide as their first rows need, the header again on every page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from chalicelib.documents.charts import fitted
from chalicelib.documents.measures import shown
from chalicelib.documents.pdf_pages import BAND, LONG, MARGIN, RULE, SHORT, SOFT, Pages
from chalicelib.documents.pdf_text import printed, wrapped
from chalicelib.documents.truetype import font
from chalicelib.documents.values import Column, Kind, Picture, Table

_SIZE = 8.0
_LINE = 10.5
_PADDING = 5.0
_HEADING_SIZE = 12.0
_HEADING = 26.0
_MOST_LINES = 3
# The box that a picture fits into, in points: half an inch.
_PICTURE = 36.0

# Beyond the first, the paper turns; beyond the second, no paper is wide enough.
_UPRIGHT_COLUMNS = 5
_MOST_COLUMNS = 12

# Rows whose cells decide how wide the columns are, and the room that one column may claim by them.
_SAMPLE = 100
_WIDEST = 240.0

_WORDS: frozenset[Kind] = frozenset(("text", "time"))

Row = Mapping[str, Any]
Cells = list[list[str]]


def paper(table: Table) -> tuple[float, float]:
    """Width and height of the pages that the table wants."""
    return (SHORT, LONG) if len(_lengthwise(table).columns) <= _UPRIGHT_COLUMNS else (LONG, SHORT)


def draw(pages: Pages, y: float, table: Table) -> float:
    """The table from `y` on, over as many pages as it takes; returns where it ends."""
    table = _lengthwise(table)
    rows = iter(table.rows)
    sample = list(islice(rows, _SAMPLE))
    if (pages.width, pages.height) != paper(table) or y + _HEADING + 4 * _LINE > pages.bottom:
        pages.turn(*paper(table))
        y = MARGIN
    widths = _widths(table.columns, sample, pages.right - MARGIN)
    y = _head(pages, y, table, widths)
    if not sample:
        pages.text(MARGIN + _PADDING, y + _LINE, "Nothing to list.", _SIZE, SOFT)
        return y + 3 * _LINE
    for row in chain(sample, rows):
        cells = _cells(row, table.columns, widths)
        height = max([len(cell) * _LINE for cell in cells] + _heights(row, table.columns)) + _PADDING
        if y + height > pages.bottom:
            pages.turn(pages.width, pages.height)
            y = _head(pages, MARGIN, table, widths)
        _row(pages, y, table.columns, widths, cells)
        _pictures(pages, y, table.columns, widths, row)
        y += height
        pages.box(MARGIN, y, pages.right - MARGIN, 0.4, RULE)
    return y + 2 * _LINE


def _lengthwise(table: Table) -> Table:
    """A table that no paper is wide enough for, as a list of every record's fields."""
    if len(table.columns) <= _MOST_COLUMNS:
        return table
    columns = (Column("record", "Record", "number"), Column("field", "Field"), Column("value", "Value"))
    return replace(table, columns=columns, rows=_fields(table))


def _fields(table: Table) -> Iterator[Row]:
    for record, row in enumerate(table.rows, 1):
        for column in table.columns:
            yield {"record": record, "field": column.title, "value": shown(row.get(column.name), column.kind)}


def _head(pages: Pages, y: float, table: Table, widths: Sequence[float]) -> float:
    title = fitted(printed(table.title), _HEADING_SIZE, pages.right - MARGIN)
    pages.text(MARGIN, y + _HEADING_SIZE * 1.2, title, _HEADING_SIZE)
    y += _HEADING
    pages.box(MARGIN, y, pages.right - MARGIN, _LINE + 2 * _PADDING, BAND)
    titles = [[fitted(printed(c.title), _SIZE, width)] for c, width in zip(table.columns, widths, strict=True)]
    _row(pages, y + _PADDING / 2, table.columns, widths, titles, SOFT)
    return y + _LINE + 2 * _PADDING


def _cells(row: Row, columns: Sequence[Column], widths: Sequence[float]) -> Cells:
    return [
        wrapped(printed(shown(row.get(column.name), column.kind)), _SIZE, width, _MOST_LINES)
        for column, width in zip(columns, widths, strict=True)
    ]


def _row(
    pages: Pages, y: float, columns: Sequence[Column], widths: Sequence[float], cells: Cells, color: str = ""
) -> None:
    x = MARGIN + _PADDING
    for column, width, lines in zip(columns, widths, cells, strict=True):
        for place, line in enumerate(lines, 1):
            shift = 0.0 if column.kind in _WORDS else width - font().width(line, _SIZE)
            pages.text(x + shift, y + place * _LINE, line, _SIZE, *filter(None, [color]))
        x += width + 2 * _PADDING


def _pictures(pages: Pages, y: float, columns: Sequence[Column], widths: Sequence[float], row: Row) -> None:
    x = MARGIN + _PADDING
    for column, width in zip(columns, widths, strict=True):
        picture = row.get(column.name)
        if isinstance(picture, Picture):
            wide, high = _fitted(picture)
            pages.picture(x + (_PICTURE - wide) / 2, y + _PADDING / 2, wide, high, picture)
        x += width + 2 * _PADDING


def _heights(row: Row, columns: Sequence[Column]) -> list[float]:
    found = (row.get(column.name) for column in columns)
    return [_fitted(picture)[1] for picture in found if isinstance(picture, Picture)]


def _fitted(picture: Picture) -> tuple[float, float]:
    """Width and height on the page: in its proportions, inside of the box."""
    scale = _PICTURE / max(picture.width, picture.height)
    return picture.width * scale, picture.height * scale


def _widths(columns: Sequence[Column], sample: Sequence[Row], room: float) -> list[float]:
    """What each column's text may take, without the padding on its sides.

    A column gets what it needs as long as that is no more than an even share of what is left;
    the others share the rest. Room to spare goes to the columns of words.
    """
    left = room - 2 * _PADDING * len(columns)
    needed = [_needed(column, sample) for column in columns]
    if sum(needed) <= left:
        wordy = [need if column.kind in _WORDS else 0.0 for column, need in zip(columns, needed, strict=True)]
        shares = wordy if any(wordy) else needed
        spare = (left - sum(needed)) / sum(shares)
        return [need + spare * share for need, share in zip(needed, shares, strict=True)]
    widths = [0.0] * len(columns)
    for done, place in enumerate(sorted(range(len(columns)), key=needed.__getitem__)):
        widths[place] = min(needed[place], left / (len(columns) - done))
        left -= widths[place]
    return widths


def _needed(column: Column, sample: Sequence[Row]) -> float:
    if column.kind == "picture":
        return _PICTURE
    texts = [column.title, *(shown(row.get(column.name), column.kind) for row in sample)]
    # A little more than measured, or an error of rounding would break the widest in two.
    return max(10.0, min(_WIDEST, max(font().width(printed(text), _SIZE) for text in texts) + 0.5))
