"""A sink, random texts, and a report with every kind of content."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from chalicelib.documents import Chart, Column, Figure, Report, Table

CREATED = "2026-04-01T06:00:00.123Z"

# Any text that a user could store, with many dangerous characters.
TEXTS = st.text() | st.text("=+-@＝＋－＠|!cmd'\"();,\t\r\n \u00a0\u200b\u202e\ufeff\x00\x1b<>&€אבג😀é0123")


class Sink:
    """Only `write`: no seek, tell or flush."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> None:
        self.data += data


def days(count: int) -> list[str]:
    return [(date(2025, 3, 1) + timedelta(days=place)).isoformat() for place in range(count)]


def table(*rows: object, name: str = "files") -> Table:
    """A table of one column, `value`."""
    return Table(name, name.title(), [Column("value", "Value")], [{"value": row} for row in rows])


def report() -> Report:
    month, year = days(31), days(366)
    return Report(
        "Usage of Ana <Müller>",
        CREATED,
        "2026-03-01",
        "2026-03-31",
        [
            Figure("Images", 12_345),
            Figure("Stored", Decimal(8_912_345_678), "bytes"),
            Figure("Cost", Decimal("12.3456"), "dollars"),
            Figure("Mean time", 853.4, "milliseconds"),
            Figure("Plan", "<b>Free</b>"),
        ],
        [
            Table(
                "operations",
                "Operations & costs",
                [Column("name", "Operation"), Column("cost", "Cost", "dollars"), Column("at", "Last call", "time")],
                [
                    {"name": "<script>alert(1)</script>", "cost": Decimal("0.0012"), "at": CREATED},
                    {"name": 'x" onload="alert(1)', "cost": Decimal("1.5"), "at": CREATED},
                    {"name": "photo\u202egnp.exe 写真 😀", "cost": None, "at": CREATED},
                    {"name": "https://example.com/?a=1&b=2", "cost": 3},
                ],
            ),
            Table("failures", "Failures", [Column("reason", "Reason")], []),
        ],
        [
            Chart("images", "Images a day", "bar", month, {"Finished": range(31), "Failed": [3] * 31}),
            Chart("bytes", "Stored", "line", year, {"Original": [1e6 * place for place in range(366)]}, "bytes"),
            Chart("cost", "Cost", "bar", ["</svg><script>"], {"Cost": [Decimal("0.0123")]}, "dollars"),
            Chart("time", "Time", "line", month, {"p95": [math.nan] * 30 + [1500]}, "milliseconds"),
            Chart("nothing", "Nothing", "line", month, {"Images": [None] * 31}),
        ],
    )
