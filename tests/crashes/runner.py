"""Runs journeys on the stage: clean ones to know what is right, and points to see that they end the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.core.schedules import SCHEDULES
from local.clock import CLOCK
from tests.crashes import outcome
from tests.crashes.client import GaveUpError
from tests.crashes.door import Call, Fault
from tests.crashes.journeys import JOURNEYS
from tests.crashes.outcome import Outcome
from tests.crashes.points import Point
from tests.crashes.stage import Stage, StuckError

# In minutes after the journey: when the scheduled jobs that mend run, until nothing differs any more.
ROUNDS = (16, 16, 30, 120, 480)
# They run every few minutes, except for the one that only looks.
MENDING = tuple(
    name for name, each in SCHEDULES.items() if each.expression.startswith("rate") and name != "health_check"
)


@dataclass
class Report:
    """How a point ended: `differences` from the clean run, and after how many minutes of the driven clock."""

    name: str
    differences: list[str] = field(default_factory=list)
    minutes: float = 0.0


class Runner:
    """Remembers the clean outcomes of each journey: right after it, and after each round of the jobs."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._clean: dict[str, list[Outcome]] = {}

    def record(self, journey: str) -> list[Call]:
        """The calls of a clean run, sorted: what runs at once calls in any order."""
        self._play(journey, None)
        # The first run of a worker reads what all later ones know.
        self._play(journey, None)
        return sorted(self._stage.door.calls, key=lambda call: call[:3])

    def run(self, point: Point) -> Report:
        """Run one point; a report without differences is a success."""
        if point.journey not in self._clean:
            self._clean[point.journey] = self._run_clean(point.journey)
        report = Report(point.name)
        try:
            self._run_broken(point, report)
        except (GaveUpError, StuckError) as error:
            report.differences.append(str(error))
        return report

    def _run_broken(self, point: Point, report: Report) -> None:
        fault = point.fault()
        self._play(point.journey, fault)
        if fault.fired_at is None:
            report.differences = ["the journey does not make this call: python -m tests.crashes record"]
            return
        (clean, *_), found = self._clean[point.journey], []
        for outcome_now in self._rounds(point.journey):
            found.append(outcome_now)
            report.differences = clean.differences(outcome_now, fault)
            report.minutes = round(CLOCK._offset / 60, 1)
            if not report.differences:
                return
        # The jobs may change what a clean run leaves, too.
        differences = [each.differences(its, fault) for its in found for each in self._clean_rounds(point.journey)]
        report.differences = min(differences, key=len)

    def _run_clean(self, journey: str) -> list[Outcome]:
        self._play(journey, None)
        return [self._checked(journey, self._outcome())]

    def _clean_rounds(self, journey: str) -> list[Outcome]:
        """The outcomes of a clean run after each round; made when the first point of the journey needs them."""
        if len(self._clean[journey]) == 1:
            self._play(journey, None)
            self._clean[journey] += [self._checked(journey, each) for each in self._rounds(journey)]
        return self._clean[journey]

    def _checked(self, journey: str, clean: Outcome) -> Outcome:
        assert not clean.faults, f"the clean journey {journey} has faults: {clean.faults}"
        return clean

    def _rounds(self, journey: str) -> Iterator[Outcome]:
        """What there is after the journey, after each round of the jobs that mend, and after the job's next run."""
        yield self._outcome()
        for minutes in ROUNDS:
            self._stage.advance(60.0 * minutes)
            self._stage.settle()
            for job in MENDING:
                self._stage.run_job(job)
            yield self._outcome()
        if (next_run := JOURNEYS[journey].next_run) is not None:
            job, days = next_run
            self._stage.advance(86_400.0 * days)
            self._stage.run_job(job)
            yield self._outcome()

    def _play(self, journey: str, fault: Fault | None) -> None:
        its = JOURNEYS[journey]
        self._stage.use_external_service(its.is_external)
        its.play(self._stage, self._stage.begin(its.prepare, fault))
        self._stage.settle()

    def _outcome(self) -> Outcome:
        return outcome.read(self._stage.door.messages, self._stage.names_of_users)
