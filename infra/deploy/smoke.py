"""The smoke test: requests to the public address."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.deploy import rest_api
from infra.deploy.errors import DeployError
from infra.deploy.target import Target

_TIMEOUT_SECONDS = 30
# A deployment in API Gateway takes effect after up to half a minute.
_RETRY_SECONDS = 45
_UNKNOWN = "/no-such-path"
_NEEDS_CALLER = "/images"
_HEALTH_CHECK = "health_check"


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: Any


def test(target: Target) -> str:
    """Checks the API's responses; returns its health status.

    Raises:
        DeployError: a response is not as expected.
    """
    api = rest_api.find(target)
    if api is None:
        raise DeployError("There is no API. Run this again.")
    _run_health_check(target)
    base = rest_api.url(target, api)
    for check in (_unauthenticated, _unknown, _unknown_with_token, _preflight):
        _retry(base, check)
    return _retry(base, _health)


def _run_health_check(target: Target) -> None:
    """Runs the check whose result /health shows, because the first scheduled run may be 15 minutes away."""
    function = target.lambda_name(_HEALTH_CHECK)
    if "FunctionError" in target.client("lambda").invoke(FunctionName=function, Payload=b"{}"):
        raise DeployError(f"{function} failed. Its log says why (`aws logs tail /aws/lambda/{function}`).")


def _retry(base: str, check: Callable[[str], str]) -> str:
    until = time.monotonic() + _RETRY_SECONDS
    while True:
        try:
            return check(base)
        except (_UnexpectedResponseError, OSError) as error:
            if time.monotonic() > until:
                raise DeployError(
                    f"{base} does not respond as expected: {error}. The functions' logs say why "
                    "(`aws logs tail`). Fix that and run this again."
                ) from None
            time.sleep(3)


class _UnexpectedResponseError(Exception):
    """A response is not as expected."""


def _health(base: str) -> str:
    response = request(base, "GET", "/health")
    if response.status != 200 or not isinstance(response.body, dict) or "status" not in response.body:
        raise _UnexpectedResponseError(f"GET /health is {response.status}: {response.body}")
    return str(response.body["status"])


def _unauthenticated(base: str) -> str:
    return _check_error(request(base, "GET", _NEEDS_CALLER), 401, f"GET {_NEEDS_CALLER} without a token")


def _unknown(base: str) -> str:
    return _check_error(request(base, "GET", _UNKNOWN), 404, f"GET {_UNKNOWN}")


def _unknown_with_token(base: str) -> str:
    # API Gateway takes the header for an AWS signature, and refuses it before it checks the path.
    response = request(base, "GET", _UNKNOWN, {"Authorization": "Bearer of-nobody"})
    return _check_error(response, 403, f"GET {_UNKNOWN} with a token")


def _check_error(response: Response, status: int, description: str) -> str:
    body = response.body if isinstance(response.body, dict) else {}
    if response.status != status or body.get("success") is not False or "code" not in body.get("error", {}):
        raise _UnexpectedResponseError(f"{description} is {response.status}: {response.body}")
    if "access-control-allow-origin" not in response.headers:
        raise _UnexpectedResponseError(f"{description} has no CORS header")
    return str(body["error"]["code"])


def _preflight(base: str) -> str:
    response = request(base, "OPTIONS", _NEEDS_CALLER)
    if response.status != 200 or "access-control-allow-methods" not in response.headers:
        raise _UnexpectedResponseError(f"OPTIONS {_NEEDS_CALLER} is {response.status} with {sorted(response.headers)}")
    return response.headers["access-control-allow-methods"]


def request(base: str, method: str, path: str, more: Mapping[str, str] | None = None) -> Response:
    """The API's response. `more` are headers.

    If AWS_ENDPOINT_URL names another AWS, the request goes there, for the same host.
    """
    url = base + path
    headers = {"Accept": "application/json", "Origin": "https://example.com", **(more or {})}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        parts = urlsplit(url)
        url = endpoint.rstrip("/") + parts.path
        headers["Host"] = parts.netloc
    # The scheme is https or that of AWS_ENDPOINT_URL.
    prepared = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(prepared, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            return _response(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _response(error.code, error.headers, error.read())


def _response(status: int, headers: Any, body: bytes) -> Response:
    try:
        decoded = json.loads(body or b"null")
    except ValueError:
        decoded = body[:200].decode(errors="replace")
    return Response(status, {name.lower(): value for name, value in headers.items()}, decoded)
