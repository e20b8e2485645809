"""When a failed call is retried, how long it waits, and when a service is not called at all."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import format_datetime, formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.deadline import Deadline
from chalicelib.external import ExternalServiceError, Reason, Response, call_with_retries
from chalicelib.external.circuit_breaker import FAILURES, OPEN_SECONDS, CircuitBreaker
from chalicelib.external.retries import parse_retry_after

NOW = 1_800_000_000.0
OK = Response(200, b"fine")
DOWN = Response(503, b"")


@dataclass
class Time:
    """A clock that moves only when something sleeps on it."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Service:
    """Gives or raises its outcomes one after the other."""

    def __init__(self, *outcomes: Response | Exception) -> None:
        self._outcomes: Iterator[Response | Exception] = iter(outcomes)
        self.calls = 0

    def __call__(self) -> Response:
        self.calls += 1
        outcome = next(self._outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def asked(service: Service, time: Time, deadline: float = 100.0, luck: float = 1.0) -> Response:
    """`luck` is the random part of the longest wait, 0 to 1."""
    return call_with_retries(
        service,
        deadline=Deadline(deadline, lambda: time.now, time.sleep),
        now=lambda: NOW,
        jitter=lambda least, most: least + (most - least) * luck,
    )


def fault(reason: Reason) -> ExternalServiceError:
    return ExternalServiceError("out", reason)


@pytest.mark.parametrize(
    "first", [*(Response(status, b"") for status in (408, 425, 429, 500)), DOWN, fault(Reason.UNREACHABLE)]
)
def test_temporary_failures_are_retried(first: Response | Exception) -> None:
    service = Service(first, OK)
    assert asked(service, Time()) is OK
    assert service.calls == 2


@pytest.mark.parametrize("status", [200, 202, 301, 400, 401, 403, 404, 409, 422])
def test_every_other_answer_is_returned_without_a_retry(status: int) -> None:
    service = Service(Response(status, b""), OK)
    assert asked(service, Time()).status == status
    assert service.calls == 1


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.UNREACHABLE, Reason.TIMEOUT}))
def test_permanent_failures_are_not_retried(reason: Reason) -> None:
    service = Service(fault(reason), OK)
    with pytest.raises(ExternalServiceError) as raised:
        asked(service, Time())
    assert raised.value.reason is reason
    assert service.calls == 1


def test_there_are_three_attempts_and_the_last_outcome_counts() -> None:
    time, service = Time(), Service(DOWN, DOWN, Response(500, b"last"), OK)
    assert asked(service, time).body == b"last"
    assert time.slept == [1.0, 2.0], "the longest waits: a second, then twice that"
    with pytest.raises(ExternalServiceError):
        asked(Service(DOWN, DOWN, fault(Reason.TIMEOUT)), Time())


def test_the_wait_is_random_from_zero_on() -> None:
    time = Time()
    asked(Service(DOWN, DOWN, OK), time, luck=0.25)
    assert time.slept == [0.25, 0.5]
    time = Time()
    asked(Service(DOWN, DOWN, OK), time, luck=0.0)
    assert time.slept == [0.0, 0.0]


def test_retry_after_is_honoured_in_both_of_its_forms() -> None:
    time = Time()
    in_seconds = Response(429, b"", {"retry-after": "7"})
    as_date = Response(503, b"", {"retry-after": formatdate(NOW + 20, usegmt=True)})
    assert asked(Service(in_seconds, as_date, OK), time) is OK
    assert time.slept == [7.0, 20.0]


def test_a_wait_beyond_the_deadline_is_not_started() -> None:
    time, late = Time(), Response(429, b"", {"retry-after": "3600"})
    assert asked(Service(late, OK), time) is late
    assert asked(Service(DOWN, OK), time, deadline=0.9) is DOWN
    assert time.slept == []


def test_the_deadline_covers_all_attempts_together() -> None:
    time, service = Time(), Service(DOWN, DOWN, OK)
    assert asked(service, time, deadline=2.5) is DOWN
    assert service.calls == 2


@pytest.mark.parametrize("junk", ["", "soon", "-5", "1.5", "٣", "Wed, 99 Foo 2026 99:99:99 GMT", "0x10", "1e9"])
def test_an_invalid_retry_after_asks_for_no_wait(junk: str) -> None:
    assert parse_retry_after(junk, NOW) == 0.0


@given(st.text() | st.dates().map(str) | st.datetimes().map(format_datetime) | st.from_regex(r"\A[0-9]+\Z"))
def test_any_retry_after_gives_a_valid_wait(text: str) -> None:
    assert parse_retry_after(text, NOW) >= 0.0


def test_a_retry_after_in_the_past_asks_for_no_wait() -> None:
    assert parse_retry_after(formatdate(NOW - 60, usegmt=True), NOW) == 0.0
    assert parse_retry_after("9" * 5000, NOW) > 10**9


# ------------------------------------------------------------------ the breaker


@dataclass
class Circuit:
    """A circuit breaker and its clock."""

    time: Time = field(default_factory=Time)

    def __post_init__(self) -> None:
        self.breaker = CircuitBreaker("partner", lambda: self.time.now)

    def fails(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.breaker.call(lambda: DOWN) is DOWN

    def refuses(self) -> bool:
        """Whether a call is refused without sending anything."""
        service, reason = Service(OK), None
        try:
            self.breaker.call(service)
        except ExternalServiceError as error:
            reason = error.reason
        assert (reason, service.calls) in [(None, 1), (Reason.CIRCUIT_OPEN, 0)]
        return reason is not None


def test_five_failures_in_a_row_open_the_circuit_for_thirty_seconds() -> None:
    circuit = Circuit()
    circuit.fails(FAILURES)
    assert circuit.refuses()
    circuit.time.now = OPEN_SECONDS - 0.1
    assert circuit.refuses()
    circuit.time.now = OPEN_SECONDS
    assert not circuit.refuses()
    assert not circuit.refuses(), "the successful trial closed it"


def test_exceptions_count_like_5xx_answers() -> None:
    circuit = Circuit()
    for _ in range(FAILURES):
        with pytest.raises(ExternalServiceError):
            circuit.breaker.call(Service(fault(Reason.TIMEOUT)))
    assert circuit.refuses()


@pytest.mark.parametrize("status", [200, 302, 401, 404, 429])
def test_any_answer_of_a_working_service_resets_the_count(status: int) -> None:
    circuit = Circuit()
    circuit.fails(FAILURES - 1)
    circuit.breaker.call(lambda: Response(status, b""))
    circuit.fails(FAILURES - 1)
    assert not circuit.refuses()


def test_a_failed_trial_opens_the_circuit_for_the_same_time_again() -> None:
    circuit = Circuit()
    circuit.fails(FAILURES)
    circuit.time.now = OPEN_SECONDS
    circuit.fails()
    assert circuit.refuses()
    circuit.time.now = 2 * OPEN_SECONDS - 0.1
    assert circuit.refuses()
    circuit.time.now = 2 * OPEN_SECONDS
    assert not circuit.refuses()


def test_of_many_calls_at_once_one_trial_goes_through() -> None:
    circuit = Circuit()
    circuit.fails(FAILURES)
    circuit.time.now = OPEN_SECONDS
    let_through, may_end = threading.Event(), threading.Event()

    def trial() -> Response:
        let_through.set()
        assert may_end.wait(10)
        return OK

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(circuit.breaker.call, trial)
        assert let_through.wait(10)
        assert all(pool.map(lambda _: circuit.refuses(), range(8)))
        may_end.set()
        assert first.result() is OK
    assert not circuit.refuses()


def test_a_call_started_before_the_circuit_opened_does_not_close_it() -> None:
    circuit = Circuit()

    def old() -> Response:
        circuit.fails(FAILURES)
        return OK

    assert circuit.breaker.call(old) is OK
    assert circuit.refuses()
