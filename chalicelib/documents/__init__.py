"""Documents: tables, figures and charts written as JSON, CSV, PDF or HTML to a stream of bytes.

Knows no AWS and no environment. Every writer takes rows one at a time, writes front to back and keeps
no more of them than a page. What draws is imported with the first document, so that importing this
package costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.documents.values import Chart, Column, Figure, Format, Kind, Picture, Report, Sink, Table, Unit

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
    "tables_of",
    "write_csv",
    "write_html",
    "write_json",
    "write_pdf",
]


def write_json(out: Sink, tables: Iterable[Table], about: Mapping[str, Any]) -> Format:
    """One JSON object while it is small, JSON lines beyond; what is returned says which.

    Up to 1,000 records and 16 MB in all: `{**about, "<table>": [record, …], …}`. Above either:
    a line `{"type": "about", "data": about}`, then one `{"type": "<table>", "data": record}` a
    record. A record has its table's columns and null for what is missing. Text comes back exactly;
    a number that JSON lacks (NaN, infinity) is null, a set a list, bytes are base64.

    Raises ValueError where `about` holds a key that is a table's name.
    """
    from chalicelib.documents import json_writer

    return json_writer.write(out, tables, about)


def write_csv(out: Sink, tables: Iterable[Table]) -> Format:
    """A zip of one CSV a table: RFC 4180, UTF-8, a row of column names first.

    Text that a spreadsheet would take for a formula gets a `'` in front, control characters are
    spelled out as `[U+0007]`, lists and objects are JSON. A table of more than 1,000,000 records
    (a spreadsheet's limit) or 1 GiB goes on in `<table>-2.csv`. The same tables give the same bytes.
    """
    from chalicelib.documents import csv_writer

    return csv_writer.write(out, tables)


def write_pdf(out: Sink, report: Report) -> Format:
    """The report in A4 pages: figures, charts, then tables with their header on each page.

    The pages turn where a table has many columns; with more than 12, each record becomes a list of
    its fields. Cells hold three lines and end in an ellipsis where they would need more. A
    character that the font lacks is drawn as □, a control character as `[U+0007]`. The same report
    gives the same bytes.
    """
    from chalicelib.documents import pdf_writer

    return pdf_writer.write(out, report)


def write_html(out: Sink, report: Report) -> Format:
    """The report as one page that asks for nothing else: no script, no link, drawings inline."""
    from chalicelib.documents import html_writer

    return html_writer.write(out, report)


def tables_of(report: Report) -> list[Table]:
    """All that a report says as tables, for `write_json` and `write_csv`: figures, charts, tables."""
    from chalicelib.documents import tabular

    return tabular.tables_of(report)
