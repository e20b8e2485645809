"""The circuit breaker: a service that failed five times running is left alone for a while, and then tried once."""

import threading
import time
from collections.abc import Callable

from chalicelib.core import log
from chalicelib.external.addresses import host_of
from chalicelib.external.errors import ExternalServiceError, Reason
from chalicelib.external.messages import Response

FAILURES = 5
OPEN_SECONDS = 30.0


class Breaker:
    """Guards the calls of one service, in one container; safe to share between threads.

    After FAILURES calls running without an answer, or with one of 5xx, it is open: calls fail at once. OPEN_SECONDS
    later one call is let through. If that is answered the circuit is closed; if not it stays open as long again.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False

    def call(self, attempt: Callable[[], Response]) -> Response:
        """What `attempt` gives or raises.

        Raises:
            ExternalServiceError: CIRCUIT_OPEN, and nothing was sent.
        """
        probe = self._enter()
        answered = False
        try:
            answer = attempt()
            answered = answer.status < 500
            return answer
        finally:
            self._leave(probe, answered)

    def _enter(self) -> bool:
        """Whether this call is the one that finds out; raises where it must not be made."""
        with self._lock:
            if self._open_until is None:
                return False
            if self._probing or self._clock() < self._open_until:
                raise ExternalServiceError(f"{self._name} is out and left alone for now", Reason.CIRCUIT_OPEN)
            self._probing = True
            return True

    def _leave(self, probe: bool, answered: bool) -> None:
        with self._lock:
            was_open = self._open_until is not None
            if probe:
                self._probing = False
            if was_open and not probe:
                # It began before the circuit opened: what it says is old.
                return
            self._failures = 0 if answered else self._failures + 1
            opens = self._failures >= FAILURES
            self._open_until = self._clock() + OPEN_SECONDS if opens else None
        if opens:
            log.warning("CIRCUIT_OPENED", service=self._name, failures=self._failures)
        elif was_open:
            log.info("CIRCUIT_CLOSED", service=self._name)


_breakers: dict[str, Breaker] = {}
_making = threading.Lock()


def of(base_url: str) -> Breaker:
    """This container's breaker for the service at that URL."""
    with _making:
        return _breakers.setdefault(base_url, Breaker(host_of(base_url)))
