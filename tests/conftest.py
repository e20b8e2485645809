"""What all tests share: the machine itself, started once, and patience with a deadline."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from infra import iam_report
from local.machine import Machine
from tests.waiting import wait_for


class Eventually(Protocol):
    """Waits until a condition holds and answers with what it found."""

    def __call__(self, condition: Callable[[], Any], within: float = 15.0) -> Any: ...


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Ask again and again until the answer is true; fail when the deadline passes."""

    def wait(condition: Callable[[], Any], within: float = 15.0) -> Any:
        return wait_for(condition, "a condition", within)

    return wait


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Darkroom on its embedded AWS, with its two accounts. Its schedules are switched off: whoever wants one enables
    its rule, and no other test's moving of the clock fires it.
    """
    with Machine(logs=tmp_path_factory.mktemp("logs"), schedules=False) as started:
        yield started
    assert started.rights is not None
    if collected := os.environ.get("RIGHTS_COLLECTED"):
        with Path(collected).open("a") as together:
            together.write(started.rights.read_text())
    refused = [each for each in iam_report.noted(started.rights) if each.how == "refused"]
    assert not refused, "a function used what it does not declare"
