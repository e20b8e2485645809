"""Containers kept warm: a published version behind the alias `live`, which the state machine invokes."""

import functools
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.change import Change
from infra.deploy.errors import code_of
from infra.deploy.target import CAN_BE_PROVISIONED, Target

ALIAS = "live"


def changes(target: Target) -> Iterator[Change]:
    """What is to be published, moved or warmed; and what is no longer to be."""
    for name in CAN_BE_PROVISIONED:
        if warm := target.options.provisioned_concurrency.get(name):
            yield from _warm(target, name, warm)
        else:
            yield from removals(target, name)


def missing_aliases(target: Target) -> Iterator[Change]:
    """Before the state machine asks for an alias: one, where there is a function already and no alias."""
    lambda_ = target.client("lambda")
    for name in CAN_BE_PROVISIONED:
        function = target.lambda_name(name)
        wanted = name in target.options.provisioned_concurrency
        if wanted and _alias(lambda_, function) is None and _exists(lambda_, function):
            yield Change(f"{name}: the alias {ALIAS}", functools.partial(_move, lambda_, function, None))


def _warm(target: Target, name: str, warm: int) -> Iterator[Change]:
    lambda_ = target.client("lambda")
    function = target.lambda_name(name)
    standing = _alias(lambda_, function)
    if standing is None or not _is_current(lambda_, function, standing):
        yield Change(
            f"{name}: a version of what is deployed, behind the alias {ALIAS}",
            functools.partial(_move, lambda_, function, standing),
        )
    if _provisioned(lambda_, function) != warm:
        yield Change(
            f"{name}: {warm} containers kept warm",
            functools.partial(
                lambda_.put_provisioned_concurrency_config,
                FunctionName=function,
                Qualifier=ALIAS,
                ProvisionedConcurrentExecutions=warm,
            ),
        )


def removals(target: Target, name: str) -> Iterator[Change]:
    """What is to be taken from a function that is to be warm no longer."""
    lambda_ = target.client("lambda")
    function = target.lambda_name(name)
    if _alias(lambda_, function) is None:
        return
    if _provisioned(lambda_, function):
        yield Change(
            f"{name}: no containers kept warm",
            functools.partial(lambda_.delete_provisioned_concurrency_config, FunctionName=function, Qualifier=ALIAS),
        )
    yield Change(
        f"{name}: without the alias {ALIAS}",
        functools.partial(lambda_.delete_alias, FunctionName=function, Name=ALIAS),
    )


def _move(lambda_: Any, function: str, standing: str | None) -> None:
    """Publishes what is deployed and has the alias name it. The version before stays, to go back to; older ones go."""
    version = lambda_.publish_version(FunctionName=function)["Version"]
    lambda_.get_waiter("published_version_active").wait(FunctionName=function, Qualifier=version)
    if standing is None:
        lambda_.create_alias(FunctionName=function, Name=ALIAS, FunctionVersion=version)
    elif version != standing:
        lambda_.update_alias(FunctionName=function, Name=ALIAS, FunctionVersion=version)
    for page in lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=function):
        for each in page["Versions"]:
            if each["Version"] not in ("$LATEST", version, standing):
                lambda_.delete_function(FunctionName=function, Qualifier=each["Version"])


# What makes a published version differ from what is deployed now.
_CURRENT = (
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
    standing = lambda_.get_function_configuration(FunctionName=function, Qualifier=version)
    return all(latest.get(name) == standing.get(name) for name in _CURRENT)


def _alias(lambda_: Any, function: str) -> str | None:
    """The version that the alias names."""
    try:
        return str(lambda_.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"])
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return None


def _exists(lambda_: Any, function: str) -> bool:
    try:
        lambda_.get_function_configuration(FunctionName=function)
    except lambda_.exceptions.ResourceNotFoundException:
        return False
    return True


def _provisioned(lambda_: Any, function: str) -> int:
    """The containers that are to be warm by now; none where they could not be made."""
    try:
        found = lambda_.get_provisioned_concurrency_config(FunctionName=function, Qualifier=ALIAS)
    except ClientError as error:
        if code_of(error) not in ("ProvisionedConcurrencyConfigNotFoundException", "ResourceNotFoundException"):
            raise
        return 0
    return 0 if found.get("Status") == "FAILED" else int(found["RequestedProvisionedConcurrentExecutions"])
