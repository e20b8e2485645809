"""The stage's functions as they stand in AWS, and what a deploy would do to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.deploy import packages
from infra.deploy.target import Target
from infra.function_grants import API
from infra.settings import settings_of_function

# The tag that Chalice gives to what it makes.
_MADE_BY_CHALICE = "aws-chalice"


@dataclass(frozen=True)
class Differences:
    """The functions by what a deploy would do to them; `gone` are those that app.py no longer has."""

    new: list[str]
    changed: list[str]
    same: list[str]
    gone: list[str]


# ------------------------------------------------------------------------- what differs


def deployed(target: Target) -> dict[str, dict[str, Any]]:
    """The configurations of the stage's functions in AWS, by the names that AWS has for them.

    One that app.py does not have is the stage's if Chalice made it: somebody else's may have a name like ours.
    """
    lambda_ = target.client("lambda")
    own = {target.lambda_name(name) for name in target.declared}
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
    """How many concurrent executions are reserved for the stage's functions as they stand."""
    lambda_ = target.client("lambda")
    return sum(
        lambda_.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0)
        for name in deployed(target)
    )


def differences(target: Target) -> Differences:
    found = deployed(target)
    digest = packages.digest(target)
    there = [name for name in target.declared if target.lambda_name(name) in found]
    changed = [name for name in there if _differs(target, name, found[target.lambda_name(name)], digest)]
    known = {target.lambda_name(name) for name in target.declared}
    return Differences(
        new=[name for name in target.declared if name not in there],
        changed=changed,
        same=[name for name in there if name not in changed],
        gone=sorted(set(found) - known),
    )


def _differs(target: Target, name: str, found: Mapping[str, Any], digest: str) -> bool:
    own = settings_of_function(target.config, target.stage, name)
    wanted = {
        "CodeSha256": digest,
        "MemorySize": own["lambda_memory_size"],
        "Timeout": own["lambda_timeout"],
    }
    environment = found.get("Environment", {}).get("Variables", {})
    return any(found.get(key) != value for key, value in wanted.items()) or any(
        environment.get(key) != value for key, value in target.settings(name).items()
    )
