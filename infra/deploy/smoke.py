"""The smoke test: what a stranger finds at the public address."""

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
# A deployment of API Gateway's reaches all of its servers within half a minute or so.
_PATIENCE_SECONDS = 45
_UNKNOWN = "/no-such-path"
_NEEDS_CALLER = "/images"
_HEALTH_CHECK = "health_check"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


def test(target: Target) -> str:
    """Asks the API what it must answer; what it said of its health.

    Raises:
        DeployError: an answer is not as it must be.
    """
    api = rest_api.find(target)
    if api is None:
        raise DeployError("There is no API to be asked. Run this again.")
    _look_at_health(target)
    base = rest_api.url(target, api)
    for check in (_unauthenticated, _unknown, _unknown_with_token, _preflight):
        _insist(base, check)
    return _insist(base, _health)


def _look_at_health(target: Target) -> None:
    """Has the check run now, whose result /health shows: the first scheduled one may be a quarter of an hour away."""
    function = target.lambda_name(_HEALTH_CHECK)
    if "FunctionError" in target.client("lambda").invoke(FunctionName=function, Payload=b"{}"):
        raise DeployError(f"{function} failed. Its log says why (`aws logs tail /aws/lambda/{function}`).")


def _insist(base: str, check: Callable[[str], str]) -> str:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return check(base)
        except (_WrongError, OSError) as error:
            if time.monotonic() > until:
                raise DeployError(
                    f"{base} does not answer as it must: {error}. The functions' logs say why "
                    "(`aws logs tail`); run this again when that is mended."
                ) from None
            time.sleep(3)


class _WrongError(Exception):
    """An answer that is not as it must be."""


def _health(base: str) -> str:
    answer = ask(base, "GET", "/health")
    if answer.status != 200 or not isinstance(answer.body, dict) or "status" not in answer.body:
        raise _WrongError(f"GET /health is {answer.status}: {answer.body}")
    return str(answer.body["status"])


def _unauthenticated(base: str) -> str:
    return _refusal(ask(base, "GET", _NEEDS_CALLER), 401, f"GET {_NEEDS_CALLER} without a token")


def _unknown(base: str) -> str:
    return _refusal(ask(base, "GET", _UNKNOWN), 404, f"GET {_UNKNOWN}")


def _unknown_with_token(base: str) -> str:
    # API Gateway takes the header for a signature of AWS's, and refuses it before it looks at the path.
    answer = ask(base, "GET", _UNKNOWN, {"Authorization": "Bearer of-nobody"})
    return _refusal(answer, 403, f"GET {_UNKNOWN} with a token")


def _refusal(answer: Answer, status: int, asked: str) -> str:
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.status != status or body.get("success") is not False or "code" not in body.get("error", {}):
        raise _WrongError(f"{asked} is {answer.status}: {answer.body}")
    if "access-control-allow-origin" not in answer.headers:
        raise _WrongError(f"{asked} has no CORS header")
    return str(body["error"]["code"])


def _preflight(base: str) -> str:
    answer = ask(base, "OPTIONS", _NEEDS_CALLER)
    if answer.status != 200 or "access-control-allow-methods" not in answer.headers:
        raise _WrongError(f"OPTIONS {_NEEDS_CALLER} is {answer.status} with {sorted(answer.headers)}")
    return answer.headers["access-control-allow-methods"]


def ask(base: str, method: str, path: str, more: Mapping[str, str] | None = None) -> Answer:
    """What the API answers; `more` are headers.

    Where AWS_ENDPOINT_URL names another AWS, that one is asked for the same address.
    """
    url = base + path
    headers = {"Accept": "application/json", "Origin": "https://example.com", **(more or {})}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        there = urlsplit(url)
        url = endpoint.rstrip("/") + there.path
        headers["Host"] = there.netloc
    # https, or the endpoint that whoever deploys has named.
    request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return _answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return _answer(refused.code, refused.headers, refused.read())


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    try:
        said = json.loads(body or b"null")
    except ValueError:
        said = body[:200].decode(errors="replace")
    return Answer(status, {name.lower(): value for name, value in headers.items()}, said)
