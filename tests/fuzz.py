"""Sends damaged pictures through the image functions, as long as it is told to: `make fuzz MINUTES=5`.

Each goes through `check`, `render` or `transform`, with the limits of a stage. Whatever is neither a result nor an
ImageRejectedError escapes, and so does what costs more than a picture may; the exit status is 1 then, and the pictures
are kept. With --first NUMBER a run begins at that mutant, else at one of the clock's choice.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.imaging import ImageRejectedError, Limits, Mark, Recipe, Size, Transform, check, render, transform
from tests.mutants import mutant

# What one picture may cost (docs/security.md).
MOST_CPU_SECONDS, MOST_MEGABYTES = 5.0, 900
# In two formats, so that each has both a plain file and a marked one.
RECIPE = Recipe((Size("box", 40, 40),), formats=("jpeg", "webp"), marks=(Mark("x"),))
LIMITS = Limits()

OPERATIONS: tuple[Callable[[bytes], object], ...] = (
    lambda data: check(data, "", LIMITS),
    lambda data: render(data, RECIPE, LIMITS),
    lambda data: transform(data, "", Transform(width=30, height=20, format="png"), LIMITS),
)


@dataclass
class Report:
    """What became of the pictures."""

    verdicts: Counter[str] = field(default_factory=Counter)
    """How many were accepted, or rejected for which reason."""

    by_kind: Counter[str] = field(default_factory=Counter)
    escapes: dict[int, str] = field(default_factory=dict)
    """Number of the mutant → what happened."""

    worst_cpu: float = 0.0
    slowest: int = 0

    @property
    def files(self) -> int:
        return self.verdicts.total()

    @property
    def worst_megabytes(self) -> float:
        """The most memory that a child has taken, with what it has of its parent."""
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024

    def try_mutant(self, number: int) -> None:
        """Sends one mutant through one operation."""
        name, data = mutant(number)
        before = _cpu_seconds()
        try:
            OPERATIONS[number // 7 % len(OPERATIONS)](data)
            verdict = "accepted"
        except ImageRejectedError as rejection:
            verdict = rejection.reason
        except Exception as error:
            verdict = "escape"
            self.escapes[number] = f"{name}: {type(error).__name__}: {error}"
        cpu = _cpu_seconds() - before
        if cpu > self.worst_cpu:
            self.worst_cpu, self.slowest = cpu, number
        if cpu > MOST_CPU_SECONDS or self.worst_megabytes > MOST_MEGABYTES:
            self.escapes[number] = f"{name}: {cpu:.1f} s, {self.worst_megabytes:.0f} MB"
        self.verdicts[verdict] += 1
        self.by_kind[name] += verdict == "accepted"

    def __str__(self) -> str:
        verdicts = "\n".join(f"  {count:7,} {verdict}" for verdict, count in self.verdicts.most_common())
        return (
            f"{self.files:,} files, {len(self.by_kind)} kinds\n{verdicts}\n"
            f"worst CPU {self.worst_cpu:.2f} s (mutant {self.slowest}), "
            f"worst memory {self.worst_megabytes:.0f} MB, escapes {len(self.escapes)}"
        )


def _cpu_seconds() -> float:
    """CPU time of this process and of the children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--first", type=int, default=int(time.time()) * 1_000)
    options = parser.parse_args()
    report, number, end = Report(), options.first, time.monotonic() + 60 * options.minutes
    print(f"From mutant {number:,} on, for {options.minutes:g} minutes", flush=True)
    while time.monotonic() < end:
        report.try_mutant(number)
        number += 1
    print(report)
    return _keep(report.escapes)


def _keep(escapes: dict[int, str]) -> int:
    if not escapes:
        return 0
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, what in escapes.items():
        (folder / str(number)).write_bytes(mutant(number)[1])
        print(f"  mutant {number}: {what}")
    print(f"They are kept in {folder}")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
