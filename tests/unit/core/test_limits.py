"""The arithmetic of windows, and the headers that a caller reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.http import limits
from chalicelib.core.http.limits import Limit, Rule, Window

MOMENTS = st.floats(min_value=0, max_value=4_000_000_000)
WINDOWS = st.sampled_from(Window)
NOON = 1_780_315_200.0


@given(now=MOMENTS, window=WINDOWS)
def test_a_window_ends_within_its_length_and_where_the_clock_turns(now: float, window: Window) -> None:
    left = window.seconds_left(now)
    assert 1 <= left <= window.seconds
    assert (int(now) + left) % window.seconds == 0


@given(now=MOMENTS, later=st.floats(min_value=0, max_value=3600), window=WINDOWS)
def test_two_moments_share_a_counter_if_and_only_if_they_share_a_window(
    now: float, later: float, window: Window
) -> None:
    def place(moment: float) -> tuple[int, str]:
        """The item, which is the hour's, and the attribute in it."""
        return int(moment) // 3600, Rule("user", window, 1).counter(moment)

    same = int(now) // window.seconds == int(now + later) // window.seconds
    assert (place(now) == place(now + later)) is same


def test_counters_of_two_windows_or_two_subjects_are_apart() -> None:
    rules = [Rule(subject, window, 1) for subject in ("user", "key_1", "operation:list_images") for window in Window]
    assert len({rule.counter(NOON) for rule in rules}) == len(rules)


def test_a_caller_reads_the_limit_that_is_nearest_to_its_end() -> None:
    minute, hour, own = (
        Rule("user", Window.MINUTE, 10),
        Rule("user", Window.HOUR, 100),
        Rule("operation:x", Window.MINUTE, 4),
    )

    def told(*counts: int, allowed: bool = True) -> tuple[int, int, int]:
        rules = [minute, hour, own]
        counted = {rule.counter(NOON): n for rule, n in zip(rules, counts, strict=True)}
        found = limits.status_after(rules, counted, allowed, NOON)
        return found.limit, found.remaining, found.reset

    assert told(1, 1, 1) == (4, 3, 60)
    assert told(9, 9, 1) == (10, 1, 60)
    assert told(1, 100, 1) == (100, 0, 3600)
    assert told(10, 100, 1, allowed=False) == (100, 0, 3600), "waiting for the minute alone would help nobody"
    assert told(12, 12, 1, allowed=False) == (10, 0, 60), "a limit that was lowered leaves none, not less"


def test_headers_are_the_three_of_the_draft_standard() -> None:
    headers = limits.status_after([Rule("user", Window.MINUTE, 10)], {"user@00": 3}, True, NOON + 15.5).headers()
    assert headers == {"RateLimit-Limit": "10", "RateLimit-Remaining": "7", "RateLimit-Reset": "45"}


def test_a_limit_that_is_not_stored_is_not_zero() -> None:
    assert limits.read_limits(None) == limits.read_limits({}) == {}
    assert limits.read_limits({"requestsPerHour": 5, "odd": 1}) == {"requestsPerHour": 5}


@pytest.mark.parametrize("stored", [{"requestsPerMinute": "many"}, {"requestsPerMinute": None}])
def test_a_stored_limit_that_is_not_a_number_is_an_error(stored: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        limits.read_limits(stored)


def test_an_operations_limit_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Limit(0, Window.MINUTE)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("odd", "odder", False),
    ],
)
def test_a_source_is_an_address_or_one_household_of_ipv6(one: str, other: str, same: bool) -> None:
    assert (limits.network(one) == limits.network(other)) is same
