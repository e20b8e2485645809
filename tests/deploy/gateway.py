"""The embedded API Gateway at its public address: routes, preflights and error responses of the deployed API."""

import gzip
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chalice.local import LambdaEventConverter, RouteMatcher

from local.aws import ACCOUNT, REGION
from local.wsgi import Application

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
# Status, headers and body.
Answer = tuple[int, Headers, bytes]

_HOST = re.compile(r"([a-z0-9]+)\.execute-api\.")
_FUNCTION = re.compile(r":function:([^/]+)/invocations$")


@dataclass(frozen=True)
class ExecuteApi:
    """Middleware that answers at {api}.execute-api.{region}.amazonaws.com."""

    application: Application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        host = _HOST.match(environ.get("HTTP_HOST", ""))
        if host is None:
            return self.application(environ, start_response)
        status, headers, body = _answer(host[1], environ)
        start_response(f"{status} -", [*headers, ("Content-Length", str(len(body)))])
        return [body]


def _answer(api_id: str, environ: Environ) -> Answer:
    from moto.apigateway.models import apigateway_backends

    api: Any = apigateway_backends[ACCOUNT][REGION].apis.get(api_id)
    _, stage_name, path = [*environ["PATH_INFO"].split("/", 2), "", ""][:3]
    stage = api.stages.get(stage_name) if api is not None else None
    if stage is None:
        return 403, [("Content-Type", "application/json")], b'{"message":"Forbidden"}'
    deployed = api.deployments[stage.deployment_id].snapshot
    method = _method(deployed, f"/{path}", environ["REQUEST_METHOD"])
    if method is None and "HTTP_AUTHORIZATION" in environ:
        message = "Invalid key=value pair (missing equal-sign) in Authorization header"
        return _refused("DEFAULT_4XX", 403, message, deployed)
    if method is None:
        return _refused("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token", deployed)
    integration = method.method_integration
    if integration.integration_type == "MOCK":
        return _preflight(integration)
    source = f"{api_id}/*/{environ['REQUEST_METHOD']}/"
    answer = _invoked(integration.uri, source, list(deployed["methods"]), environ, deployed)
    return _compressed(answer, api.minimum_compression_size, environ.get("HTTP_ACCEPT_ENCODING", ""))


def _compressed(answer: Answer, least: int | None, accepted: str) -> Answer:
    """The answer as API Gateway compresses it: for who accepts it, from the API's least size on."""
    status, headers, body = answer
    if least is None or len(body) < least or "gzip" not in accepted:
        return answer
    return status, [*headers, ("Content-Encoding", "gzip")], gzip.compress(body)


def _method(deployed: Any, path: str, verb: str) -> Any:
    """The API's method for that path, or None."""
    try:
        route = RouteMatcher(list(deployed["methods"])).match_route(path)
    except ValueError:
        return None
    return deployed["methods"][route.route].get(verb)


def _preflight(integration: Any) -> Answer:
    response = integration.integration_responses["200"]
    named = "method.response.header."
    headers = [(name.removeprefix(named), value.strip("'")) for name, value in response.response_parameters.items()]
    return 200, headers, b""


def _invoked(uri: str, source: str, paths: list[str], environ: Environ, deployed: Any) -> Answer:
    from moto.awslambda.models import lambda_backends

    named = _FUNCTION.search(uri)
    function: Any = lambda_backends[ACCOUNT][REGION].get_function(named[1]) if named else None
    if function is None or not _permitted(function, source):
        return _refused("API_CONFIGURATION_ERROR", 500, "Internal server error", deployed)
    answer, errored, _ = function._invoke_lambda(_event(paths, environ))
    if errored:
        return _refused("DEFAULT_5XX", 502, "Internal server error", deployed)
    made = json.loads(answer)
    several: Mapping[str, list[str]] = made.get("multiValueHeaders", {})
    headers = [(_remapped(name), str(value)) for name, value in made.get("headers", {}).items()]
    headers += [(_remapped(name), value) for name, values in several.items() for value in values]
    return int(made["statusCode"]), headers, made["body"].encode()


def _remapped(header: str) -> str:
    """A function's header as API Gateway returns it ("Amazon API Gateway important notes")."""
    return f"x-amzn-Remapped-{header}" if header.lower() == "www-authenticate" else header


def _permitted(function: Any, source: str) -> bool:
    """Whether the function's resource policy allows this API to invoke it."""
    for statement in function.policy.statements:
        pattern = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "")
        wanted = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{source}"
        if "apigateway.amazonaws.com" in str(statement["Principal"]) and _like(pattern, wanted):
            return True
    return False


def _like(pattern: str, arn: str) -> bool:
    return re.match(re.escape(pattern).replace(r"\*", ".*"), arn) is not None


def _event(paths: list[str], environ: Environ) -> dict[str, Any]:
    _, _, path = environ["PATH_INFO"].split("/", 2)
    query = environ.get("QUERY_STRING", "")
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    }
    headers = {name.lower(): value for name, value in headers.items()}
    target = f"/{path}" + (f"?{query}" if query else "")
    event: dict[str, Any] = LambdaEventConverter(RouteMatcher(paths)).create_lambda_event(
        environ["REQUEST_METHOD"], target, headers, environ["wsgi.input"].read() or None
    )
    event["requestContext"]["requestId"] = str(uuid.uuid4())
    if event["body"] is not None:
        event["body"] = event["body"].decode()
    return event


def _refused(kind: str, status: int, message: str, deployed: Any) -> Answer:
    """The API's error response, or API Gateway's default."""
    own = deployed["responses"]
    default = "DEFAULT_5XX" if status >= 500 else "DEFAULT_4XX"
    response = own.get(kind) or own.get(default)
    if response is None:
        return status, [("Content-Type", "application/json")], json.dumps({"message": message}).encode()
    fill = {
        "$context.error.messageString": json.dumps(message),
        "$context.error.message": message,
        "$context.error.responseType": kind,
        "$context.requestId": str(uuid.uuid4()),
    }
    body = (response.response_templates or {}).get("application/json", "")
    for name, value in fill.items():
        body = body.replace(name, value)
    headers = [
        (name.removeprefix("gatewayresponse.header."), value.strip("'"))
        for name, value in (response.response_parameters or {}).items()
    ]
    return int(response.status_code or status), [("Content-Type", "application/json"), *headers], body.encode()
