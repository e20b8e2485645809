"""A stage to deploy: place, settings, options, grants and credentials, all checked before anything changes."""

import functools
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from infra import function_grants, policies, stages
from infra.deploy.errors import RefusedError
from infra.function_grants import FunctionGrants
from infra.options import Options, OptionsError
from infra.settings import CONFIG, environment_of, settings_of_function
from infra.stages import Place

# API Gateway allows some calls only once in five seconds (CreateDeployment), so calls are retried often.
_MANY_RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=60)
_FEW_RETRIES = Config(retries={"mode": "standard", "total_max_attempts": 2})
_LOCAL = "local"
# The functions that the state machine can invoke by an alias (infra/resources.yaml, WarmResize).
CAN_BE_PROVISIONED = ("resize",)


@dataclass(frozen=True)
class Target:
    """A stage at its place. `config` is .chalice/config.json with that place, which may not be written yet."""

    place: Place
    options: Options
    config: dict[str, Any]
    grants: Mapping[str, FunctionGrants]
    # The application, imported with the stage's settings.
    app: Any
    # Whether config.json had no place for the stage, so that the credentials determine it.
    is_newly_placed: bool
    # The environment for Chalice's process: this process's at its start.
    environment: Mapping[str, str] = field(repr=False)

    @property
    def stage(self) -> str:
        return self.place.stage

    def client(self, service: str) -> Any:
        """The client of a service in the stage's region."""
        return client(service, self.place.region)

    def lambda_name(self, function: str) -> str:
        return function_grants.lambda_name(function, self.stage)

    def lambda_arn(self, function: str) -> str:
        return f"arn:aws:lambda:{self.place.region}:{self.place.account}:function:{self.lambda_name(function)}"

    def queue_arn(self, logical_id: str) -> str:
        """The ARN of a queue of the template."""
        return stages.arn_of(stages.resources()[logical_id], self.place)

    def settings(self, function: str) -> dict[str, str]:
        """The environment variables that a function should have."""
        return environment_of(self.config, self.stage, function)

    def is_traced(self, function: str) -> bool:
        """Whether X-Ray tracing should be on."""
        return bool(settings_of_function(self.config, self.stage, function).get("xray"))


@functools.cache
def client(service: str, region: str) -> Any:
    return boto3.session.Session().client(service, region_name=region, config=_MANY_RETRIES)


def read_config() -> dict[str, Any]:
    """.chalice/config.json.

    Raises:
        RefusedError: it is not valid JSON.
    """
    try:
        return stages.read()
    except json.JSONDecodeError as error:
        raise RefusedError(
            f"{CONFIG} is not valid JSON: {error}. Fix it, or restore it from version control."
        ) from None


def load(stage: str) -> Target:
    """Loads a stage from the configuration and the code.

    Raises:
        RefusedError: the stage does not exist, its options are invalid, or the credentials are for another account.
    """
    place, config, is_newly_placed = locate(stage)
    options = _options(stage)
    environment = {**os.environ, "AWS_REGION": place.region, "AWS_DEFAULT_REGION": place.region}
    app = _application(config, place)
    grants = function_grants.grants_by_function(app)
    _check_concurrency(options, grants)
    config = stages.configured(config, place)
    return Target(place, options, config, grants, app, is_newly_placed, environment)


def locate(stage: str) -> tuple[Place, dict[str, Any], bool]:
    """The place of a stage, the configuration, and whether only the credentials determine the place.

    Raises:
        RefusedError: see `load`.
    """
    config = read_config()
    if stage not in config["stages"] or stage == _LOCAL:
        names = ", ".join(name for name in config["stages"] if name != _LOCAL)
        reason = "is the local machine (`make run`)" if stage == _LOCAL else "is no stage"
        raise RefusedError(
            f"{stage!r} {reason}; the stages are {names}. Create a new one with "
            f"`python -m infra configure --stage NAME --account 123456789012 --region REGION`."
        )
    configured = _configured_place(stage, config)
    try:
        stages.check_partition(configured.region)
    except ValueError as error:
        raise RefusedError(f"{error}.") from None
    account = identity(configured.region)
    if configured.account == stages.NO_ACCOUNT:
        return _place_of_credentials(stage, account, configured.region), config, True
    if configured.account != account:
        raise RefusedError(
            f"{stage} is in account {configured.account} ({CONFIG.name}), but these credentials are for {account}. Use "
            f"credentials for {configured.account}. Or, to deploy a new copy of the stage to {account}: "
            f"`python -m infra configure --stage {stage} --account {account} --region {configured.region}`."
        )
    return configured, config, False


def _configured_place(stage: str, config: Mapping[str, Any]) -> Place:
    """The place in the configuration, which may be without an account."""
    try:
        return Place.of(stage, config["stages"][stage].get("environment_variables", {}))
    except (KeyError, ValueError):
        return Place(stage, boto3.session.Session().region_name or "us-east-1", stages.NO_ACCOUNT, "")


def _place_of_credentials(stage: str, account: str, region: str) -> Place:
    """The place in the credentials' account."""
    try:
        return stages.place(stage, boto3.session.Session().region_name or region, account)
    except ValueError as error:
        raise RefusedError(f"{error}. Set the place of the stage: `python -m infra configure --help`.") from None


def identity(region: str) -> str:
    """The account of these credentials."""
    # The first call of a run. It should fail fast if AWS cannot be reached.
    sts = boto3.session.Session().client("sts", region_name=region, config=_MANY_RETRIES.merge(_FEW_RETRIES))
    account: str = sts.get_caller_identity()["Account"]
    return account


def _application(config: Mapping[str, Any], place: Place) -> Any:
    """app.py, imported with the stage's settings.

    Raises:
        RefusedError: it cannot be imported.
    """
    settings = {**environment_of(stages.configured(dict(config), place), place.stage, function_grants.API)}
    os.environ.update({**settings, "AWS_REGION": place.region, "AWS_DEFAULT_REGION": place.region})
    try:
        from app import app
    except Exception as error:
        raise RefusedError(
            f"app.py cannot be imported with the settings of {place.stage}: {type(error).__name__}: {error}. "
            "`make test` shows more."
        ) from error
    return app


def _options(stage: str) -> Options:
    try:
        return Options.of(stage)
    except OptionsError as error:
        raise RefusedError(str(error)) from None


def _check_concurrency(options: Options, grants: Mapping[str, FunctionGrants]) -> None:
    names = {*options.reserved_concurrency, *options.provisioned_concurrency}
    if unknown := sorted(names - set(grants)):
        raise RefusedError(f"stages.toml sets concurrency for {', '.join(unknown)}, but app.py has no such function.")
    if unsupported := sorted(options.provisioned_concurrency.keys() - set(CAN_BE_PROVISIONED)):
        raise RefusedError(
            f"stages.toml sets provisioned_concurrency for {', '.join(unsupported)}. Only the functions that the state "
            f"machine invokes by an alias can have it: {', '.join(CAN_BE_PROVISIONED)}. Remove the others."
        )


def check_drift(target: Target) -> None:
    """Checks that the committed policies match the grants in the code, because reviewers read the policies.

    Raises:
        RefusedError: they differ.
    """
    config, stage, grants = read_config(), target.stage, target.grants
    names = {function_grants.API, *config["lambda_functions"]}
    if different := sorted(names ^ set(grants)):
        raise RefusedError(
            f"app.py and {CONFIG.name} have different functions: {', '.join(different)}. Add an entry under "
            "lambda_functions for each function of app.py, remove the others, then run `make policies`."
        )
    wanted = {
        name: text for name, text in policies.files(grants, config).items() if re.fullmatch(rf"{stage}-\w+\.json", name)
    }
    if stale := sorted(name for name, text in wanted.items() if not _is_current(name, text)):
        raise RefusedError(
            f"The code declares other grants than {', '.join(stale[:3])}{' …' * (len(stale) > 3)} in "
            f".chalice/policies. Run `make policies`, review the difference, commit it, and deploy again."
        )


def _is_current(name: str, text: str) -> bool:
    path = policies.FOLDER / name
    return path.exists() and path.read_text() == text
