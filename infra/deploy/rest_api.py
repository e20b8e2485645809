"""The stage's REST API: which one it is, and where it answers."""

from typing import Any

from infra.deploy.target import Target
from infra.function_grants import API

_NAME = "darkroom"


def stage(target: Target) -> str:
    """The name of the API's stage, with which its paths begin: Chalice's setting, and its default."""
    config = target.config
    named: str = config["stages"][target.stage].get("api_gateway_stage", config.get("api_gateway_stage", "api"))
    return named


def find(target: Target) -> str | None:
    """The id of the API that hands its requests to the stage's function, or None.

    All stages' APIs have one name, so it is told by what it integrates. Of two, which a deploy that was cut off may
    have left, it is the one that has a stage.
    """
    gateway = target.client("apigateway")
    found = [
        each["id"]
        for page in gateway.get_paginator("get_rest_apis").paginate()
        for each in page["items"]
        if each["name"] == _NAME and _serves(gateway, each["id"], target.lambda_arn(API))
    ]
    return next((each for each in found if _is_deployed(gateway, each, stage(target))), found[0] if found else None)


def url(target: Target, api: str) -> str:
    """Where it answers, without a slash at the end."""
    return f"https://{api}.execute-api.{target.place.region}.amazonaws.com/{stage(target)}"


def _serves(gateway: Any, api: str, function: str) -> bool:
    for page in gateway.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"]):
        for resource in page["items"]:
            for method in resource.get("resourceMethods", {}).values():
                uri = method.get("methodIntegration", {}).get("uri")
                if uri:
                    return f"/{function}/" in uri
    return False


def _is_deployed(gateway: Any, api: str, stage: str) -> bool:
    return any(each["stageName"] == stage for each in gateway.get_stages(restApiId=api)["item"])
