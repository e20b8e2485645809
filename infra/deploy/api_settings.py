"""Settings of the REST API that Chalice does not support: error responses, throttling, access log, tracing."""

import functools
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.core.errors import (
    DarkroomError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    PermissionDeniedError,
    TooLargeError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedError,
    UnsupportedTypeError,
)
from chalicelib.core.http import responses
from infra import stages
from infra.deploy import rest_api
from infra.deploy.change import Change
from infra.deploy.errors import DeployError, code_of
from infra.deploy.target import Target

# The errors that API Gateway answers itself, before a function runs, with our error classes (core/errors.py). The two
# defaults keep API Gateway's status.
ERROR_RESPONSES: Mapping[str, type[DarkroomError]] = {
    "DEFAULT_4XX": InvalidRequestError,
    "DEFAULT_5XX": UnexpectedError,
    # An unknown path, or a method that the path does not have.
    "MISSING_AUTHENTICATION_TOKEN": NotFoundError,
    "RESOURCE_NOT_FOUND": NotFoundError,
    "UNAUTHORIZED": NotAuthenticatedError,
    "ACCESS_DENIED": PermissionDeniedError,
    "WAF_FILTERED": PermissionDeniedError,
    "REQUEST_TOO_LARGE": TooLargeError,
    "UNSUPPORTED_MEDIA_TYPE": UnsupportedTypeError,
    "THROTTLED": TooManyRequestsError,
    "QUOTA_EXCEEDED": TooManyRequestsError,
    "INTEGRATION_FAILURE": UnavailableError,
    "INTEGRATION_TIMEOUT": UnavailableError,
}
# The throttling rate is per second, so a caller can retry after one second.
_THROTTLED_SECONDS = 1

_LOG_FORMAT = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "userAgent": "$context.identity.userAgent",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latencyMs": "$context.responseLatency",
    "integrationMs": "$context.integrationLatency",
    "error": "$context.error.responseType",
    "trace": "$context.xrayTraceId",
}

_LOGS_ROLE = "darkroom-api-gateway-logs"
_LOGS_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
# A new role takes effect with a delay.
_ROLE_SECONDS = 60


@dataclass(frozen=True)
class _Api:
    target: Target
    gateway: Any
    id: str


def changes(target: Target) -> Iterator[Change]:
    """The changes to the API and its stage; none if there is no API yet."""
    api_id = rest_api.find(target)
    if api_id is None:
        return
    api = _Api(target, target.client("apigateway"), api_id)
    yield from _responses(api)
    yield from _account(api)
    yield from _stage(api)


# ------------------------------------------------------------------- error responses


def gateway_response(kind: str, origin: str) -> dict[str, Any]:
    """The response of API Gateway to a kind of error, as arguments of PutGatewayResponse."""
    error = ERROR_RESPONSES[kind]()
    if kind in ("THROTTLED", "QUOTA_EXCEEDED"):
        error.retry_after = _THROTTLED_SECONDS
    headers = {"Access-Control-Allow-Origin": origin, **responses.DEFAULT_HEADERS, **error.headers()}
    if "Retry-After" in headers:
        headers["Access-Control-Expose-Headers"] = "Retry-After"
    arguments: dict[str, Any] = {
        "responseType": kind,
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
        "responseTemplates": {"application/json": json.dumps(error.body("$context.requestId"))},
    }
    return arguments if kind.startswith("DEFAULT_") else {**arguments, "statusCode": str(error.status)}


def _responses(api: _Api) -> Iterator[Change]:
    origin = api.target.settings("api_handler")["CORS_ORIGIN"]
    current = {each["responseType"]: each for each in _current_responses(api)}
    wanted = [gateway_response(kind, origin) for kind in ERROR_RESPONSES]
    wrong = [each for each in wanted if not _contains(current.get(each["responseType"], {}), each)]
    for each in wrong:
        yield Change(
            f"API: the response to {each['responseType']}",
            functools.partial(api.gateway.put_gateway_response, restApiId=api.id, **each),
        )
    if wrong:
        # They take effect with a deployment.
        yield Change(
            "API: a deployment with these responses",
            functools.partial(api.gateway.create_deployment, restApiId=api.id, stageName=rest_api.stage(api.target)),
        )


def _current_responses(api: _Api) -> list[dict[str, Any]]:
    # 500 is the maximum; there are about 24 kinds.
    current: list[dict[str, Any]] = api.gateway.get_gateway_responses(restApiId=api.id, limit=500)["items"]
    return current


def _contains(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(current.get(name) == value for name, value in wanted.items())


# ---------------------------------------------------------------------------- stage


def _stage(api: _Api) -> Iterator[Change]:
    try:
        stage = api.gateway.get_stage(restApiId=api.id, stageName=rest_api.stage(api.target))
    except api.gateway.exceptions.NotFoundException:
        return
    options = api.target.options
    settings = stage.get("methodSettings", {}).get("*/*", {})
    log = stage.get("accessLogSettings", {})
    tracing = bool(api.target.config.get("xray"))
    checks = [
        (settings.get("throttlingRateLimit"), options.throttle_rate, "/*/*/throttling/rateLimit"),
        (settings.get("throttlingBurstLimit"), options.throttle_burst, "/*/*/throttling/burstLimit"),
        (log.get("destinationArn"), _log_arn(api.target), "/accessLogSettings/destinationArn"),
        (log.get("format"), json.dumps(_LOG_FORMAT), "/accessLogSettings/format"),
        (bool(stage.get("tracingEnabled")), tracing, "/tracingEnabled"),
    ]
    wrong = [(wanted, path) for current, wanted, path in checks if current != wanted]
    if wrong:
        patch = [{"op": "replace", "path": path, "value": _text(wanted)} for wanted, path in wrong]
        names = ", ".join(path.rpartition("/")[2] for _, path in wrong)
        yield Change(
            f"API: {names} of its stage",
            functools.partial(
                api.gateway.update_stage, restApiId=api.id, stageName=rest_api.stage(api.target), patchOperations=patch
            ),
        )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _log_arn(target: Target) -> str:
    """The ARN of the template's log group for the API's access log."""
    group = stages.resources()["ApiAccessLogs"]["Properties"]["LogGroupName"]["Fn::Sub"]
    name = group.replace("${Stage}", target.stage)
    return f"arn:aws:logs:{target.place.region}:{target.place.account}:log-group:{name}"


# --------------------------------------------------------------------------- account


def _account(api: _Api) -> Iterator[Change]:
    """API Gateway writes logs with one role for each account and region. If none is set, ours is."""
    if not api.gateway.get_account().get("cloudwatchRoleArn"):
        yield Change(
            f"account: API Gateway may write logs, by the role {_LOGS_ROLE}", functools.partial(_set_logs_role, api)
        )


def _set_logs_role(api: _Api) -> None:
    iam = api.target.client("iam")
    try:
        arn = iam.create_role(RoleName=_LOGS_ROLE, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        arn = iam.get_role(RoleName=_LOGS_ROLE)["Role"]["Arn"]
    iam.attach_role_policy(RoleName=_LOGS_ROLE, PolicyArn=_LOGS_POLICY)
    until = time.monotonic() + _ROLE_SECONDS
    patch = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}]
    while True:
        try:
            api.gateway.update_account(patchOperations=patch)
            return
        except ClientError as error:
            if code_of(error) != "BadRequestException":
                raise
            if time.monotonic() > until:
                raise DeployError(
                    f"API Gateway refuses the role {arn} for its logs: {error}. Set it by hand "
                    f"(`aws apigateway update-account`), then run this again."
                ) from error
            time.sleep(5)
