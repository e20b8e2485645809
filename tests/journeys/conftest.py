"""What several journeys share: this process in a function's place."""

from collections.abc import Iterator

import pytest

from chalicelib.core import aws, config, tracking
from chalicelib.external import breaker, secret
from local.machine import Machine


@pytest.fixture
def function(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """This process as one of the machine's functions; its environment can be changed through what is given."""
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    _forget_containers()
    yield monkeypatch
    _forget_containers()


def _forget_containers() -> None:
    aws._clients.clear()
    config._provider.cache_clear()
    config._absent.clear()
    tracking._resolved.clear()
    secret._store.cache_clear()
    breaker._breakers.clear()
