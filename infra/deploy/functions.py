"""The stage's functions in AWS, and what a deploy would change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.deploy import packages
from infra.deploy.target import Target
from infra.function_grants import API
from infra.settings import settings_of_function

# The tag of resources that Chalice created.
_MADE_BY_CHALICE = "aws-chalice"


@dataclass(frozen=True)
class Differences:
    """The functions by what a deploy would do. `removed` are those that app.py no longer has."""

    new: list[str]
    changed: list[str]
    same: list[str]
    removed: list[str]


def deployed(target: Target) -> dict[str, dict[str, Any]]:
    """The configurations of the stage's functions in AWS, by their names in AWS.

    A function that app.py no longer has is included only if Chalice created it: a foreign one may have a similar name.
    """
    lambda_ = target.client("lambda")
    own = {target.lambda_name(name) for name in target.grants}
    prefix = f"{target.lambda_name(API)}-"
    return {
        each["FunctionName"]: each
        for page in lambda_.get_paginator("list_functions").paginate()
        for each in page["Functions"]
        if each["FunctionName"] in own
        or (
            each["FunctionName"].startswith(prefix)
            and _MADE_BY_CHALICE in lambda_.list_tags(Resource=each["FunctionArn"])["Tags"]
        )
    }


def reserved_concurrency(target: Target) -> int:
    """The concurrent executions that the deployed functions reserve."""
    lambda_ = target.client("lambda")
    return sum(
        lambda_.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0)
        for name in deployed(target)
    )


def differences(target: Target) -> Differences:
    current = deployed(target)
    digest = packages.digest(target)
    existing = [name for name in target.grants if target.lambda_name(name) in current]
    changed = [name for name in existing if _differs(target, name, current[target.lambda_name(name)], digest)]
    known = {target.lambda_name(name) for name in target.grants}
    return Differences(
        new=[name for name in target.grants if name not in existing],
        changed=changed,
        same=[name for name in existing if name not in changed],
        removed=sorted(set(current) - known),
    )


def _differs(target: Target, name: str, current: Mapping[str, Any], digest: str) -> bool:
    settings = settings_of_function(target.config, target.stage, name)
    wanted = {
        "CodeSha256": digest,
        "MemorySize": settings["lambda_memory_size"],
        "Timeout": settings["lambda_timeout"],
    }
    environment = current.get("Environment", {}).get("Variables", {})
    return any(current.get(key) != value for key, value in wanted.items()) or any(
        environment.get(key) != value for key, value in target.settings(name).items()
    )
