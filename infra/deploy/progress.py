"""The output of a deploy: one line for each step with its result and duration, and progress on a terminal."""

import contextlib
import shutil
import sys
import time
from collections.abc import Collection, Iterator
from typing import TextIO

from infra.deploy.errors import RefusedError

_INDENT = 14


class Step:
    """A step that is running. `did` is the result in its line."""

    def __init__(self, name: str, out: TextIO) -> None:
        self.did = "done"
        self._name = name
        self._out = out
        self._since = time.monotonic()

    def progress(self, text: str) -> None:
        """Shows the current activity, only on a terminal, on one line."""
        if self._out.isatty():
            room = shutil.get_terminal_size().columns - 1
            self._out.write("\r" + f"{self._name:<{_INDENT}}{text} …"[:room].ljust(room))
            self._out.flush()

    def end(self, text: str) -> None:
        if self._out.isatty():
            self._out.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
        print(f"{self._name:<{_INDENT}}{text}  {time.monotonic() - self._since:.1f} s", file=self._out, flush=True)


class Reporter:
    """Prints the steps of a run."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step. Its line is printed at its end, also after a failure."""
        step = Step(name, self.out)
        step.progress("")
        try:
            yield step
        except BaseException:
            step.end("failed")
            raise
        step.end(step.did)

    def print(self, text: str = "") -> None:
        print(text, file=self.out, flush=True)


def is_confirmed(question: str, yes: Collection[str]) -> bool:
    """Asks at the terminal; returns whether the reply is one of `yes`.

    Raises:
        RefusedError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise RefusedError("Nothing was changed: there is no terminal for the question. Use --yes to skip it.")
    return input(question).strip().lower() in yes


def counted(number: int, what: str) -> str:
    """`counted(2, "function")` is "2 functions"."""
    plural = what if number == 1 else f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number} {plural}"
