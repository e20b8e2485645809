"""Provisioned concurrency of a published version, whose alias `live` the state machine invokes."""

import functools
from collections.abc import Iterator
from typing import Any

from infra.deploy.change import Change
from infra.deploy.errors import ignoring
from infra.deploy.target import CAN_BE_PROVISIONED, Target

ALIAS = "live"


def changes(target: Target) -> Iterator[Change]:
    """The changes to versions, aliases and provisioned concurrency."""
    for name in CAN_BE_PROVISIONED:
        if number := target.options.provisioned_concurrency.get(name):
            yield from _provisioning(target, name, number)
        else:
            yield from removals(target, name)


def missing_aliases(target: Target) -> Iterator[Change]:
    """Creates an alias for each existing function without one, before the state machine refers to it."""
    lambda_ = target.client("lambda")
    for name in CAN_BE_PROVISIONED:
        function = target.lambda_name(name)
        is_wanted = name in target.options.provisioned_concurrency
        if is_wanted and _alias_version(lambda_, function) is None and _exists(lambda_, function):
            yield Change(f"{name}: the alias {ALIAS}", functools.partial(_publish, lambda_, function, None))


def _provisioning(target: Target, name: str, number: int) -> Iterator[Change]:
    lambda_ = target.client("lambda")
    function = target.lambda_name(name)
    version = _alias_version(lambda_, function)
    if version is None or not _is_current(lambda_, function, version):
        yield Change(
            f"{name}: a new version for the alias {ALIAS}",
            functools.partial(_publish, lambda_, function, version),
        )
    if _provisioned(lambda_, function) != number:
        yield Change(
            f"{name}: provisioned concurrency {number}",
            functools.partial(
                lambda_.put_provisioned_concurrency_config,
                FunctionName=function,
                Qualifier=ALIAS,
                ProvisionedConcurrentExecutions=number,
            ),
        )


def removals(target: Target, name: str) -> Iterator[Change]:
    """The changes to a function that should have no provisioned concurrency."""
    lambda_ = target.client("lambda")
    function = target.lambda_name(name)
    if _alias_version(lambda_, function) is None:
        return
    if _provisioned(lambda_, function):
        yield Change(
            f"{name}: no provisioned concurrency",
            functools.partial(lambda_.delete_provisioned_concurrency_config, FunctionName=function, Qualifier=ALIAS),
        )
    yield Change(
        f"{name}: no alias {ALIAS}",
        functools.partial(lambda_.delete_alias, FunctionName=function, Name=ALIAS),
    )


def _publish(lambda_: Any, function: str, previous: str | None) -> None:
    """Publishes a version and moves the alias to it. Keeps the previous version for a rollback, removes older ones."""
    version = lambda_.publish_version(FunctionName=function)["Version"]
    lambda_.get_waiter("published_version_active").wait(FunctionName=function, Qualifier=version)
    if previous is None:
        lambda_.create_alias(FunctionName=function, Name=ALIAS, FunctionVersion=version)
    elif version != previous:
        lambda_.update_alias(FunctionName=function, Name=ALIAS, FunctionVersion=version)
    for page in lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=function):
        for each in page["Versions"]:
            if each["Version"] not in ("$LATEST", version, previous):
                lambda_.delete_function(FunctionName=function, Qualifier=each["Version"])


# If one of these differs, a new version has to be published.
_VERSIONED = (
    "CodeSha256",
    "Runtime",
    "Role",
    "Handler",
    "Timeout",
    "MemorySize",
    "Environment",
    "KMSKeyArn",
    "Layers",
    "VpcConfig",
    "TracingConfig",
)


def _is_current(lambda_: Any, function: str, version: str) -> bool:
    latest = lambda_.get_function_configuration(FunctionName=function)
    published = lambda_.get_function_configuration(FunctionName=function, Qualifier=version)
    return all(latest.get(name) == published.get(name) for name in _VERSIONED)


def _alias_version(lambda_: Any, function: str) -> str | None:
    """The alias's version, or None without an alias."""
    with ignoring("ResourceNotFoundException"):
        return str(lambda_.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"])
    return None


def _exists(lambda_: Any, function: str) -> bool:
    with ignoring("ResourceNotFoundException"):
        return bool(lambda_.get_function_configuration(FunctionName=function))
    return False


def _provisioned(lambda_: Any, function: str) -> int:
    """The current provisioned concurrency; 0 if it is missing or has failed."""
    with ignoring("ProvisionedConcurrencyConfigNotFoundException", "ResourceNotFoundException"):
        current = lambda_.get_provisioned_concurrency_config(FunctionName=function, Qualifier=ALIAS)
        return 0 if current.get("Status") == "FAILED" else int(current["RequestedProvisionedConcurrentExecutions"])
    return 0
