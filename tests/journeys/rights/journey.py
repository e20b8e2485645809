"""Small journeys, each of one function. Each checks every effect of the function that a user would miss."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from infra import iam_report
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
    """The rights that each journey uses while its function has all its rights. Each journey runs once for this."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.with_resources = functools.cache(self._with_resources)

    def of(self, journey: Journey) -> set[Grant]:
        return {right for right, _ in self.with_resources(journey)}

    def _with_resources(self, journey: Journey) -> frozenset[tuple[Grant, str]]:
        """Each used right with an ARN of the policy."""
        machine = self._world.machine
        assert machine.grants_log is not None
        machine.replace_workers(journey.function)
        before = machine.grants_log.stat().st_size
        journey.execute(self._world)
        noted = iam_report.logged_calls(machine.grants_log, before)
        return frozenset(
            (each.grant, each.pattern)
            for each in noted
            if (each.function, each.how) == (journey.function, "used") and each.statement not in OF_LAMBDA
        )
