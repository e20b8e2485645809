"""The stage's REST API: its id and its address."""

from typing import Any

from infra.deploy.target import Target
from infra.function_grants import API

_NAME = "darkroom"


def stage(target: Target) -> str:
    """The name of the API's stage, the first part of its paths: Chalice's setting or its default."""
    config = target.config
    name: str = config["stages"][target.stage].get("api_gateway_stage", config.get("api_gateway_stage", "api"))
    return name


def find(target: Target) -> str | None:
    """The id of the API that invokes the stage's function, or None.

    The APIs of all stages have the same name, so the integration identifies the API. An interrupted deploy may leave
    two: then it is the one that has a stage.
    """
    gateway = target.client("apigateway")
    ids = [
        each["id"]
        for page in gateway.get_paginator("get_rest_apis").paginate()
        for each in page["items"]
        if each["name"] == _NAME and _invokes(gateway, each["id"], target.lambda_arn(API))
    ]
    return next((each for each in ids if _is_deployed(gateway, each, stage(target))), ids[0] if ids else None)


def url(target: Target, api: str) -> str:
    """The address of the API, without a slash at the end."""
    return f"https://{api}.execute-api.{target.place.region}.amazonaws.com/{stage(target)}"


def _invokes(gateway: Any, api: str, function: str) -> bool:
    for page in gateway.get_paginator("get_resources").paginate(restApiId=api, embed=["methods"]):
        for resource in page["items"]:
            for method in resource.get("resourceMethods", {}).values():
                uri = method.get("methodIntegration", {}).get("uri")
                if uri:
                    return f"/{function}/" in uri
    return False


def _is_deployed(gateway: Any, api: str, stage: str) -> bool:
    return any(each["stageName"] == stage for each in gateway.get_stages(restApiId=api)["item"])
