"""The stage of the points, in a process of its own: its clock and its world are not those of other tests."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest


class Points:
    """Runs points by their names."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.crashes", "serve"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, name: str) -> dict[str, Any]:
        """The report of a point (tests/crashes/runner.py)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the stage of the points has ended"
        report: dict[str, Any] = json.loads(line)
        return report

    def stop(self) -> None:
        """End the stage."""
        self._process.communicate()


@pytest.fixture(scope="session")
def points() -> Iterator[Points]:
    started = Points()
    try:
        yield started
    finally:
        started.stop()
