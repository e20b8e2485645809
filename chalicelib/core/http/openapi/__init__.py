"""The contract: an OpenAPI 3.1 document, made of the application's routes and of what each operation declares.

Source: spec.openapis.org/oas/v3.1.1. A schema with a `title` is written once, under that name, and referred to.
"""

from typing import Any

from chalice.app import Chalice

from chalicelib.core.http.openapi.about import About, Webhook

__all__ = ["About", "Webhook", "document"]


def document(app: Chalice, about: About, server: str = "/") -> dict[str, Any]:
    """The contract. `server` is the address that the paths follow, or the part of it behind the host."""
    # Imported late: every function imports app.py, and one request in many asks for the contract.
    from chalicelib.core.http.openapi.writer import write

    return write(app, about, server)
