"""Reports as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from chalicelib.documents.formatting import format_quantity, format_value
from chalicelib.documents.html.svg import escape_text, svg_of
from chalicelib.documents.models import Chart, Column, Figure, Format, Report, Sink, Table

HTML = Format("html", "text/html; charset=utf-8")

# A second defence after escaping: the page may load, send, frame and run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

# Characters to collect before each write.
_CHUNK = 64_000

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --text: #1c2530; --soft: #5b6775; --rule: #dde3ea; --band: #f5f7fa; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14191f; --text: #e6eaef; --soft: #9aa6b4; --rule: #313b46; --band: #1c232b; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--text);
  font: 15px/1.5 "Liberation Sans", "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere; }
h2, caption { font-size: 1.1rem; font-weight: 600; text-align: left; margin: 0; padding: 0 0 .5rem; }
header p, footer { margin: .35rem 0 0; color: var(--soft); }
section { margin-top: 2.25rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .75rem; margin: 0; }
dl div { padding: .75rem 1rem; border: 1px solid var(--rule); border-radius: .5rem; background: var(--band); }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; font-size: 1.35rem; font-weight: 600; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-family: inherit; }
.grid { stroke: var(--rule); }
.axis { stroke: var(--soft); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem 1.25rem .4rem 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
th { color: var(--soft); font-size: .85rem; white-space: nowrap; }
td { max-width: 26rem; white-space: pre-wrap; overflow-wrap: break-word; }
.number { text-align: right; }
td.number, td.time { white-space: nowrap; }
.none { color: var(--soft); }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  figure, tr, dl div, svg { break-inside: avoid; }
  h2, caption { break-after: avoid; }
  .scroll { overflow: visible; }
}
"""


def write(out: Sink, report: Report) -> Format:
    """See `chalicelib.documents.write_html`."""
    for chunk in _chunks(_page(report)):
        out.write(chunk.encode())
    return HTML


def _chunks(parts: Iterable[str]) -> Iterator[str]:
    chunk: list[str] = []
    size = 0
    for part in parts:
        chunk.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield "".join(chunk)
            chunk, size = [], 0
    yield "".join(chunk)


def _page(report: Report) -> Iterator[str]:
    yield from _head(report)
    yield from _figures(report.figures)
    yield from map(_chart, report.charts)
    yield from chain.from_iterable(map(_table, report.tables))
    yield "</main>\n<footer>Times are in UTC. Sizes count 1 KB as 1,000 bytes.</footer>\n</body>\n</html>\n"


def _head(report: Report) -> Iterator[str]:
    title = escape_text(report.title)
    created = escape_text(format_value(report.created_at, "time"))
    period = f"<p>{escape_text(report.period)}</p>\n" if report.period else ""
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<header>\n<h1 dir="auto">{title}</h1>\n{period}<p>Created {created}</p>\n'
        "</header>\n<main>\n"
    )


def _figures(figures: Iterable[Figure]) -> Iterator[str]:
    cards = [
        f'<div><dt>{escape_text(label)}</dt><dd dir="auto">{escape_text(format_quantity(value, unit))}</dd></div>\n'
        for label, value, unit in figures
    ]
    if cards:
        yield "<section>\n<h2>Key figures</h2>\n<dl>\n{}</dl>\n</section>\n".format("".join(cards))


def _chart(chart: Chart) -> str:
    return f"<section>\n<h2>{escape_text(chart.title)}</h2>\n{svg_of(chart)}\n</section>\n"


def _table(table: Table) -> Iterator[str]:
    headers = "".join(f'<th scope="col"{_class(column)}>{escape_text(column.title)}</th>' for column in table.columns)
    yield (
        f'<section>\n<div class="scroll">\n<table>\n<caption>{escape_text(table.title)}</caption>\n'
        f"<thead><tr>{headers}</tr></thead>\n<tbody>\n"
    )
    empty = True
    for row in table.rows:
        empty = False
        cells = "".join(_cell(row.get(column.name), column) for column in table.columns)
        yield f"<tr>{cells}</tr>\n"
    if empty:
        yield f'<tr><td class="none" colspan="{len(table.columns)}">Nothing to list.</td></tr>\n'
    yield "</tbody>\n</table>\n</div>\n</section>\n"


def _cell(value: object, column: Column) -> str:
    # Each text has its own direction, so that right-to-left text does not reorder its neighbours.
    direction = ' dir="auto"' if column.kind == "text" else ""
    return f"<td{_class(column)}{direction}>{escape_text(format_value(value, column.kind))}</td>"


def _class(column: Column) -> str:
    if column.kind == "text":
        return ""
    return ' class="time"' if column.kind == "time" else ' class="number"'
