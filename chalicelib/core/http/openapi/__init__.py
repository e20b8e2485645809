"""The contract: an OpenAPI 3.1 document, made of the application's routes and of what each operation declares.

Source: spec.openapis.org/oas/v3.1.1. A schema with a `title` is written once, under that name, and referred to.
"""

from chalicelib.core.http.openapi.document import About, Webhook, document

__all__ = ["About", "Webhook", "document"]
