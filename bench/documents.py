"""The writers of documents, in one run: time that grows with the records, memory that does not.

    python -m bench.documents [RECORDS …]

Each writes in a process of its own. CPU seconds are this machine's; trust how they grow, and the
memory, which is the most that the whole process held.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any

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


class Counted:
    """A sink that keeps nothing but the number of bytes."""

    size = 0

    def write(self, data: bytes, /) -> None:
        self.size += len(data)


def main() -> None:
    counts = [int(given) for given in sys.argv[1:] if given.isdigit()] or [10_000, 100_000]
    print(f"{'':<8}{'records':>10}{'CPU':>10}{'a record':>12}{'file':>11}{'process':>10}")
    for name in WRITERS:
        for count in counts:
            seconds, size, peak = in_its_own_process(name, count)
            print(
                f"{name:<8}{count:>10,}{seconds:>8.2f} s{seconds / count * 1e6:>9.1f} µs"
                f"{size / 1e6:>8.1f} MB{peak / 1e6:>7.0f} MB"
            )


def in_its_own_process(name: str, count: int) -> tuple[float, int, int]:
    """CPU seconds, bytes written, and bytes of memory at their peak."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(name, count, there))
    process.start()
    there.close()
    measured: tuple[float, int, int] = here.recv()
    process.join()
    return measured


def measure(name: str, count: int, answer: Connection) -> None:
    out = Counted()
    before = resource.getrusage(resource.RUSAGE_SELF)
    WRITERS[name](out, Table("files", "Files", COLUMNS, records(count)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer.send((seconds, out.size, after.ru_maxrss * 1024))


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
