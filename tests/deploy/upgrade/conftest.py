"""A stage: deployed as version 0.1.0, filled with data, upgraded, and rolled back to 0.1.0."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.fake_api import FakeApi
from tests.deploy.aws import Aws
from tests.deploy.checkout import Checkout
from tests.deploy.upgrade import old_version
from tests.deploy.upgrade.sample_data import Filled, begin, begin_again, fill, finish
from tests.deploy.upgrade.stage import Stage
from tests.journeys.receiver import Receiver


@dataclass(frozen=True)
class World:
    """An AWS, checkouts of both versions, and the external services."""

    aws: Aws
    old: Checkout
    new: Checkout
    receiver: Receiver
    fake_api: FakeApi


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("upgrade")
    project = old_version.unpack(folder / "0.1.0")
    with Aws(folder / "aws.log") as aws, Receiver() as receiver, FakeApi() as fake_api:
        old, new = Checkout(folder / "old", aws, project), Checkout(folder / "new", aws)
        # Settings that people set by hand.
        for name, value in {"ALLOW_PRIVATE_ADDRESSES": "true", "EXTERNAL_API_URL": fake_api.url}.items():
            aws.client("ssm").put_parameter(Name=f"/darkroom/dev/darkroom/{name}", Type="String", Value=value)
        yield World(aws, old, new, receiver, fake_api)


def deploy(checkout: Checkout) -> None:
    run = checkout.run("-m", "infra", "deploy", "--stage", "dev", "--yes")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="session")
def filled(world: World) -> Filled:
    """Version 0.1.0 with data and work in progress."""
    deploy(world.old)
    filled = begin(Stage(world.aws))
    fill(filled, world.receiver, world.fake_api)
    return filled


@pytest.fixture(scope="session")
def upgraded(world: World, filled: Filled) -> Filled:
    """The same stage with the current version, which has finished the work in progress."""
    deploy(world.new)
    finish(filled)
    return filled


@pytest.fixture(scope="session")
def undone(world: World, upgraded: Filled) -> Filled:
    """The data of the current version, after the rollback to 0.1.0, which has finished the work in progress."""
    made = begin_again(upgraded)
    fill(made, world.receiver, world.fake_api)
    deploy(world.old)
    for person in (made.ann, made.root, made.zed):
        person.sign_in()
    finish(made)
    return made
