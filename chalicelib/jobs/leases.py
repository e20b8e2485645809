"""Who may do a job now, and when each scheduled function last ran. Owns JOBS_TABLE.

A lease is held until it is released or its time is over. Whoever gets it gets a higher token than everyone before, so
that a write which names the token (`Lease.guard`) fails for a holder that was thought dead and comes back late.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation
from chalicelib.core.aws.tables import Attr, ConditionFailedError, Table, transact
from chalicelib.core.errors import ConflictError
from chalicelib.jobs import schedules
from chalicelib.jobs.recurrence import parse

JOBS = Table("JOBS_TABLE", "name")
# What takes leases and beats; what asks for what was noted here; what writes under a guard.
NEEDS = {"JOBS_TABLE": [DynamoDBOperation.UPDATE_ITEM]}
ASKING = {"JOBS_TABLE": [*NEEDS["JOBS_TABLE"], DynamoDBOperation.GET_ITEM]}
GUARDED = {"JOBS_TABLE": [*NEEDS["JOBS_TABLE"], DynamoDBOperation.CONDITION_CHECK_ITEM]}

_LEASE, _BEAT, _DONE = "lease#", "beat#", "done#"


class LeaseLostError(ConflictError):
    """The lease ran out, and another run has it, or had it since."""

    code, message = "LEASE_LOST", "Another run has taken over."


@dataclass(frozen=True)
class Lease:
    """One holder's right to do a job, until `expires` (epoch milliseconds); `token` is higher than all before."""

    name: str
    token: int
    expires: int

    def release(self) -> None:
        """Lets the next one begin at once; nothing happens where the lease is lost."""
        try:
            JOBS.update(
                _LEASE + self.name,
                when=self._mine(),
                change={"releasedAt": ids.now()},
                remove=["expires", "holder"],
            )
        except ConditionFailedError:
            log.warning("LEASE_WAS_LOST", lease=self.name, number=self.token)

    def guard(self) -> dict[str, Any]:
        """A part of a transaction, which then fails as a whole once somebody else has got the lease.

        Transactions that check the same lease at the same moment get into each other's way: guard the few writes
        that say how far a run is, and let many rows each carry the token (`Attr("token").lte(lease.token)`).
        """
        return JOBS.checking(JOBS.key(_LEASE + self.name), where={"token": self.token})

    def write(self, *writes: dict[str, Any]) -> None:
        """All of the writes, or none (`core.table.transact`), as long as nobody else has got the lease.

        Raises:
            LeaseLostError: somebody has.
            ConditionFailedError: a write found its item in another state; `writes` counts from the first of them.
        """
        try:
            transact(self.guard(), *writes)
        except ConditionFailedError as error:
            if 0 in error.writes:
                raise LeaseLostError from None
            raise ConditionFailedError(place - 1 for place in error.writes) from error

    def _mine(self) -> Any:
        return Attr("token").eq(self.token) & Attr("expires").exists()


def acquire(name: str, seconds: float) -> Lease | None:
    """The lease for so long from now, or None while somebody else holds it.

    A run that was killed is tried again by Lambda under the same request id, and gets back what it held: it would
    find itself in its own way, and the event would be over.
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


@contextmanager
def holding(name: str, seconds: float) -> Iterator[Lease | None]:
    """The lease while the block runs, or None where somebody else holds it."""
    lease = acquire(name, seconds)
    try:
        yield lease
    finally:
        if lease is not None:
            _release(lease)


def _release(lease: Lease) -> None:
    try:
        lease.release()
    except Exception as error:
        # The work is done, or what went wrong in it is to be heard of; the lease runs out by itself.
        log.warning("LEASE_NOT_RELEASED", error, lease=lease.name)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def is_done(what: str) -> bool:
    """Whether `note_done` was called for this, ever."""
    return JOBS.get(_DONE + what) is not None


def note_done(what: str) -> None:
    """Notes that something which must not be done twice was done."""
    JOBS.update(_DONE + what, change={"doneAt": ids.now()})


# ------------------------------------------------------------------------ heartbeats

RUNNING = "running"
# EventBridge may be a minute late; nothing here runs longer than a function may (300 s).
GRACE = timedelta(minutes=10)


@dataclass(frozen=True)
class Overdue:
    """A schedule that did not run when it should have (`why` is "missed"), or began and never ended ("unfinished").

    Times are in ISO 8601; `last_start` is None where it never ran.
    """

    name: str
    why: str
    expected_at: str
    last_start: str | None
    last_outcome: str | None


def beat(name: str, outcome: str) -> None:
    """Notes that a run of the schedule begins (`RUNNING`) or how it ended; what goes wrong here is nobody's fault."""
    now = ids.now()
    change: Mapping[str, Any] = (
        {"startedAt": now, "endedAt": None, "outcome": outcome}
        if outcome == RUNNING
        else {"endedAt": now, "outcome": outcome}
    )
    try:
        JOBS.update(_BEAT + name, change=change)
    except Exception as error:
        log.warning("HEARTBEAT_NOT_NOTED", error, schedule=name, outcome=outcome)


def overdue(now: datetime) -> list[Overdue]:
    """The schedules of this stage that should have run by `now` and did not, or began and never ended.

    What never ran, and what got another schedule or was switched on, is counted from the first time that this is
    asked: nobody knows since when it should have run.
    """
    found = (_overdue(name, now) for name in schedules.SCHEDULES)
    return [each for each in found if each is not None]


def _overdue(name: str, now: datetime) -> Overdue | None:
    item = JOBS.get(_BEAT + name) or {}
    expression = schedules.expression(name)
    if item.get("watched", "") != (expression or "off"):
        _watch(name, expression or "off", now)
        return None
    if expression is None:
        return None
    started = item.get("startedAt")
    late = now - GRACE
    if started is not None and item.get("outcome") == RUNNING and _moment(started) <= late:
        return Overdue(name, "unfinished", started, started, RUNNING)
    since = max(_moment(each) for each in (started, item["watchedSince"]) if each is not None)
    expected = parse(expression).next_after(since, since)
    if expected is None or expected > late:
        return None
    return Overdue(name, "missed", ids.timestamp(expected), started, item.get("outcome"))


def _watch(name: str, expression: str, now: datetime) -> None:
    change = {"watched": expression, "watchedSince": ids.timestamp(now)}
    JOBS.update(_BEAT + name, change=change)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
