"""The world of small journeys."""

from collections.abc import Iterator

import pytest

from infra.function_grants import API
from local.machine import Machine
from tests.journeys import container
from tests.journeys.rights import world as worlds
from tests.journeys.rights.journey import UsedRights
from tests.journeys.rights.world import World


@pytest.fixture(scope="module")
def world(machine: Machine) -> Iterator[World]:
    """Meanwhile this process plays a function, so that it can write and read rows, and no trigger is active."""
    with pytest.MonkeyPatch.context() as patch:
        container.play(machine.environment, patch)
        worlds.empty_tables(machine)
        world = worlds.create_world(machine)
        with worlds.without_triggers(machine):
            yield world
            world.clean_up()
        machine.replace_workers(API)
    container.forget()


@pytest.fixture(scope="module")
def used_rights(world: World) -> UsedRights:
    return UsedRights(world)
