"""Documents: tables, figures and charts, written as JSON, CSV, PDF or HTML to a stream of bytes.

Uses no AWS and no settings. Every writer reads rows one at a time, writes front to back and keeps at most a page
in memory. A writer is imported on its first use, so that importing this package is cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.documents.models import Chart, Column, Figure, Format, Kind, Picture, Report, Sink, Table, Unit

if TYPE_CHECKING:
    from chalicelib.documents.fonts import Fonts

__all__ = [
    "Chart",
    "Column",
    "Figure",
    "Format",
    "Kind",
    "Picture",
    "Report",
    "Sink",
    "Table",
    "Unit",
    "write_csv",
    "write_html",
    "write_json",
    "write_pdf",
]


def write_json(out: Sink, tables: Iterable[Table], about: Mapping[str, Any]) -> Format:
    """One JSON object if it is small, else JSON lines; returns which.

    Up to 1,000 rows and 16 MB in all: `{**about, "<table>": [row, …], …}`. Above either limit:
    a line `{"type": "about", "data": about}`, then a line `{"type": "<table>", "data": row}` for each
    row. A row has its table's columns, with null for a missing value. Text is exact; NaN and infinity
    become null, a set becomes a list, bytes become base64.

    Raises ValueError if a key of `about` is also the name of a table.
    """
    from chalicelib.documents import json_writer

    return json_writer.write(out, tables, about)


def write_csv(out: Sink, tables: Iterable[Table]) -> Format:
    """A zip with one CSV file per table: RFC 4180, UTF-8, column titles in the first row.

    Text that a spreadsheet would run as a formula gets a `'` in front. Control characters are
    written as `[U+0007]`, lists and objects as JSON. After 1,000,000 rows (a spreadsheet's limit) or
    1 GiB a table continues in `<table>-2.csv`. The same tables give the same bytes.
    """
    from chalicelib.documents import csv_writer

    return csv_writer.write(out, tables)


def write_pdf(out: Sink, report: Report, fonts: Fonts | None = None) -> Format:
    """A4 pages: figures, charts, then tables with their header on each page.

    A table with more than 5 columns is in landscape; with more than 12, each row becomes a list of
    its fields. A cell has at most three lines; an ellipsis marks what is cut off. A character that
    no font of `fonts` has is drawn as □ and added to `fonts.missing`, a control character is drawn as
    `[U+0007]`. Text runs in the direction of its script. Headings, tables and figures are tagged for
    screen readers. The same report and fonts give the same bytes.
    """
    from chalicelib.documents.fonts import Fonts
    from chalicelib.documents.pdf import writer

    return writer.write(out, report, fonts or Fonts())


def write_html(out: Sink, report: Report) -> Format:
    """One self-contained page: no script, no link, charts inline."""
    from chalicelib.documents.html import writer

    return writer.write(out, report)
