"""Types of WSGI applications, and short responses."""

from collections.abc import Callable, Iterable
from typing import Any

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
Headers = list[tuple[str, str]]


def respond(start_response: Any, status: str, content_type: str, body: bytes) -> Iterable[bytes]:
    """A complete response of a WSGI application."""
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]
