"""Leases: only the holder may run and write."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.core import log
from chalicelib.core.aws.tables import ConditionFailedError
from chalicelib.jobs import leases
from chalicelib.jobs.leases import JOBS, LeaseLostError

HOUR = 3600.0


@pytest.fixture
def name(function: pytest.MonkeyPatch) -> str:
    """The name of a job for this test alone."""
    return f"job-{uuid.uuid4().hex}"


def held(name: str, seconds: float = HOUR) -> leases.Lease:
    lease = leases.acquire(name, seconds)
    assert lease is not None
    return lease


def test_of_many_requests_at_once_one_gets_the_lease(name: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: leases.acquire(name, HOUR), range(24)))
    assert len([lease for lease in got if lease is not None]) == 1


def test_a_released_lease_can_be_taken_again_with_a_higher_token(name: str) -> None:
    tokens = []
    for _ in range(3):
        lease = held(name)
        assert leases.acquire(name, HOUR) is None
        tokens.append(lease.token)
        lease.release()
    assert tokens == sorted(set(tokens))


def test_the_lease_of_a_dead_holder_expires(name: str) -> None:
    dead = held(name, 0.0)
    assert held(name).token > dead.token


def test_a_killed_run_gets_its_lease_back_when_it_is_retried(name: str) -> None:
    with log.context("one-event"):
        killed = held(name)
    with log.context("another-event"):
        assert leases.acquire(name, HOUR) is None
    with log.context("one-event"):
        again = held(name)
    assert again.token > killed.token
    with pytest.raises(LeaseLostError):
        killed.write(JOBS.to_update(JOBS.key(f"{name}-state"), {"by": "the killed one"}, where={"by": None}))
    again.release()


def test_a_late_holder_can_neither_write_nor_release(name: str) -> None:
    late = held(name, 0.0)
    holder = held(name)
    written = JOBS.to_update(JOBS.key(f"{name}-state"), {"by": "the late one"}, where={"by": None})
    with pytest.raises(LeaseLostError):
        late.write(written)
    late.release()
    assert JOBS.get(f"{name}-state") is None
    assert leases.acquire(name, HOUR) is None
    holder.write(JOBS.to_update(JOBS.key(f"{name}-state"), {"by": "the holder"}, where={"by": None}))
    assert (JOBS.get(f"{name}-state") or {})["by"] == "the holder"


def test_a_former_holder_cannot_write_after_the_next_holder_released_the_lease(name: str) -> None:
    late = held(name, 0.0)
    held(name).release()
    with pytest.raises(LeaseLostError):
        late.write(JOBS.to_update(JOBS.key(f"{name}-state"), {"by": "the late one"}, where={"by": None}))


def test_a_late_holder_continues_if_nobody_took_the_lease(name: str) -> None:
    lease = held(name, 0.0)
    lease.write(JOBS.to_update(JOBS.key(f"{name}-state"), {"done": 1}, where={"done": None}))
    assert (JOBS.get(f"{name}-state") or {})["done"] == 1


def test_a_failed_condition_of_the_write_is_not_a_lost_lease(name: str) -> None:
    lease = held(name)
    fine = JOBS.to_update(JOBS.key(f"{name}-one"), {"done": 1}, where={"done": None})
    failing = JOBS.to_update(JOBS.key(f"{name}-two"), {"done": 2}, where={"done": 1})
    with pytest.raises(ConditionFailedError) as failed:
        lease.write(fine, failing)
    assert failed.value.writes == {1}
    assert JOBS.get(f"{name}-one") is None


def test_the_lease_is_released_however_its_block_ends(name: str) -> None:
    def fail() -> None:
        with leases.lease(name, HOUR) as lease, leases.lease(name, HOUR) as second:
            assert lease is not None
            assert second is None
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert held(name)
