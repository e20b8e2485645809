"""What several journeys share: this process in a function's place."""

from collections.abc import Iterator

import pytest

from local.machine import Machine
from tests.journeys import container


@pytest.fixture
def function(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """This process as one of the machine's functions; its environment can be changed through what is given."""
    container.play(machine.environment, monkeypatch)
    yield monkeypatch
    container.forget()
