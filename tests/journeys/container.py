"""This process in a function's place: its environment, and the memory that a container of AWS Lambda has."""

from collections.abc import Mapping

import pytest

from chalicelib import external
from chalicelib.core import clients, config
from chalicelib.core.http import tokens
from chalicelib.core.observing import tracking
from chalicelib.external import circuit_breaker, secret


def play(environment: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    """Begins as a new container with that environment."""
    for name, value in environment.items():
        patch.setenv(name, value)
    tokens.setup_tokens(external.fetch)
    forget()


def forget() -> None:
    """What the container has read and made is gone, as with its end."""
    clients._clients.clear()
    config._provider.cache_clear()
    config._absent.clear()
    tracking._resolved.clear()
    secret._store.cache_clear()
    circuit_breaker._breakers.clear()
