"""This process as the API's function: what API Gateway would hand it, and which AWS calls it makes for that."""

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
    """The API's answer on a route such as `POST /agent/{tool}`; `path` holds what its braces name."""
    method, _, resource = route.partition(" ")
    assert set(re.findall(r"{(\w+)}", resource)) == set(path)
    event = proxy_event(method, resource, headers=headers, body=body, query=query, path=path, source=source)
    answer = manifest.app(event, None)
    return Answer(answer["statusCode"], json.loads(answer["body"]), answer["headers"])


def calls_made() -> list[str]:
    """A list that grows with each call to DynamoDB from now on, until the clients are forgotten."""
    made: list[str] = []
    clients.client("dynamodb").meta.events.register("before-call", lambda model, **_: made.append(model.name))
    return made
