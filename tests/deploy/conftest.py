"""An AWS to deploy to, and a copy of the project to deploy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.aws import Aws
from tests.deploy.checkout import Checkout, Run
from tests.deploy.expected import SIZES
from tests.deploy.snapshot import Snapshot


@dataclass(frozen=True)
class Deployment:
    """The stage prod, deployed once: the output of the command, and a snapshot of the account."""

    aws: Aws
    checkout: Checkout
    run: Run
    snapshot: Snapshot
    # Settings and policies as the deployment left them.
    environment: dict[str, str]
    policies: dict[str, Any]

    @property
    def api(self) -> str:
        """The API's id."""
        (api,) = self.snapshot.apis
        return api


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The application as it is, deployed to an AWS of its own by the one command."""
    folder = tmp_path_factory.mktemp("prod")
    with Aws(folder / "aws.log") as aws:
        checkout = Checkout(folder / "checkout", aws)
        run = checkout.run("-m", "infra", "deploy", "--stage", "prod", "--yes")
        assert run.returncode == 0, run.stdout + run.stderr
        policies = {function: checkout.policy("prod", function) for function in SIZES}
        yield Deployment(aws, checkout, run, Snapshot.of(aws), checkout.environment("prod"), policies)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The embedded AWS for all deployments of this session."""
    log = tmp_path_factory.mktemp("deploy") / "aws.log"
    with Aws(log) as aws:
        yield aws


@pytest.fixture
def aws(embedded: Aws) -> Aws:
    """An empty account."""
    embedded.reset()
    return embedded


@pytest.fixture
def checkout(aws: Aws, tmp_path: Path) -> Checkout:
    """A copy of the project for that account."""
    return Checkout(tmp_path / "checkout", aws)
