"""Records the names that AWS chose in .chalice/config.json, and updates the policies and the table of declarations."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from infra import declarations, policies, stages
from infra.deploy import rest_api
from infra.deploy.errors import DeployError
from infra.deploy.target import Target

# The settings, by output of the template; and the output that some stages do not have.
_SETTINGS = {
    "CognitoUserPoolId": "COGNITO_USER_POOL_ID",
    "CognitoClientId": "COGNITO_CLIENT_ID",
    "JwksUrl": "JWKS_URL",
    "ImagesStreamArn": "IMAGES_STREAM_ARN",
    "UsageStreamArn": "USAGE_STREAM_ARN",
    "AuditStreamArn": "AUDIT_STREAM_ARN",
}
_FORMER_CLIENT = ("FormerClientId", "COGNITO_FORMER_CLIENT_ID")


def with_outputs(target: Target, outputs: Mapping[str, str]) -> Target:
    """The target with the stack's outputs in its configuration. Nothing is written.

    Raises:
        DeployError: the stack lacks an output.
    """
    if missing := sorted(_SETTINGS.keys() - outputs.keys()):
        raise DeployError(
            f"The stack has no output {', '.join(missing)}: it was created from another template. Deploy the template "
            "of this code."
        )
    config = stages.configured(target.config, target.place)
    stage = dict(config["stages"][target.stage])
    stage["environment_variables"] = {
        **stage["environment_variables"],
        **{setting: outputs[output] for output, setting in _SETTINGS.items()},
    }
    output, setting = _FORMER_CLIENT
    # "" means none. Without a value in the environment, the functions would look for one in Parameter Store.
    stage["environment_variables"][setting] = outputs.get(output, "")
    stage = _with_chalice_settings(stage, target, outputs)
    return dataclasses.replace(target, config={**config, "stages": {**config["stages"], target.stage: stage}})


def _with_chalice_settings(stage: dict[str, Any], target: Target, outputs: Mapping[str, str]) -> dict[str, Any]:
    """The stage with the settings that Chalice reads: key, network, concurrency."""
    options = target.options
    network = bool(options.subnet_ids and outputs.get("SecurityGroupId"))
    settings: dict[str, Any] = {
        "kms_key_arn": outputs.get("KeyArn"),
        "subnet_ids": list(options.subnet_ids) if network else None,
        "security_group_ids": [outputs["SecurityGroupId"]] if network else None,
    }
    functions = {
        name: _without_none({**own, "reserved_concurrency": options.reserved_concurrency.get(name)})
        for name, own in stage["lambda_functions"].items()
    }
    # The functions come last, because there are many.
    return {
        **_without_none({**stage, **settings, "lambda_functions": None}),
        "lambda_functions": functions,
    }


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def with_api_address(target: Target) -> Target:
    """The target with the address of its API in its configuration. An owner's own domain stays."""
    api = rest_api.find(target)
    current = target.settings("api_handler").get(stages.API_URL, "")
    if api is None or (current and stages.API_GATEWAY_DOMAIN not in current):
        return target
    stage = target.config["stages"][target.stage]
    settings = {**stage["environment_variables"], stages.API_URL: rest_api.url(target, api)}
    stage = {**stage, "environment_variables": settings}
    return dataclasses.replace(
        target, config={**target.config, "stages": {**target.config["stages"], target.stage: stage}}
    )


def write(target: Target) -> int:
    """Writes the configuration and the policies; returns the number of changed files."""
    changed = policies.write(target.grants, target.config)
    if stages.read() != target.config:
        stages.write(target.config)
        changed += 1
    return changed


def update_declarations(target: Target) -> int:
    """Updates the table of declarations; returns the number of changed rows."""
    return sum(declarations.update_table(target.app))
