"""The clock of queues, schedules, retries and signed links: real time, unless a test moves it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Clock:
    """Moves forward in real time, and further when a test advances it."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._ahead = 0.0
        self._listeners: list[Callable[[], None]] = []
        self.moved = threading.Condition()

    def now(self) -> float:
        """Seconds since the epoch for queues, schedules and retries."""
        return time.time() + self._offset

    def wall(self) -> float:
        """Seconds since the epoch for signatures of other processes: real time, except within `ahead`."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let that much time pass at once: hidden messages return, schedules and retries become due."""
        with self.moved:
            self._offset += seconds
            self.moved.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    @contextmanager
    def ahead(self, seconds: float) -> Iterator[None]:
        """Check signed links as if it were that much later.

        Undone at the end, unlike `advance`: clients sign with the real time, and every later link would be refused.
        """
        self._ahead += seconds
        try:
            yield
        finally:
            self._ahead -= seconds

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call the listener after each `advance`."""
        with self.moved:
            self._listeners.append(listener)

    def off_advance(self, listener: Callable[[], None]) -> None:
        """Stop calling the listener."""
        with self.moved:
            self._listeners.remove(listener)


# One clock a process, as moto's state is one a process.
CLOCK = Clock()
