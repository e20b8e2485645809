"""The contract: an OpenAPI 3.1 document, made of the application's routes and of what each operation declares.

Source: spec.openapis.org/oas/v3.1.1. A schema with a `title` is written once, under that name, and referred to.
"""

from collections.abc import Iterable
from typing import Any

from chalice.app import Chalice

from chalicelib.core.http.openapi.about import About, Webhook

__all__ = ["About", "Webhook", "document"]

# The path, method and function of an operation.
Entry = tuple[str, str, Any]


def document(app: Chalice, about: About, server: str = "/", more: Iterable[Entry] = ()) -> dict[str, Any]:
    """The contract of an application's routes.

    `server` is the address that the paths follow, or the part of it behind the host. `more`: operations that a route
    with a parameter in its path leads to.
    """
    # Imported late: every function imports app.py, and one request in many asks for the contract.
    from chalicelib.core.http.openapi.writer import write

    return write(app, about, server, more)
