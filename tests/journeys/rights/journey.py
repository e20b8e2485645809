"""Small journeys, each of one function. Each checks every effect of the function that a user would miss."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from infra import iam_report
from infra.function_grants import API
from infra.iam_report import Grant
from infra.policy_statements import OF_LAMBDA
from tests.journeys.rights.world import World

Run = Callable[[World, str], None]


@dataclass(frozen=True)
class Journey:
    """`run` gets the world and the function's name; it raises an AssertionError or another exception if it fails."""

    function: str
    run: Run

    def execute(self, world: World) -> None:
        """Run it without the leftovers of other journeys."""
        world.clean_up()
        self.run(world, self.function)

    def __str__(self) -> str:
        return f"{self.function}-{self.run.__name__}"


JOURNEYS: list[Journey] = []


def journey_of(*functions: str) -> Callable[[Run], Run]:
    """Register a journey for each of these functions."""

    def add(run: Run) -> Run:
        JOURNEYS.extend(Journey(each, run) for each in functions)
        return run

    return add


class UsedRights:
    """The rights that journeys use while their functions have all their rights, found once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.of = functools.cache(self._of)

    def of_function(self, function: str) -> set[tuple[Grant, str]]:
        """Those of all its journeys together, each with an ARN of the policy.

        The journeys of the API share its process, whose start takes longest.
        """
        journeys = [each for each in JOURNEYS if each.function == function]
        together = [journeys] if function == API else [[each] for each in journeys]
        return {each for group in together for each in self._noted(function, group)}

    def _of(self, journey: Journey) -> frozenset[Grant]:
        """Those of one."""
        return frozenset(right for right, _ in self._noted(journey.function, [journey]))

    def _noted(self, function: str, journeys: Iterable[Journey]) -> set[tuple[Grant, str]]:
        """What the journeys use in new workers, which keep nothing that was read before."""
        machine = self._world.machine
        assert machine.grants_log is not None
        machine.replace_workers(function)
        before = machine.grants_log.stat().st_size
        for journey in journeys:
            journey.execute(self._world)
        return {
            (each.grant, each.pattern)
            for each in iam_report.logged_calls(machine.grants_log, before)
            if (each.function, each.how) == (function, "used") and each.statement not in OF_LAMBDA
        }
