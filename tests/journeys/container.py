"""This process plays a function: it takes its environment, and forgets what a Lambda container would remember."""

from collections.abc import Mapping

import pytest

from chalicelib import external
from chalicelib.actions.exporting import fonts
from chalicelib.core import clients, config
from chalicelib.core.http import tokens
from chalicelib.core.observing import tracking
from chalicelib.external import circuit_breaker, secret


def play(environment: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    """Start as a new container with this environment."""
    for name, value in environment.items():
        patch.setenv(name, value)
    tokens.setup_tokens(external.fetch)
    forget()


def forget() -> None:
    """Clear all caches, as at the end of a container."""
    clients._clients.clear()
    config._provider.cache_clear()
    config._absent.clear()
    tracking._resolved.clear()
    secret._store.cache_clear()
    circuit_breaker._breakers.clear()
    fonts._loaded.clear()
