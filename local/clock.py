"""The one time source of queues, retries and links: real time, unless a test moves it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Clock:
    """Time that only moves forward, at real speed, and further when a test says so."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._ahead = 0.0
        self._listeners: list[Callable[[], None]] = []
        self.moved = threading.Condition()

    def now(self) -> float:
        """Seconds since the epoch, as queues and retries see them."""
        return time.time() + self._offset

    def wall(self) -> float:
        """Seconds since the epoch for whatever was signed by another process: real time, but for `ahead`."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let that much time pass at once for queues and retries: hidden messages return, retries fall due."""
        with self.moved:
            self._offset += seconds
            self.moved.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    @contextmanager
    def ahead(self, seconds: float) -> Iterator[None]:
        """See signed links as they will be seen that much later.

        This is apart from `advance` and undone at the end, because clients sign with their own clocks:
        a machine that stayed an hour ahead of them would refuse every link from then on.
        """
        self._ahead += seconds
        try:
            yield
        finally:
            self._ahead -= seconds

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call this whenever time was moved."""
        with self.moved:
            self._listeners.append(listener)

    def off_advance(self, listener: Callable[[], None]) -> None:
        """Call it no longer."""
        with self.moved:
            self._listeners.remove(listener)


# moto keeps the state of its AWS in the process, so its time is the process's too.
CLOCK = Clock()
