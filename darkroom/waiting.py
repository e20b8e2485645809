"""Waiting for work that goes on by itself, asking less and less often."""

import time
from collections.abc import Iterator

FIRST_SECONDS, LONGEST_SECONDS = 0.25, 5.0


def pauses(within: float) -> Iterator[None]:
    """Returns once before each look; ends after `within` seconds."""
    end, pause = time.monotonic() + within, FIRST_SECONDS
    yield
    while time.monotonic() < end:
        time.sleep(pause)
        pause = min(LONGEST_SECONDS, pause * 1.5)
        yield
