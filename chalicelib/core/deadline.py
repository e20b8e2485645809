"""When a piece of work must have ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Deadline:
    """`ends` is a time of `clock`, in seconds; `sleep` waits on that clock."""

    ends: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def within(cls, seconds: float, context: Any = None, reserve: float = 0.0) -> Self:
        """So many seconds from now, but at least `reserve` seconds before the end of the Lambda run.

        The function needs `reserve` to record how its work ended.
        """
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        if remaining is not None:
            seconds = min(seconds, remaining() / 1000 - reserve)
        return cls(time.monotonic() + seconds)

    def at_most(self, seconds: float) -> "Deadline":
        """The earlier of this deadline and so many seconds from now, on the real clock: for calls over the network."""
        return Deadline.within(min(seconds, self.seconds_left))

    @property
    def seconds_left(self) -> float:
        """Never below 0."""
        return max(0.0, self.ends - self.clock())

    @property
    def is_over(self) -> bool:
        return self.clock() >= self.ends

    def check(self, error: Exception) -> None:
        """Raises `error` when the deadline is over."""
        if self.is_over:
            raise error
