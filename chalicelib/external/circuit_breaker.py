"""The circuit breaker: no calls to a service for a while after five failures in a row, then one trial call."""

import threading
import time
from collections.abc import Callable

from chalicelib.core import log
from chalicelib.external.addresses import host_of
from chalicelib.external.errors import ExternalServiceError, Reason
from chalicelib.external.messages import Response

FAILURES = 5
OPEN_SECONDS = 30.0


class CircuitBreaker:
    """Guards the calls to one service in one container. Thread-safe.

    FAILURES failed calls in a row (no response, or 5xx) open the circuit: calls fail at once. After OPEN_SECONDS one
    trial call is allowed. If it succeeds the circuit closes, else it stays open for OPEN_SECONDS more.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._is_trial_running = False

    def call(self, attempt: Callable[[], Response]) -> Response:
        """Returns or raises what `attempt` does.

        Raises:
            ExternalServiceError: CIRCUIT_OPEN: nothing was sent.
        """
        is_trial = self._begin()
        succeeded = False
        try:
            response = attempt()
            succeeded = response.status < 500
            return response
        finally:
            self._end(is_trial, succeeded)

    def _begin(self) -> bool:
        """Whether this call is the trial; raises if it is not allowed."""
        with self._lock:
            if self._open_until is None:
                return False
            if self._is_trial_running or self._clock() < self._open_until:
                raise ExternalServiceError(f"{self._name} is out and not called for now", Reason.CIRCUIT_OPEN)
            self._is_trial_running = True
            return True

    def _end(self, is_trial: bool, succeeded: bool) -> None:
        with self._lock:
            was_open = self._open_until is not None
            if is_trial:
                self._is_trial_running = False
            elif was_open:
                # This call began before the circuit opened: its result is old.
                return
            self._failures = 0 if succeeded else self._failures + 1
            opens = self._failures >= FAILURES
            self._open_until = self._clock() + OPEN_SECONDS if opens else None
        if opens:
            log.warning("CIRCUIT_OPENED", service=self._name, failures=self._failures)
        elif was_open:
            log.info("CIRCUIT_CLOSED", service=self._name)


_breakers: dict[str, CircuitBreaker] = {}
_breakers_lock = threading.Lock()


def for_service(base_url: str) -> CircuitBreaker:
    """The container's circuit breaker for the service at that URL."""
    with _breakers_lock:
        return _breakers.setdefault(base_url, CircuitBreaker(host_of(base_url)))
