"""The writers of documents, in one run: time that grows with the records, memory that does not.

    python -m bench.documents [RECORDS …]

Each writes in a process of its own. CPU seconds are this machine's; trust how they grow, and the
memory, which is the most that the whole process held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from bench import writing
from bench.writing import Counted
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
    writing.compare(WRITERS, write)


def write(name: str, count: int, out: Counted) -> None:
    WRITERS[name](out, Table("files", "Files", COLUMNS, records(count)))


def records(count: int) -> Iterator[dict[str, Any]]:
    for place in range(count):
        yield {
            "imageId": f"img_{place:026}",
            "fileName": f"Holiday at the sea, évening {place}.jpeg",
            "size": Decimal(1_000_000 + 7919 * place),
            "status": "COMPLETED",
            "cost": Decimal(place) / 10_000_000,
            "createdAt": CREATED,
        }


if __name__ == "__main__":
    main()
