"""Applies the buckets' CORS rules: answers preflights and adds CORS headers to responses."""

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from moto.s3.models import s3_backends

from local.wsgi import Application, Environ, Headers, respond

_REFUSAL = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>AccessForbidden</Code><Message>CORSResponse: This CORS request is not allowed.</Message></Error>"
)


def bucket_of(environ: Environ) -> str | None:
    """The name of the bucket in the request's path; None if there is no such bucket."""
    name: str = environ.get("PATH_INFO", "").lstrip("/").partition("/")[0]
    return name if name and _find(name) is not None else None


def _find(name: str) -> Any:
    for backends in list(s3_backends.values()):
        bucket = backends["aws"].buckets.get(name)
        if bucket is not None:
            return bucket
    return None


@dataclass(frozen=True)
class BucketCors:
    """Middleware that answers browsers as S3 does."""

    application: Application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a preflight, or add the headers of the bucket's first matching rule."""
        name, origin = bucket_of(environ), environ.get("HTTP_ORIGIN")
        if name is None or origin is None:
            return self.application(environ, start_response)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return _answer_preflight(name, origin, environ, start_response)
        rule = _matching_rule(name, origin, environ["REQUEST_METHOD"], [])
        extra = [] if rule is None else _headers(rule, origin)

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            own = [(key, value) for key, value in headers if not key.lower().startswith("access-control-")]
            return start_response(status, own + extra, exc_info)

        return self.application(environ, start)


def _answer_preflight(name: str, origin: str, environ: Environ, start_response: Any) -> Iterable[bytes]:
    method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "")
    header_list = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower().replace(" ", "")
    requested = [header for header in header_list.split(",") if header]
    rule = _matching_rule(name, origin, method, requested)
    if rule is None:
        return respond(start_response, "403 Forbidden", "application/xml", _REFUSAL)
    headers = _headers(rule, origin)
    if requested:
        headers.append(("Access-Control-Allow-Headers", ", ".join(requested)))
    if rule.max_age_seconds is not None:
        headers.append(("Access-Control-Max-Age", str(rule.max_age_seconds)))
    start_response("200 OK", [*headers, ("Content-Length", "0")])
    return []


def _matching_rule(name: str, origin: str, method: str, requested: list[str]) -> Any:
    """The first rule that allows the origin, the method and the requested headers; None if there is none."""
    for rule in _find(name).cors:
        allowed = [header.lower() for header in _as_list(rule.allowed_headers)]
        if (
            any(fnmatch.fnmatchcase(origin, pattern) for pattern in _as_list(rule.allowed_origins))
            and method in _as_list(rule.allowed_methods)
            and all(any(fnmatch.fnmatchcase(header, pattern) for pattern in allowed) for header in requested)
        ):
            return rule
    return None


def _headers(rule: Any, origin: str) -> Headers:
    everyone = "*" in _as_list(rule.allowed_origins)
    headers = [
        ("Access-Control-Allow-Origin", "*" if everyone else origin),
        ("Access-Control-Allow-Methods", ", ".join(_as_list(rule.allowed_methods))),
        ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
    ]
    exposed = _as_list(rule.exposed_headers)
    if exposed:
        headers.append(("Access-Control-Expose-Headers", ", ".join(exposed)))
    return headers


def _as_list(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
