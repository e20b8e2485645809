"""The REST API beyond what Chalice can say: its own refusals in our shape with CORS, throttling, access log, traces."""

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
from infra.deploy import restapi
from infra.deploy.change import Change
from infra.deploy.errors import DeployError, code_of
from infra.deploy.target import Target

# What API Gateway answers by itself, before any function of ours runs. What we refuse is told by the same classes
# (core/errors.py); the two defaults keep the status that each case has.
REFUSALS: Mapping[str, type[DarkroomError]] = {
    "DEFAULT_4XX": InvalidRequestError,
    "DEFAULT_5XX": UnexpectedError,
    # An unknown path, or a method that its path does not take.
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
# A throttled caller may come back at once that a second has passed: the rate is by the second.
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
# A new role is not known everywhere at once.
_ROLE_SECONDS = 60


@dataclass(frozen=True)
class _Api:
    target: Target
    gateway: Any
    id: str


def changes(target: Target) -> Iterator[Change]:
    """What is to be changed on the API and its stage; nothing where there is no API yet."""
    found = restapi.find(target)
    if found is None:
        return
    api = _Api(target, target.client("apigateway"), found)
    yield from _responses(api)
    yield from _account(api)
    yield from _stage(api)


# ------------------------------------------------------------------------- refusals


def response(kind: str, origin: str) -> dict[str, Any]:
    """API Gateway's answer in a case that it settles by itself, as PutGatewayResponse takes it."""
    error = REFUSALS[kind]()
    if kind in ("THROTTLED", "QUOTA_EXCEEDED"):
        error.retry_after = _THROTTLED_SECONDS
    headers = {"Access-Control-Allow-Origin": origin, **responses.DEFAULT_HEADERS, **error.headers()}
    if "Retry-After" in headers:
        headers["Access-Control-Expose-Headers"] = "Retry-After"
    made: dict[str, Any] = {
        "responseType": kind,
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
        "responseTemplates": {"application/json": json.dumps(error.body("$context.requestId"))},
    }
    return made if kind.startswith("DEFAULT_") else {**made, "statusCode": str(error.status)}


def _responses(api: _Api) -> Iterator[Change]:
    origin = api.target.settings("api_handler")["CORS_ORIGIN"]
    standing = {each["responseType"]: each for each in _standing(api)}
    wanted = [response(kind, origin) for kind in REFUSALS]
    wrong = [each for each in wanted if not _answers_so(standing.get(each["responseType"], {}), each)]
    for each in wrong:
        yield Change(
            f"API: {each['responseType']} answered in our shape",
            functools.partial(api.gateway.put_gateway_response, restApiId=api.id, **each),
        )
    if wrong:
        # They are answered once they are deployed.
        yield Change(
            "API: its stage deployed anew with these",
            functools.partial(api.gateway.create_deployment, restApiId=api.id, stageName=restapi.stage(api.target)),
        )


def _standing(api: _Api) -> list[dict[str, Any]]:
    # There are two dozen kinds.
    found: list[dict[str, Any]] = api.gateway.get_gateway_responses(restApiId=api.id, limit=500)["items"]
    return found


def _answers_so(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(found.get(name) == value for name, value in wanted.items())


# ---------------------------------------------------------------------------- stage


def _stage(api: _Api) -> Iterator[Change]:
    try:
        found = api.gateway.get_stage(restApiId=api.id, stageName=restapi.stage(api.target))
    except api.gateway.exceptions.NotFoundException:
        return
    options = api.target.options
    settings = found.get("methodSettings", {}).get("*/*", {})
    log = found.get("accessLogSettings", {})
    tracing = bool(api.target.config.get("xray"))
    checks = [
        (settings.get("throttlingRateLimit"), options.throttle_rate, "/*/*/throttling/rateLimit"),
        (settings.get("throttlingBurstLimit"), options.throttle_burst, "/*/*/throttling/burstLimit"),
        (log.get("destinationArn"), _log_arn(api.target), "/accessLogSettings/destinationArn"),
        (log.get("format"), json.dumps(_LOG_FORMAT), "/accessLogSettings/format"),
        (bool(found.get("tracingEnabled")), tracing, "/tracingEnabled"),
    ]
    wrong = [(wanted, path) for standing, wanted, path in checks if standing != wanted]
    if wrong:
        patch = [{"op": "replace", "path": path, "value": _text(wanted)} for wanted, path in wrong]
        names = ", ".join(path.rpartition("/")[2] for _, path in wrong)
        yield Change(
            f"API: {names} of its stage",
            functools.partial(
                api.gateway.update_stage, restApiId=api.id, stageName=restapi.stage(api.target), patchOperations=patch
            ),
        )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _log_arn(target: Target) -> str:
    """The ARN of the log group that the template makes for the API's accesses."""
    group = stages.resources()["ApiAccessLogs"]["Properties"]["LogGroupName"]["Fn::Sub"]
    name = group.replace("${Stage}", target.stage)
    return f"arn:aws:logs:{target.place.region}:{target.place.account}:log-group:{name}"


# --------------------------------------------------------------------------- account


def _account(api: _Api) -> Iterator[Change]:
    """API Gateway writes logs by one role an account and region: where there is none, ours becomes it."""
    if not api.gateway.get_account().get("cloudwatchRoleArn"):
        yield Change(f"account: API Gateway may write logs, by the role {_LOGS_ROLE}", functools.partial(_let_log, api))


def _let_log(api: _Api) -> None:
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
                    f"API Gateway does not take the role {arn} for its logs: {error}. Set it by hand "
                    f"(`aws apigateway update-account`), then run this again."
                ) from error
            time.sleep(5)
