"""A request as API Gateway's proxy integration hands it to the API's function."""

import json
from collections.abc import Mapping
from typing import Any


def proxy_event(
    method: str,
    resource: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    path: Mapping[str, str] | None = None,
    source: str = "192.0.2.1",
) -> dict[str, Any]:
    """`path` holds what the braces of `resource` name; `source` is the caller's address."""
    return {
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
        "pathParameters": dict(path or {}) or None,
        "body": None if body is None else json.dumps(body),
        "stageVariables": None,
        "isBase64Encoded": False,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "path": resource.format(**(path or {})),
            "identity": {"sourceIp": source},
        },
    }
