"""Where a stage is deployed and with what: settings, options, declarations and credentials, checked before anything."""

import functools
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.core import config as settings
from chalicelib.core.errors import InvalidSettingError
from chalicelib.imaging.values import FONTS, POSITIONS
from infra import function_grants, policies, stages
from infra.deploy.errors import RefusedError
from infra.function_grants import FunctionGrants
from infra.options import Options, OptionsError
from infra.settings import CONFIG, environment_of, settings_of_function
from infra.stages import Place

# API Gateway takes some calls once in five seconds (CreateDeployment): patience is cheaper than a second run.
_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=60)
_IMPATIENT = Config(retries={"mode": "standard", "total_max_attempts": 2})
_LOCAL = "local"
# The functions that are invoked by an alias where they are to be warm (infra/resources.yaml, WarmResize).
CAN_BE_PROVISIONED = ("resize",)
_KNOWN: dict[str, Iterable[str]] = {"WATERMARK_FONT": FONTS, "WATERMARK_POSITION": POSITIONS}


@dataclass(frozen=True)
class Target:
    """A stage at its place. `config` is .chalice/config.json with the stage there, though nothing is written yet."""

    place: Place
    options: Options
    config: dict[str, Any]
    declared: Mapping[str, FunctionGrants]
    # The application, imported with the stage's settings.
    app: Any
    # Whether the stage's place was not said before, so that it is where these credentials are.
    placed_now: bool
    # What Chalice's own process is given: this one's as it was started.
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
        """What a function's environment is to be."""
        return environment_of(self.config, self.stage, function)

    def is_traced(self, function: str) -> bool:
        """Whether X-Ray is to be shown its runs."""
        return bool(settings_of_function(self.config, self.stage, function).get("xray"))


@functools.cache
def client(service: str, region: str) -> Any:
    return boto3.session.Session().client(service, region_name=region, config=_PATIENT)


def read_config() -> dict[str, Any]:
    """.chalice/config.json.

    Raises:
        RefusedError: it is no JSON.
    """
    try:
        return stages.read()
    except json.JSONDecodeError as error:
        raise RefusedError(f"{CONFIG} is no JSON: {error}. Mend it, or take it back from version control.") from None


def load(stage: str) -> Target:
    """A stage as the configuration and the code have it.

    Raises:
        RefusedError: there is no such stage, its options cannot be, or the credentials are another account's.
    """
    place, config, placed_now = locate(stage)
    options = _options(stage)
    environment = {**os.environ, "AWS_REGION": place.region, "AWS_DEFAULT_REGION": place.region}
    app = _application(config, place)
    declared = function_grants.grants_by_function(app)
    _check_concurrency(options, declared)
    _check_settings(config, stage)
    config = stages.configured(config, place)
    return Target(place, options, config, declared, app, placed_now, environment)


def locate(stage: str) -> tuple[Place, dict[str, Any], bool]:
    """The place of a stage, the configuration, and whether the place is said by these credentials alone.

    Raises:
        RefusedError: see `of`.
    """
    config = read_config()
    if stage not in config["stages"] or stage == _LOCAL:
        have = ", ".join(name for name in config["stages"] if name != _LOCAL)
        known = "is the machine of one (`make run`)" if stage == _LOCAL else "is no stage"
        raise RefusedError(
            f"{stage!r} {known}; there are {have}. A new one is made by "
            f"`python -m infra configure --stage NAME --account 123456789012 --region REGION`."
        )
    told = _told(stage, config)
    try:
        stages.check_partition(told.region)
    except ValueError as error:
        raise RefusedError(f"{error}.") from None
    account = identity(told.region)
    if told.account == stages.NO_ACCOUNT:
        return _here(stage, account, told.region), config, True
    if told.account != account:
        raise RefusedError(
            f"{stage} is in account {told.account} ({CONFIG.name}), and these credentials are of {account}. Take the "
            f"credentials of {told.account}; or, to deploy the stage anew into {account}: "
            f"`python -m infra configure --stage {stage} --account {account} --region {told.region}`."
        )
    return told, config, False


def _told(stage: str, config: Mapping[str, Any]) -> Place:
    """Where the configuration says that the stage is."""
    try:
        return Place.of(stage, config["stages"][stage].get("environment_variables", {}))
    except (KeyError, ValueError):
        return Place(stage, boto3.session.Session().region_name or "us-east-1", stages.NO_ACCOUNT, "")


def _here(stage: str, account: str, region: str) -> Place:
    """Where these credentials are."""
    try:
        return stages.place(stage, boto3.session.Session().region_name or region, account)
    except ValueError as error:
        raise RefusedError(f"{error}. Say where the stage is: `python -m infra configure --help`.") from None


def identity(region: str) -> str:
    """The account of these credentials."""
    # The first question of all: who cannot be reached at once is not waited for.
    sts = boto3.session.Session().client("sts", region_name=region, config=_PATIENT.merge(_IMPATIENT))
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
            "`make test` tells more."
        ) from error
    return app


def _options(stage: str) -> Options:
    try:
        return Options.of(stage)
    except OptionsError as error:
        raise RefusedError(str(error)) from None


def _check_concurrency(options: Options, declared: Mapping[str, FunctionGrants]) -> None:
    named = {*options.reserved_concurrency, *options.provisioned_concurrency}
    if strange := sorted(named - set(declared)):
        raise RefusedError(f"stages.toml gives concurrency to {', '.join(strange)}, and app.py has no such function.")
    if cold := sorted(options.provisioned_concurrency.keys() - set(CAN_BE_PROVISIONED)):
        raise RefusedError(
            f"stages.toml wants {', '.join(cold)} kept warm, which only {', '.join(CAN_BE_PROVISIONED)} can be: the state "
            "machine invokes that one by an alias. Take it out of provisioned_concurrency."
        )


def _check_settings(config: dict[str, Any], stage: str) -> None:
    """Settings whose values the code knows by name; what Parameter Store has is read by the functions alone."""
    environment = environment_of(config, stage, "watermark")
    try:
        for name, known in _KNOWN.items():
            if name in environment:
                settings.chosen(name, environment[name], known)
    except InvalidSettingError as error:
        raise RefusedError(f"{CONFIG}: {error}.") from None


def check_drift(target: Target) -> None:
    """Rights are reviewed as files: what those say has to be what the code declares.

    Raises:
        RefusedError: it is not.
    """
    config, stage, declared = read_config(), target.stage, target.declared
    named = {function_grants.API, *config["lambda_functions"]}
    if strange := sorted(named ^ set(declared)):
        raise RefusedError(
            f"app.py and {CONFIG.name} name different functions: {', '.join(strange)}. Give each function of app.py "
            "an entry under lambda_functions there and take the others out, then `make policies`."
        )
    wanted = {
        name: text
        for name, text in policies.files(declared, config).items()
        if re.fullmatch(rf"{stage}-\w+\.json", name)
    }
    if stale := sorted(name for name, text in wanted.items() if not _says(name, text)):
        raise RefusedError(
            f"The code declares other rights than {', '.join(stale[:3])}{' …' * (len(stale) > 3)} in "
            f".chalice/policies. Run `make policies`, look at the difference, commit it, and deploy again."
        )


def _says(name: str, text: str) -> bool:
    path = policies.FOLDER / name
    return path.exists() and path.read_text() == text
