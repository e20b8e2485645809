"""How long a run may take: less than its function may, so that it can still write down how it ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# A function of 300 s; also what runs outside of Lambda gets.
SECONDS = 270.0
# Between the end of the work and that of the function: a batch under way, the run's record, the leases.
RESERVED_SECONDS = 25.0


@dataclass(frozen=True)
class Deadline:
    """`ends` is a moment of `clock`, in seconds; `sleep` is how one waits on that clock."""

    ends: float
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)

    @classmethod
    def of(cls, context: Any) -> "Deadline":
        """That of a Lambda function's run, by its context; SECONDS from now where there is none."""
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        seconds = SECONDS if remaining is None else min(SECONDS, remaining() / 1000 - RESERVED_SECONDS)
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds; negative once it is over."""
        return self.ends - self.clock()

    def is_over(self) -> bool:
        return self.left() <= 0
