"""A deadline ends with the work's own time or with its function's, whichever is earlier."""

import time

import pytest

from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import TooLargeError


class Context:
    """What Lambda hands a function that has 40 seconds left."""

    def get_remaining_time_in_millis(self) -> int:
        return 40_000


@pytest.mark.parametrize(("seconds", "context", "left"), [(60, None, 60), (60, Context(), 30), (20, Context(), 20)])
def test_the_earlier_end_counts(seconds: float, context: Context | None, left: float) -> None:
    deadline = Deadline.within(seconds, context, reserve=10)
    assert deadline.seconds_left == pytest.approx(left, abs=1)
    assert not deadline.is_over
    deadline.check(TooLargeError())


def test_a_deadline_in_the_past_is_over_and_has_no_seconds_left() -> None:
    deadline = Deadline(time.monotonic() - 5)
    assert (deadline.is_over, deadline.seconds_left) == (True, 0)
    with pytest.raises(TooLargeError):
        deadline.check(TooLargeError())
