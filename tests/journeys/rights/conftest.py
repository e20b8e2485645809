"""The quiet world of small journeys, for one module of tests at a time."""

from collections.abc import Iterator

import pytest

from infra.rights import API
from local.machine import Machine
from tests.journeys import container
from tests.journeys.rights import world as worlds
from tests.journeys.rights.journey import Tried
from tests.journeys.rights.world import World


@pytest.fixture(scope="module")
def world(machine: Machine) -> Iterator[World]:
    """This process is in a function's place meanwhile, to plant and to look up."""
    with pytest.MonkeyPatch.context() as patch:
        container.play(machine.environment, patch)
        worlds.emptied(machine)
        made = worlds.made(machine)
        with worlds.quiet(machine):
            yield made
            made.tidy()
        machine.replace_workers(API)
    container.forget()


@pytest.fixture(scope="module")
def tried(world: World) -> Tried:
    return Tried(world)
