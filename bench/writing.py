"""What writing so many records comes to: CPU, bytes and memory, each writer in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection

# Writes so many records in the format of that name. A function of a module: it is named to another process.
Write = Callable[[str, int, "Counted"], object]


class Counted:
    """A sink that keeps nothing but the number of bytes."""

    size = 0

    def write(self, data: bytes, /) -> None:
        self.size += len(data)


def compare(names: Iterable[str], write: Write) -> None:
    """Prints a line a format and number of records, the numbers as the command line gives them."""
    counts = [int(given) for given in sys.argv[1:] if given.isdigit()] or [10_000, 100_000]
    print(f"{'':<8}{'records':>10}{'CPU':>10}{'a record':>12}{'file':>11}{'process':>10}")
    for name in names:
        for count in counts:
            seconds, size, peak = _in_its_own_process(write, name, count)
            print(
                f"{name:<8}{count:>10,}{seconds:>8.2f} s{seconds / count * 1e6:>9.1f} µs"
                f"{size / 1e6:>8.1f} MB{peak / 1e6:>7.0f} MB"
            )


def _in_its_own_process(write: Write, name: str, count: int) -> tuple[float, int, int]:
    """CPU seconds, bytes written, and bytes of memory at their peak."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(write, name, count, there))
    process.start()
    there.close()
    measured: tuple[float, int, int] = here.recv()
    process.join()
    return measured


def _measure(write: Write, name: str, count: int, answer: Connection) -> None:
    out = Counted()
    before = resource.getrusage(resource.RUSAGE_SELF)
    write(name, count, out)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer.send((seconds, out.size, after.ru_maxrss * 1024))
