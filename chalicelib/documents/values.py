"""What a document is made of: columns, tables, figures, charts, and the report that holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

# Bytes count in thousands (1 KB is 1,000 bytes); percent runs from 0 to 100.
Unit = Literal["number", "bytes", "dollars", "milliseconds", "percent"]
Kind = Literal["text", "time", "picture", Unit]
Number = int | float | Decimal

# Names become JSON keys and the names of files in a zip.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Sink(Protocol):
    """Where a document goes, front to back. It need not seek, tell, read or flush."""

    def write(self, data: bytes, /) -> object: ...


class Picture(NamedTuple):
    """What a column of the kind "picture" holds: an RGB JPEG, and its sides in pixels. PDF alone draws it."""

    data: bytes
    width: int
    height: int


class Format(NamedTuple):
    """What was written: the ending of a file's name without its dot, and the media type."""

    extension: str
    media_type: str


@dataclass(frozen=True)
class Column:
    """One column: the key in the row, the title above it, and how PDF and HTML show its values."""

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
            raise ValueError(f"{self.name} needs columns, each with a name of its own")


class Figure(NamedTuple):
    """A key figure of a report; text is shown as it is, None as a dash."""

    label: str
    value: Number | str | None
    unit: Unit = "number"


@dataclass(frozen=True)
class Chart:
    """Series over the same labels. None, NaN and infinity leave a gap."""

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


@dataclass(frozen=True)
class Report:
    """A titled document.

    `created_at` is an ISO 8601 time. The period's ends are shown as they are given; empty where the
    document has no period. An export is a report of tables alone.
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
            raise ValueError("two parts of the report have the same name")

    @property
    def period(self) -> str:
        """`2026-03-01 – 2026-03-31`, or nothing."""
        return " – ".join(end for end in (self.period_start, self.period_end) if end)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a table or chart")
