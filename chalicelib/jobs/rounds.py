"""One round of a job that nobody watches: what it may change, until when it may run, and what it came across.

A round that time cuts off, or that is killed, leaves the rest to the next one. One thing that cannot be dealt with
is told to the operators and does not keep the round from the others.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from chalicelib.core import ids, log
from chalicelib.core.observing import alerts
from chalicelib.jobs import leases

NEEDS = leases.NEEDS

# A function of such a job has 300 s (.chalice/config.json): what is under way when these are over still ends well.
SECONDS = 240.0
_LEASE_SECONDS = 310.0
MOST_FINDINGS = 100
_THREADS = 8
# So many things in a row that cannot be dealt with are no misfortune of theirs: what they all need is out.
_MOST_FAULTS = 10
# No moment that we write sorts before it; DynamoDB takes no empty text as a key.
_EVER = "0"

Thing = TypeVar("Thing")


@dataclass
class Round:
    """`now` is when the round runs, `ends` a moment of time.monotonic(); `dry`: it counts and changes nothing.

    What is older than `since` (ISO 8601) is left alone. `counts` are what the round did, or would do, by name;
    `findings` the first MOST_FINDINGS things to report.
    """

    job: str
    now: datetime
    dry: bool = False
    since: str = _EVER
    ends: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, str]] = field(default_factory=list)
    is_cut_off: bool = False
    _faults_in_a_row: int = 0

    def at(self) -> str:
        """When the round runs, as rows say it."""
        return ids.timestamp(self.now)

    def ago(self, **age: float) -> str:
        """The moment that long before the round (`days=30`), as rows say it."""
        return ids.timestamp(self.now - timedelta(**age))

    def each(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """The same things, as long as there is time."""
        for thing in things:
            if time.monotonic() > self.ends:
                self.is_cut_off = True
                return
            yield thing

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def find(self, what: str, **where: str) -> None:
        """Counts something that was not as it should be, and reports it."""
        self.count(what)
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append({"what": what, **where})
            log.warning("FOUND", None, job=self.job, what=what, dryRun=self.dry, **where)

    def change(self, deal: Callable[[], bool]) -> bool:
        """Does what changes something, unless the round is dry: whether it was done, or would have been.

        False where `deal` found that there is nothing to change any more, and where it failed: that is counted as
        `failed`. Many failures in a row end the step with the last of them.
        """
        return True if self.dry else self._done(deal)

    def change_all(self, deals: list[Callable[[], bool]]) -> int:
        """As `change`, several at a time: how many were done, or would have been."""
        if self.dry:
            return len(deals)
        with ThreadPoolExecutor(max_workers=_THREADS) as threads:
            under_way = [threads.submit(log.carried(deal)) for deal in deals]
        return sum(self._done(done.result) for done in under_way)

    def _done(self, deal: Callable[[], bool]) -> bool:
        try:
            done = deal()
        except Exception as error:
            self._failed(error)
            return False
        self._faults_in_a_row = 0
        return done

    def _failed(self, error: Exception) -> None:
        self.count("failed")
        self._faults_in_a_row += 1
        log.error("NOT_DEALT_WITH", error, job=self.job)
        if self._faults_in_a_row >= _MOST_FAULTS:
            raise error
        if alerts.is_unforeseen(error):
            alerts.report(error, self.job)

    def answer(self) -> dict[str, Any]:
        """`status` is "partial" where something failed, else "success", `isComplete` false where time ran out."""
        status = "partial" if self.counts["failed"] else "success"
        counts = {what: number for what, number in self.counts.items() if number}
        told = {"status": status, "dryRun": self.dry, "isComplete": not self.is_cut_off, "counts": counts}
        log.info("ROUND_ENDED", job=self.job, **told)
        return {**told, "findings": self.findings}


Steps = Iterable[Callable[[Round], None]]


def go(job: str, steps: Steps, options: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """A round through all of the steps: `{status, dryRun, isComplete, counts, findings}`.

    `options`: `dryRun`, `since`. `status` is "skipped", alone, while another round of the job is under way.

    Raises:
        ExceptionGroup: steps that broke off, once the others were gone through.
    """
    a_round = Round(job, now or datetime.now(UTC), options.get("dryRun") is True, options.get("since", _EVER))
    if a_round.dry:
        return _through(a_round, steps)
    with leases.holding(job, _LEASE_SECONDS) as lease:
        return {"status": "skipped"} if lease is None else _through(a_round, steps)


def _through(a_round: Round, steps: Steps) -> dict[str, Any]:
    faults: list[Exception] = []
    for step in steps:
        try:
            step(a_round)
        except Exception as error:
            faults.append(error)
    answer = a_round.answer()
    if faults:
        raise ExceptionGroup(f"{len(faults)} steps of {a_round.job} broke off", faults)
    return answer
