"""Calls of the API's function in this process, with events of API Gateway; and the AWS calls that it makes."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import app as manifest
from chalicelib.core import clients
from tests.proxy_event import proxy_event


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def call(
    route: str,
    headers: Mapping[str, str],
    body: Any = None,
    *,
    query: Mapping[str, str] | None = None,
    source: str = "192.0.2.1",
    **path: str,
) -> Answer:
    """The API's response on a route such as `POST /agent/{tool}`; `path` has the values of its parameters."""
    method, _, resource = route.partition(" ")
    assert set(re.findall(r"{(\w+)}", resource)) == set(path)
    event = proxy_event(method, resource, headers=headers, body=body, query=query, path=path, source=source)
    response = manifest.app(event, None)
    return Answer(response["statusCode"], json.loads(response["body"]), response["headers"])


def calls_made() -> list[str]:
    """A list to which each call to DynamoDB is added from now on, until the clients are forgotten."""
    calls: list[str] = []
    clients.client("dynamodb").meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    return calls
