"""The parts of a document: columns, tables, figures, charts, and the report that holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

# 1 KB is 1,000 bytes; percent is from 0 to 100.
Unit = Literal["number", "bytes", "dollars", "milliseconds", "percent"]
Kind = Literal["text", "time", "picture", Unit]
Number = int | float | Decimal

# Names become JSON keys and file names in a zip.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Sink(Protocol):
    """Where a document is written, front to back. It needs no seek, tell, read or flush."""

    def write(self, data: bytes, /) -> object: ...


class Picture(NamedTuple):
    """A value of a column of kind "picture": an RGB JPEG and its size in pixels. Only PDF draws it."""

    data: bytes
    width: int
    height: int


class Format(NamedTuple):
    """What was written: the file extension without its dot, and the media type."""

    extension: str
    media_type: str


@dataclass(frozen=True)
class Column:
    """The key in the row, the title of the column, and how PDF and HTML show its values."""

    name: str
    title: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows under columns. `rows` is read once, one row at a time, and may be a generator."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Iterable[Mapping[str, Any]]

    def __post_init__(self) -> None:
        _check_name(self.name)
        names = [column.name for column in self.columns]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"{self.name} needs columns with distinct names")


class Figure(NamedTuple):
    """A key figure of a report. Text is shown unchanged, None as a dash."""

    label: str
    value: Number | str | None
    unit: Unit = "number"


@dataclass(frozen=True)
class Chart:
    """Series of values over the same labels. None, NaN and infinity leave a gap."""

    name: str
    title: str
    kind: Literal["bar", "line"]
    labels: Sequence[str]
    series: Mapping[str, Sequence[Number | None]]
    unit: Unit = "number"

    def __post_init__(self) -> None:
        _check_name(self.name)
        for name, values in self.series.items():
            if len(values) != len(self.labels):
                raise ValueError(f"{name} has {len(values)} values for {len(self.labels)} labels")

    def to_table(self) -> Table:
        """A row for each label. Columns of series are numbered, because names of series are free text."""
        columns = [Column(f"series{number}", name, self.unit) for number, name in enumerate(self.series, 1)]
        return Table(self.name, self.title, [Column("label", "Label"), *columns], self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for index, label in enumerate(self.labels):
            values = self.series.values()
            yield {"label": label, **{f"series{number}": each[index] for number, each in enumerate(values, 1)}}


@dataclass(frozen=True)
class Report:
    """A titled document. An export is a report with tables only.

    `created_at` is an ISO 8601 time. The ends of the period are shown unchanged; both are empty if there is no period.
    """

    title: str
    created_at: str
    period_start: str = ""
    period_end: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()

    def __post_init__(self) -> None:
        names = [chart.name for chart in self.charts] + [table.name for table in self.tables]
        if len(set(names)) < len(names):
            raise ValueError("two charts or tables of the report have the same name")

    @property
    def period(self) -> str:
        """`2026-03-01 – 2026-03-31`, or empty."""
        return " – ".join(end for end in (self.period_start, self.period_end) if end)

    def to_tables(self) -> list[Table]:
        """The whole report as tables, for `write_json` and `write_csv`: figures, charts, tables."""
        tables = [chart.to_table() for chart in self.charts] + list(self.tables)
        if not self.figures:
            return tables
        columns = (Column("label", "Figure"), Column("value", "Value", "number"), Column("unit", "Unit"))
        figures = Table("figures", "Key figures", columns, [figure._asdict() for figure in self.figures])
        return [figures, *tables]


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid name for a table or chart")
