"""What all tests share: the machine itself, started once, and patience with a deadline."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

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
    """Darkroom on its embedded AWS, with its two accounts."""
    with Machine(logs=tmp_path_factory.mktemp("logs")) as started:
        yield started
