"""Fixtures that several journeys share."""

from collections.abc import Iterator

import pytest

from local.machine import Machine
from tests.journeys import container


@pytest.fixture
def function(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """This process plays one of the machine's functions; the monkeypatch can change its environment."""
    container.play(machine.environment, monkeypatch)
    yield monkeypatch
    container.forget()
