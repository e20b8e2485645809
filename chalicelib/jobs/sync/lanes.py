"""Lanes: batches of writes side by side, each a transaction that fails once a later run has the lease.

Two transactions that check one row at the same moment refuse each other. So each lane has a lease of its own, and
makes its transactions one after the other. The lease of the run is that of the first lane.
"""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.core import clients, log
from chalicelib.core.aws.tables import ConditionFailedError
from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import UnavailableError
from chalicelib.core.settings import Settings
from chalicelib.jobs import leases
from chalicelib.jobs.leases import Lease

LANES = 4
_ATTEMPTS = 5
_BASE_SECONDS = 0.2

Write = dict[str, Any]


class OutOfTimeError(UnavailableError):
    """The run's time was over before everything was written."""

    code, message = "OUT_OF_TIME", "The run's time was over."


@dataclass(frozen=True)
class Lanes:
    """The leases of one run, the size of its batches, and the milliseconds between the batches of a lane."""

    leases: tuple[Lease, ...]
    batch_size: int
    pause_ms: int
    deadline: Deadline

    def write(self, writes: Sequence[Write]) -> list[int]:
        """Makes the writes; gives the places of those that were refused, as their rows had changed meanwhile.

        Raises:
            LeaseLostError: another run has taken over.
            OutOfTimeError: the deadline is over; some of the writes are made.
        """
        starts = range(0, len(writes), self.batch_size)
        shares = [starts[lane :: len(self.leases)] for lane in range(len(self.leases))]
        with ThreadPoolExecutor(len(shares)) as threads:
            done = list(threads.map(log.keep_context(self._lane), self.leases, shares, [writes] * len(shares)))
        return sorted(place for refused in done for place in refused)

    def write_progress(self, *writes: Write) -> None:
        """Writes how far the run is.

        Raises:
            LeaseLostError: another run has taken over; nothing is written.
        """
        self.leases[0].write(*writes)

    def _lane(self, lease: Lease, starts: Sequence[int], writes: Sequence[Write]) -> list[int]:
        refused: list[int] = []
        for number, start in enumerate(starts):
            if number and self.pause_ms:
                self.deadline.sleep(self.pause_ms / 1000)
            if self.deadline.is_over:
                raise OutOfTimeError
            refused += self._batch(lease, list(range(start, min(start + self.batch_size, len(writes)))), writes)
        return refused

    def _batch(self, lease: Lease, places: list[int], writes: Sequence[Write]) -> list[int]:
        refused: list[int] = []
        while places:
            try:
                self._write_batch(lease, [writes[place] for place in places])
                break
            except ConditionFailedError as error:
                failed = [place for number, place in enumerate(places) if number in error.writes]
                refused += failed
                places = [place for place in places if place not in failed]
        return refused

    def _write_batch(self, lease: Lease, batch: list[Write]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                lease.write(*batch)
                return
            except Exception as error:
                wait = random.uniform(0, _BASE_SECONDS * 2**attempt)  # noqa: S311
                if not clients.is_transient(error) or attempt + 1 == _ATTEMPTS or self.deadline.seconds_left <= wait:
                    raise
                log.warning("BATCH_DELAYED", error, writes=len(batch), attempt=attempt + 1)
                self.deadline.sleep(wait)


@contextmanager
def lanes(first: Lease, deadline: Deadline) -> Iterator[Lanes | None]:
    """The lanes of the run that has the lease `first` while the block runs, or None while another run has one."""
    is_batched = Settings.ENABLE_BATCH_PROCESSING.get()
    size = Settings.BATCH_SIZE.get() if is_batched else 1
    seconds = first.seconds_left
    with ExitStack() as stack:
        others = (leases.lease(f"{first.name}/{lane}", seconds) for lane in range(1, LANES if is_batched else 1))
        held = [first]
        for other in others:
            lease = stack.enter_context(other)
            if lease is None:
                yield None
                return
            held.append(lease)
        yield Lanes(tuple(held), size, Settings.BATCH_PAUSE_MS.get(), deadline)
