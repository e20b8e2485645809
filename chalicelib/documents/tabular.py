"""A report as tables: what its JSON and CSV forms hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.documents.values import Chart, Column, Report, Table


def tables_of(report: Report) -> list[Table]:
    """See `chalicelib.documents.tables_of`."""
    figures = [_figures(report)] if report.figures else []
    return [*figures, *map(_chart, report.charts), *report.tables]


def _figures(report: Report) -> Table:
    columns = (Column("label", "Figure"), Column("value", "Value", "number"), Column("unit", "Unit"))
    return Table("figures", "Key figures", columns, [figure._asdict() for figure in report.figures])


def _chart(chart: Chart) -> Table:
    # Numbered, as the names of series are free text.
    keys = {f"series{place}": name for place, name in enumerate(chart.series, 1)}
    columns = [Column("label", "Label"), *(Column(key, name, chart.unit) for key, name in keys.items())]
    return Table(chart.name, chart.title, columns, _chart_rows(chart, keys))


def _chart_rows(chart: Chart, keys: dict[str, str]) -> Iterator[dict[str, Any]]:
    for place, label in enumerate(chart.labels):
        yield {"label": label, **{key: chart.series[name][place] for key, name in keys.items()}}
