"""Who may write now, and how: batches side by side, each a transaction that a later run's lease makes fail.

Two transactions that check one row at the same moment refuse each other, so each lane has a lease of its own and
makes its transactions one after the other. The first lease stands for the run: whoever has it gets the others too.
"""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.core import clients, config, log
from chalicelib.core.aws.tables import ConditionFailedError
from chalicelib.core.errors import UnavailableError
from chalicelib.jobs import leases
from chalicelib.jobs.leases import Lease
from chalicelib.jobs.sync.deadline import Deadline

LANES = 4
# A transaction takes 100 writes, and the lease is one of them.
MOST_IN_BATCH = 99
_ATTEMPTS = 5
_BASE_SECONDS = 0.2

Write = dict[str, Any]


class OutOfTimeError(UnavailableError):
    """The run's time was over before all was written."""

    code, message = "OUT_OF_TIME", "The run's time was over."


@dataclass(frozen=True)
class Lanes:
    """The leases of one run, and what its batches are like: their size, and milliseconds between those of a lane."""

    leases: tuple[Lease, ...]
    batch_size: int
    pause_ms: int
    deadline: Deadline

    def write(self, writes: Sequence[Write]) -> list[int]:
        """Makes the writes; gives the places of those that were not, as their rows had changed since they were read.

        Raises:
            LeaseLostError: another run has taken over.
            OutOfTimeError: what had begun is done, the rest is not.
        """
        starts = range(0, len(writes), self.batch_size)
        shares = [starts[lane :: len(self.leases)] for lane in range(len(self.leases))]
        with ThreadPoolExecutor(len(shares)) as threads:
            done = list(threads.map(log.carried(self._lane), self.leases, shares, [writes] * len(shares)))
        return sorted(place for refused in done for place in refused)

    def progress(self, *writes: Write) -> None:
        """Writes how far the run is, or nothing where another has taken over.

        Raises:
            LeaseLostError: it has.
        """
        self.leases[0].write(*writes)

    def _lane(self, lease: Lease, starts: Sequence[int], writes: Sequence[Write]) -> list[int]:
        refused: list[int] = []
        for number, start in enumerate(starts):
            if number and self.pause_ms:
                self.deadline.sleep(self.pause_ms / 1000)
            if self.deadline.is_over():
                raise OutOfTimeError
            refused += self._batch(lease, list(range(start, min(start + self.batch_size, len(writes)))), writes)
        return refused

    def _batch(self, lease: Lease, places: list[int], writes: Sequence[Write]) -> list[int]:
        refused: list[int] = []
        while places:
            try:
                self._patiently(lease, [writes[place] for place in places])
                break
            except ConditionFailedError as error:
                failed = [place for number, place in enumerate(places) if number in error.writes]
                refused += failed
                places = [place for place in places if place not in failed]
        return refused

    def _patiently(self, lease: Lease, batch: list[Write]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                lease.write(*batch)
                return
            except Exception as error:
                wait = random.uniform(0, _BASE_SECONDS * 2**attempt)  # noqa: S311
                if not clients.is_passing_fault(error) or attempt + 1 == _ATTEMPTS or self.deadline.left() <= wait:
                    raise
                log.warning("BATCH_DELAYED", error, writes=len(batch), attempt=attempt + 1)
                self.deadline.sleep(wait)


@contextmanager
def held(name: str, seconds: float, deadline: Deadline) -> Iterator[Lanes | None]:
    """The lanes of the job while the block runs, or None while another run has them.

    They are held for `seconds`, unless given back before: choose more than the run can take.
    """
    batched = config.flag("ENABLE_BATCH_PROCESSING")
    size = max(1, min(MOST_IN_BATCH, config.integer("BATCH_SIZE"))) if batched else 1
    with ExitStack() as stack:
        found: list[Lease] = []
        for lane in range(LANES if batched else 1):
            lease = stack.enter_context(leases.holding(name if lane == 0 else f"{name}/{lane}", seconds))
            if lease is None:
                break
            found.append(lease)
        else:
            yield Lanes(tuple(found), size, config.integer("BATCH_PAUSE_MS"), deadline)
            return
        yield None
