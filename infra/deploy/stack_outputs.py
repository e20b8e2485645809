"""What AWS named is written into .chalice/config.json, and what follows from it: policies and the declarations."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from infra import declarations, policies, stages
from infra.deploy import rest_api
from infra.deploy.errors import DeployError
from infra.deploy.target import Target

# By output of the template, the setting that it is; and the setting of an output that not every stage has.
_SETTINGS = {
    "CognitoUserPoolId": "COGNITO_USER_POOL_ID",
    "CognitoClientId": "COGNITO_CLIENT_ID",
    "JwksUrl": "JWKS_URL",
    "ImagesStreamArn": "IMAGES_STREAM_ARN",
    "UsageStreamArn": "USAGE_STREAM_ARN",
    "AuditStreamArn": "AUDIT_STREAM_ARN",
}
_FORMER_CLIENT = ("FormerClientId", "COGNITO_FORMER_CLIENT_ID")


def with_outputs(target: Target, named: Mapping[str, str]) -> Target:
    """The target whose configuration says what the stack's outputs name; nothing is written.

    Raises:
        DeployError: the stack lacks an output.
    """
    if missing := sorted(_SETTINGS.keys() - named.keys()):
        raise DeployError(
            f"The stack does not tell {', '.join(missing)}: it was made from another template. Deploy the template "
            "that belongs to this code."
        )
    config = stages.configured(target.config, target.place)
    stage = dict(config["stages"][target.stage])
    stage["environment_variables"] = {
        **stage["environment_variables"],
        **{setting: named[output] for output, setting in _SETTINGS.items()},
    }
    output, setting = _FORMER_CLIENT
    # "" is none: who finds no value in the environment looks for one in Parameter Store.
    stage["environment_variables"][setting] = named.get(output, "")
    stage = _told_chalice(stage, target, named)
    return dataclasses.replace(target, config={**config, "stages": {**config["stages"], target.stage: stage}})


def _told_chalice(stage: dict[str, Any], target: Target, named: Mapping[str, str]) -> dict[str, Any]:
    """The stage with what Chalice itself reads: key, network, concurrency."""
    options = target.options
    network = bool(options.subnet_ids and named.get("SecurityGroupId"))
    wanted: dict[str, Any] = {
        "kms_key_arn": named.get("KeyArn"),
        "subnet_ids": list(options.subnet_ids) if network else None,
        "security_group_ids": [named["SecurityGroupId"]] if network else None,
    }
    functions = {
        name: _without_none({**own, "reserved_concurrency": options.reserved_concurrency.get(name)})
        for name, own in stage["lambda_functions"].items()
    }
    # Functions come last, as they are many.
    return {
        **_without_none({**stage, **wanted, "lambda_functions": None}),
        "lambda_functions": functions,
    }


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def with_api_address(target: Target) -> Target:
    """The target whose configuration says where its API answers; one of the owner's own stays."""
    api = rest_api.find(target)
    said = target.settings("api_handler").get(stages.ADDRESS, "")
    if api is None or (said and stages.GATEWAYS_OWN not in said):
        return target
    stage = target.config["stages"][target.stage]
    settings = {**stage["environment_variables"], stages.ADDRESS: rest_api.url(target, api)}
    stage = {**stage, "environment_variables": settings}
    return dataclasses.replace(
        target, config={**target.config, "stages": {**target.config["stages"], target.stage: stage}}
    )


def write(target: Target) -> int:
    """Writes the configuration and the policies where they say otherwise; how many files changed."""
    changed = policies.write(target.declared, target.config)
    if stages.read() != target.config:
        stages.write(target.config)
        changed += 1
    return changed


def update_declarations(target: Target) -> int:
    """Makes the table say what the code declares; how many rows changed."""
    return sum(declarations.update_table(target.app))
