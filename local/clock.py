"""The clock of queues, schedules, retries and signed links: real time, unless a test moves it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# In seconds: how long a sleeper waits before it looks again.
MAX_WAIT = 1.0


class Clock:
    """Moves forward in real time, and further when a test advances it."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._ahead = 0.0
        self._listeners: list[Callable[[], None]] = []
        # When each sleeper wakes.
        self._sleepers: dict[object, float] = {}
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

    def sleep(self, seconds: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Return when that much time has passed, or once `is_over` after the clock was moved."""
        sleeper, due = object(), self.now() + seconds
        with self.moved:
            self._sleepers[sleeper] = due
            while not is_over() and self.now() < due:
                self.moved.wait(min(due - self.now(), MAX_WAIT))
            del self._sleepers[sleeper]

    def next_wake(self) -> float | None:
        """When the first sleeper wakes, in seconds since the epoch; None: nobody sleeps."""
        with self.moved:
            return min(self._sleepers.values(), default=None)

    def count_sleepers(self) -> int:
        """How many sleep now."""
        with self.moved:
            return len(self._sleepers)

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
