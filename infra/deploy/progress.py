"""What a deploy tells whoever watches it: a line a step, what it did and how long it took; progress on a terminal."""

import contextlib
import shutil
import sys
import time
from collections.abc import Collection, Iterator
from typing import TextIO

from infra.deploy.errors import RefusedError

_INDENT = 14


class Step:
    """One step under way. `did` becomes its line's end."""

    def __init__(self, name: str, out: TextIO) -> None:
        self.did = "done"
        self._name = name
        self._out = out
        self._since = time.monotonic()

    def progress(self, text: str) -> None:
        """What is being done just now: on a terminal alone, and on one line."""
        if self._out.isatty():
            room = shutil.get_terminal_size().columns - 1
            self._out.write("\r" + f"{self._name:<{_INDENT}}{text} …"[:room].ljust(room))
            self._out.flush()

    def end(self, text: str) -> None:
        if self._out.isatty():
            self._out.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
        print(f"{self._name:<{_INDENT}}{text}  {time.monotonic() - self._since:.1f} s", file=self._out, flush=True)


class Reporter:
    """Tells the steps of one run."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step, whose line is written when it has ended, well or not."""
        step = Step(name, self.out)
        step.progress("")
        try:
            yield step
        except BaseException:
            step.end("did not end well")
            raise
        step.end(step.did)

    def say(self, text: str = "") -> None:
        print(text, file=self.out, flush=True)


def is_confirmed(question: str, yes: Collection[str]) -> bool:
    """Whether somebody at the terminal gives one of those answers.

    Raises:
        RefusedError: there is nobody to be asked.
    """
    if not sys.stdin.isatty():
        raise RefusedError("Nothing was changed: nobody can be asked here. --yes goes on without asking.")
    return input(question).strip().lower() in yes


def counted(number: int, what: str) -> str:
    """`counted(2, "function")` is "2 functions"."""
    plural = what if number == 1 else f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number} {plural}"
