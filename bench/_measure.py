"""Measures CPU time and memory: of one function in a process of its own, or of several in turns."""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from infra.settings import ROOT

T = TypeVar("T")

# Writes a document of that format and number of rows. A function of a module, because another process imports it.
Write = Callable[[str, int, "ByteCounter"], object]


class ByteCounter:
    """A sink that only counts bytes."""

    size = 0

    def write(self, data: bytes, /) -> None:
        self.size += len(data)


def integer_arguments(defaults: list[int]) -> list[int]:
    """The numbers of the command line. `python -m bench` also has names of benchmarks there."""
    return [int(argument) for argument in sys.argv[1:] if argument.isdecimal()] or defaults


def compare_writers(formats: Iterable[str], write: Write) -> None:
    """Prints a line for each format and number of rows."""
    print(f"{'':<8}{'records':>10}{'CPU':>10}{'a record':>12}{'file':>11}{'process':>10}")
    for name in formats:
        for count in integer_arguments([10_000, 100_000]):
            seconds, peak, size = in_new_process(_measure_writer, write, name, count)
            print(
                f"{name:<8}{count:>10,}{seconds:>8.2f} s{seconds / count * 1e6:>9.1f} µs"
                f"{size / 1e6:>8.1f} MB{peak / 1e6:>7.0f} MB"
            )


def _measure_writer(write: Write, name: str, count: int) -> tuple[float, int, int]:
    out = ByteCounter()
    _, seconds, peak = measure(lambda: write(name, count, out))
    return seconds, peak, out.size


def measure(work: Callable[[], T]) -> tuple[T, float, int]:
    """The result of `work`, its CPU seconds, and the peak memory of this process in bytes."""
    before = cpu_seconds(resource.RUSAGE_SELF)
    result = work()
    return result, cpu_seconds(resource.RUSAGE_SELF) - before, peak_memory()


def in_new_process(function: Callable[..., T], *arguments: Any) -> T:
    """The result of a function of a module, run in a new process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, function, *arguments))
    process.start()
    sender.close()
    result: T = receiver.recv()
    process.join()
    return result


def _send_result(sender: Connection, function: Callable[..., object], *arguments: Any) -> None:
    sender.send(function(*arguments))


def best_of(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The lowest measurement of each contender. They take turns, so that a busy machine slows all of them."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, contender in contenders.items():
            best[name] = min(best[name], contender())
    return best


def cpu_seconds(*usages: int) -> float:
    """The CPU time so far of RUSAGE_SELF, RUSAGE_CHILDREN or both."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, usages))


def python_cpu_seconds(code: str, environment: Mapping[str, str]) -> float:
    """CPU seconds of a Python process that runs `code`."""
    before = cpu_seconds(resource.RUSAGE_CHILDREN)
    command: Sequence[str] = [sys.executable, "-c", code]
    subprocess.run(command, cwd=ROOT, env=dict(environment), check=True, stdout=subprocess.DEVNULL)
    return cpu_seconds(resource.RUSAGE_CHILDREN) - before


def without_bytecode(environment: Mapping[str, str], empty_folder: str) -> dict[str, str]:
    """The environment for a start as on Lambda: Chalice's packages hold no bytecode, and none can be written there."""
    return {**environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": empty_folder}


def process_cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds of processes and their finished children, to a hundredth of a second (proc(5), /proc/pid/stat)."""
    ticks = 0
    for pid in pids:
        # The process name, in brackets, may contain spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def peak_memory() -> int:
    """The peak memory of this process in bytes. On Linux not from getrusage, which may report the parent's peak."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
