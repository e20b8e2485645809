"""The arithmetic of limit windows, and the headers that show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.http import limits
from chalicelib.core.http.limits import Limit, Rule, Window

MOMENTS = st.floats(min_value=0, max_value=4_000_000_000)
WINDOWS = st.sampled_from(Window)
NOON = 1_780_315_200.0


@given(now=MOMENTS, window=WINDOWS)
def test_a_window_ends_within_its_length_at_a_full_unit_of_time(now: float, window: Window) -> None:
    left = window.seconds_left(now)
    assert 1 <= left <= window.seconds
    assert (int(now) + left) % window.seconds == 0


@given(now=MOMENTS, later=st.floats(min_value=0, max_value=3600), window=WINDOWS)
def test_two_times_share_a_counter_only_within_the_same_window(now: float, later: float, window: Window) -> None:
    def place(moment: float) -> tuple[int, str]:
        """The hour's item, and the attribute in it."""
        return int(moment) // 3600, Rule("user", window, 1).counter(moment)

    same = int(now) // window.seconds == int(now + later) // window.seconds
    assert (place(now) == place(now + later)) is same


def test_different_windows_and_subjects_have_different_counters() -> None:
    rules = [Rule(subject, window, 1) for subject in ("user", "key_1", "operation:list_images") for window in Window]
    assert len({rule.counter(NOON) for rule in rules}) == len(rules)


def test_headers_show_the_limit_that_is_nearest() -> None:
    minute, hour, own = (
        Rule("user", Window.MINUTE, 10),
        Rule("user", Window.HOUR, 100),
        Rule("operation:x", Window.MINUTE, 4),
    )

    def header_numbers(*counts: int, allowed: bool = True) -> tuple[int, int, int]:
        rules = [minute, hour, own]
        counted = {rule.counter(NOON): n for rule, n in zip(rules, counts, strict=True)}
        found = limits.status_after(rules, counted, allowed, NOON)
        return found.limit, found.remaining, found.reset

    assert header_numbers(1, 1, 1) == (4, 3, 60)
    assert header_numbers(9, 9, 1) == (10, 1, 60)
    assert header_numbers(1, 100, 1) == (100, 0, 3600)
    assert header_numbers(10, 100, 1, allowed=False) == (100, 0, 3600), "the hour's limit is the one to wait for"
    assert header_numbers(12, 12, 1, allowed=False) == (10, 0, 60), (
        "after a lowered limit nothing remains, never less than zero"
    )


def test_headers_are_the_three_of_the_draft_standard() -> None:
    headers = limits.status_after([Rule("user", Window.MINUTE, 10)], {"user@00": 3}, True, NOON + 15.5).headers()
    assert headers == {"RateLimit-Limit": "10", "RateLimit-Remaining": "7", "RateLimit-Reset": "45"}


def test_a_missing_number_is_not_a_limit_of_zero() -> None:
    assert limits.read_limits(None) == limits.read_limits({}) == {}
    assert limits.read_limits({"requestsPerHour": 5, "odd": 1}) == {"requestsPerHour": 5}


@pytest.mark.parametrize("stored", [{"requestsPerMinute": "many"}, {"requestsPerMinute": None}])
def test_an_unreadable_number_is_an_error_and_does_not_lift_the_limit(stored: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        limits.read_limits(stored)


def test_an_operation_cannot_have_a_limit_of_zero() -> None:
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
def test_a_source_is_an_ipv4_address_or_an_ipv6_64_network(one: str, other: str, same: bool) -> None:
    assert (limits.network(one) == limits.network(other)) is same
