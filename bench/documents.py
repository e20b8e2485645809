"""The document writers: CPU time grows with the number of rows, memory does not.

    python -m bench.documents [ROWS …]

Each document is written in a process of its own. CPU seconds depend on the machine: compare how they grow. Memory
is the peak of the whole process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from bench._measure import ByteCounter, compare_writers
from chalicelib.documents import Column, Report, Sink, Table, write_csv, write_html, write_json, write_pdf

COLUMNS = (
    Column("imageId", "Image"),
    Column("fileName", "File name"),
    Column("size", "Size", "bytes"),
    Column("status", "State"),
    Column("cost", "Cost", "dollars"),
    Column("createdAt", "Created", "time"),
)
CREATED = "2026-04-01T06:00:00.000Z"

WRITERS: dict[str, Callable[[Sink, Table], object]] = {
    "json": lambda out, table: write_json(out, [table], {"createdAt": CREATED}),
    "csv": lambda out, table: write_csv(out, [table]),
    "pdf": lambda out, table: write_pdf(out, Report("Export", CREATED, tables=[table])),
    "html": lambda out, table: write_html(out, Report("Export", CREATED, tables=[table])),
}


def main() -> None:
    compare_writers(WRITERS, write)


def write(name: str, count: int, out: ByteCounter) -> None:
    WRITERS[name](out, Table("files", "Files", COLUMNS, rows(count)))


def rows(count: int) -> Iterator[dict[str, Any]]:
    for index in range(count):
        yield {
            "imageId": f"img_{index:026}",
            "fileName": f"Holiday at the sea, évening {index}.jpeg",
            "size": Decimal(1_000_000 + 7919 * index),
            "status": "COMPLETED",
            "cost": Decimal(index) / 10_000_000,
            "createdAt": CREATED,
        }


if __name__ == "__main__":
    main()
