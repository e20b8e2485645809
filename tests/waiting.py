"""Waiting with a deadline: tests wait for conditions and never for a fixed time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")
# In seconds, if the test does not ask for a longer one.
LONGEST_PAUSE = 0.25


def wait_for(look: Callable[[], Seen | None], what: str, within: float = 30.0, every: float = 0.02) -> Seen:
    """What `look` gives as soon as that is true; a failure that says `what` was waited for after `within` seconds.

    The pause between looks grows from `every` to a quarter of a second: looking costs more than what is waited for.
    """
    deadline = time.monotonic() + within
    pause = threading.Event()
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}; the last answer was {seen!r}"
        pause.wait(every)
        every = max(every, min(1.5 * every, LONGEST_PAUSE))
    return seen
