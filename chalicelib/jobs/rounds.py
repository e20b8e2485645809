"""A round: a job's run through many items, which counts, reports and goes on where one item fails.

A round that is cut off, or killed, leaves the rest to the next one. An item that fails is reported to the operators
and does not keep the round from the others.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from chalicelib.core import ids, log
from chalicelib.core.observing import alerts
from chalicelib.jobs.runner import Run

MAX_FINDINGS = 100
_THREADS = 8
# After so many failures in a row, the fault is not with the items: something that all of them need is down.
_MAX_FAILURES_IN_A_ROW = 10
# Sorts before every timestamp; DynamoDB takes no empty text as a key.
_BEFORE_ALL_TIMES = "0"

Entry = TypeVar("Entry")


@dataclass
class Round:
    """`counts` are what the round did, or would do, by name; `findings` the first MAX_FINDINGS things to report."""

    run: Run
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, str]] = field(default_factory=list)
    is_cut_off: bool = False
    _failures_in_a_row: int = 0

    def begin_step(self) -> None:
        """Failures of one step say nothing of the next."""
        self._failures_in_a_row = 0

    @property
    def is_dry(self) -> bool:
        return self.run.is_dry

    @property
    def since(self) -> str:
        """Items older than this (ISO 8601) are left alone."""
        return str(self.run.options.get("since", _BEFORE_ALL_TIMES))

    @property
    def now(self) -> str:
        """When the round began, as table rows hold times."""
        return ids.timestamp(self.run.now)

    def before(self, **age: float) -> str:
        """The moment that long before the round began (`days=30`), as table rows hold times."""
        return ids.timestamp(self.run.now - timedelta(**age))

    def until_deadline(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries, as long as there is time."""
        for entry in entries:
            if self.run.deadline.is_over:
                self.is_cut_off = True
                return
            yield entry

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def report(self, what: str, **where: str) -> None:
        """Counts something that was not as it should be, and adds it to the findings."""
        self.count(what)
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append({"what": what, **where})
            log.warning("FOUND", None, job=self.run.job, what=what, dryRun=self.is_dry, **where)

    def change(self, action: Callable[[], bool]) -> bool:
        """Does the action, unless the round is dry: whether it was done, or would have been.

        `action` gives False where there is nothing left to change. A failure counts as `failed`; many in a row end
        the step with the last of them.
        """
        return True if self.is_dry else self._result_of(action)

    def change_all(self, actions: list[Callable[[], bool]]) -> int:
        """As `change`, several at a time: how many were done, or would have been."""
        if self.is_dry:
            return len(actions)
        with ThreadPoolExecutor(max_workers=_THREADS) as threads:
            futures = [threads.submit(log.keep_context(action)) for action in actions]
        return sum(self._result_of(future.result) for future in futures)

    def _result_of(self, action: Callable[[], bool]) -> bool:
        try:
            is_done = action()
        except Exception as error:
            self._count_failure(error)
            return False
        self._failures_in_a_row = 0
        return is_done

    def _count_failure(self, error: Exception) -> None:
        self.count("failed")
        self._failures_in_a_row += 1
        log.error("NOT_DEALT_WITH", error, job=self.run.job)
        if self._failures_in_a_row >= _MAX_FAILURES_IN_A_ROW:
            raise error
        if alerts.is_unexpected(error):
            alerts.report(error, self.run.job)

    def answer(self) -> dict[str, Any]:
        """`status` is "partial" where something failed, else "success"; `isComplete` is false where time ran out."""
        status = "partial" if self.counts["failed"] else "success"
        counts = {what: number for what, number in self.counts.items() if number}
        summary = {"status": status, "dryRun": self.is_dry, "isComplete": not self.is_cut_off, "counts": counts}
        log.info("ROUND_ENDED", job=self.run.job, **summary)
        return {**summary, "findings": self.findings}


def go_through(run: Run, *steps: Callable[[Round], None]) -> dict[str, Any]:
    """A round through all of the steps: `{status, dryRun, isComplete, counts, findings}`.

    A step that breaks off goes on after the others: what failed then may answer again.

    Raises:
        ExceptionGroup: the errors of steps that failed twice.
    """
    this_round = Round(run)
    broken_off = [step for step in steps if _error_of(step, this_round) is not None]
    errors = [error for step in broken_off if (error := _error_of(step, this_round)) is not None]
    answer = this_round.answer()
    if errors:
        raise ExceptionGroup(f"{len(errors)} steps of {run.job} broke off", errors)
    return answer


def _error_of(step: Callable[[Round], None], this_round: Round) -> Exception | None:
    this_round.begin_step()
    try:
        step(this_round)
    except Exception as error:
        log.warning("STEP_BROKE_OFF", error, job=this_round.run.job)
        return error
    return None
