"""Small journeys, each of one function: what it does, and all that somebody would miss if it did not."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from infra import iam_report, policies
from infra.iam_report import Right
from tests.journeys.rights.world import World

Run = Callable[[World, str], None]


@dataclass(frozen=True)
class Journey:
    """`run` gets the world and the function's name; it raises what goes wrong in it, AssertionError or any other."""

    function: str
    run: Run

    def go(self, world: World) -> None:
        """From the beginning: nothing that another journey left is there."""
        world.tidy()
        self.run(world, self.function)

    def __str__(self) -> str:
        return f"{self.function}-{self.run.__name__}"


JOURNEYS: list[Journey] = []


def of(*functions: str) -> Callable[[Run], Run]:
    """Makes a journey of each of these functions."""

    def add(run: Run) -> Run:
        JOURNEYS.extend(Journey(each, run) for each in functions)
        return run

    return add


class Tried:
    """Every journey as it goes when its function has all rights: the rights that it uses, found out once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.on = functools.cache(self._on)

    def used(self, journey: Journey) -> set[Right]:
        return {right for right, _ in self.on(journey)}

    def _on(self, journey: Journey) -> frozenset[tuple[Right, str]]:
        """What it uses, each right with an ARN that the policy names."""
        machine = self._world.machine
        assert machine.grants_log is not None
        machine.replace_workers(journey.function)
        before = machine.grants_log.stat().st_size
        journey.go(self._world)
        noted = iam_report.noted(machine.grants_log, before)
        return frozenset(
            (each.right, each.pattern)
            for each in noted
            if (each.function, each.how) == (journey.function, "used") and each.statement not in policies.OF_LAMBDA
        )
