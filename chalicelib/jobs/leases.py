"""Leases: which run may do a job now. Owns JOBS_TABLE.

A lease is held until it is released or its time is over. Each holder gets a higher token than all before, so a write
that checks the token (`Lease.guard`) fails for a holder whose lease ran out meanwhile.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Table, transact
from chalicelib.core.errors import ConflictError
from chalicelib.core.settings import Settings

JOBS = Table(Settings.JOBS_TABLE, "name")

_LEASE, _DONE = "lease#", "done#"


class LeaseLostError(ConflictError):
    """The lease ran out, and another run got it since."""

    code, message = "LEASE_LOST", "Another run has taken over."


@dataclass(frozen=True)
class Lease:
    """The right to do a job until `expires` (epoch milliseconds); `token` is higher than that of all holders before."""

    name: str
    token: int
    expires: int

    @property
    def seconds_left(self) -> float:
        return max(0.0, (self.expires - _milliseconds()) / 1000)

    def release(self) -> None:
        """Lets the next run begin at once; changes nothing if the lease is lost."""
        try:
            JOBS.update(
                _LEASE + self.name,
                when=self._is_held(),
                change={"releasedAt": ids.now()},
                remove=["expires", "holder"],
            )
        except ConditionFailedError:
            log.warning("LEASE_WAS_LOST", lease=self.name, number=self.token)

    def guard(self) -> dict[str, Any]:
        """A part of a transaction that makes the whole fail once another run has the lease.

        Two transactions that check the same lease at the same moment refuse each other.
        """
        return JOBS.to_check(JOBS.key(_LEASE + self.name), where={"token": self.token})

    @required_env_vars({"JOBS_TABLE": [DynamoDBOperation.CONDITION_CHECK_ITEM]})
    def write(self, *writes: dict[str, Any]) -> None:
        """Makes all of the writes, or none, as long as no other run has the lease.

        Raises:
            LeaseLostError: another run has it.
            ConditionFailedError: a write found its item in another state; `writes` counts from the first of them.
        """
        try:
            transact(self.guard(), *writes)
        except ConditionFailedError as error:
            if 0 in error.writes:
                raise LeaseLostError from None
            raise ConditionFailedError(place - 1 for place in error.writes) from error

    def _is_held(self) -> Any:
        return Attr("token").eq(self.token) & Attr("expires").exists()


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
def acquire(name: str, seconds: float) -> Lease | None:
    """The lease for so many seconds from now, or None while another run holds it.

    Lambda runs a killed run again under the same request id. That run gets back its own lease: else it would wait
    for itself.
    """
    now = _milliseconds()
    until = now + int(seconds * 1000)
    holder = log.request_id() or secrets.token_hex(8)
    try:
        item = JOBS.update(
            _LEASE + name,
            when=Attr("expires").not_exists() | Attr("expires").lte(now) | Attr("holder").eq(holder),
            change={"expires": until, "holder": holder},
            add={"token": 1},
        )
    except ConditionFailedError:
        return None
    return Lease(name, int(item["token"]), until)


@required_env_vars(acquire)
@contextmanager
def lease(name: str, seconds: float) -> Iterator[Lease | None]:
    """The lease while the block runs, or None if another run holds it."""
    held = acquire(name, seconds)
    try:
        yield held
    finally:
        if held is not None:
            _release(held)


def _release(held: Lease) -> None:
    try:
        held.release()
    except Exception as error:
        # An error here must not hide how the work ended; the lease runs out by itself.
        log.warning("LEASE_NOT_RELEASED", error, lease=held.name)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.GET_ITEM]})
def is_done(what: str) -> bool:
    """Whether `mark_done` was ever called for this."""
    return JOBS.get(_DONE + what) is not None


@required_env_vars({"JOBS_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
def mark_done(what: str) -> None:
    """Writes down that something which must happen only once has happened."""
    JOBS.update(_DONE + what, change={"doneAt": ids.now()})
