"""The whole document: what the API is, its operations by path, and what they share."""

from collections.abc import Iterator
from typing import Any

from chalice.app import Chalice

from chalicelib.core import config
from chalicelib.core.http.limits import Limit
from chalicelib.core.http.openapi import answers, inputs
from chalicelib.core.http.openapi.about import About, Webhook
from chalicelib.core.http.openapi.components import Components, Part
from chalicelib.core.http.operations import ANY_ACCESS, Operation, errors_of, public

OPENAPI = "3.1.1"

_TOKEN, _KEY = "accessToken", "apiKey"
_SECURITY: dict[str, Part] = {
    _TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `accessToken` of `POST /auth/signin`. It is valid for an hour.",
    },
    _KEY: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "drk_…",
        "description": "An API key of `POST /keys`. It opens what its `accessTypes` name: an operation lists under "
        "this scheme those of which a key needs one.",
    },
}


def write(app: Chalice, about: About, server: str) -> dict[str, Any]:
    """The document, as `openapi.document` says."""
    components = Components()
    paths = _paths(app, about, components)
    webhooks = {each.name: {"post": _webhook(each, components)} for each in about.webhooks}
    shared = components.sorted()
    return {
        "openapi": OPENAPI,
        "info": {
            "title": about.title,
            "version": config.VERSION,
            "description": about.description,
            "license": dict(about.license),
        },
        "servers": [{"url": server, "description": "This API."}],
        "tags": [{"name": name, "description": text} for name, text in about.tag_descriptions.items()],
        "paths": paths,
        "webhooks": webhooks,
        "components": {**shared, "securitySchemes": _SECURITY},
    }


def _paths(app: Chalice, about: About, components: Components) -> dict[str, Part]:
    paths: dict[str, Part] = {}
    for path, method, view, operation_id in operations(app):
        operation: Operation = view.operation
        segment = path.split("/")[1]
        tag = about.tags.get(segment, segment.capitalize())
        body = inputs.request_body(operation, method, path, components)
        written: Part = {
            "operationId": operation_id,
            "tags": [tag],
            "summary": operation.summary,
            "description": _description(operation),
            "security": _security(operation),
            "parameters": inputs.parameters(operation, method, path, components),
        }
        if body is not None:
            written["requestBody"] = body
        written["responses"] = answers.responses(operation, errors_of(view), body is not None, components)
        paths.setdefault(path, {})[method.lower()] = written
    return paths


def _webhook(webhook: Webhook, components: Components) -> Part:
    return {
        "operationId": webhook.name,
        "tags": [webhook.tag],
        "summary": webhook.summary,
        "description": webhook.description,
        "security": [],
        "parameters": [inputs.header(name, schema, components) for name, schema in webhook.headers.items()],
        "requestBody": inputs.json_body(webhook.payload, components),
        "responses": {str(each.status): {"description": each.description} for each in webhook.answers},
    }


def operations(app: Chalice) -> Iterator[tuple[str, str, Any, str]]:
    """The path, method, view and id of each operation, in the order of the manifest.

    The id is the function's name; of one that serves several methods, with the method.
    """
    for path, methods in app.routes.items():
        views: list[Any] = [entry.view_function for entry in methods.values()]
        for method, entry in methods.items():
            view: Any = entry.view_function
            name: str = view.operation.name
            yield path, method, view, f"{name}_{method.lower()}" if views.count(view) > 1 else name


def _security(operation: Operation) -> list[Part]:
    """Who may call: nobody needs to be known; a user's token; or also an API key with one of these access types."""
    if operation.permission is public:
        return []
    keys = [{_KEY: [str(each)]} for each in sorted(operation.opening)] if operation.opens_to_keys else []
    return [{_TOKEN: []}, *([{_KEY: []}] if operation.access == ANY_ACCESS else keys)]


def _fields_of_keys(operation: Operation) -> str:
    """What callers with an API key may send, if that differs."""
    if operation.api_schema is None or operation.api_schema == operation.schema:
        return ""
    fields = ", ".join(f"`{name}`" for name in operation.api_schema["properties"])
    return f" With one, a request has these fields alone: {fields}."


def _description(operation: Operation) -> str:
    parts = [operation.description]
    if operation.permission is not public:
        if not operation.opens_to_keys:
            parts.append("API keys are refused: this takes a user's own token.")
        elif operation.access != ANY_ACCESS:
            access = " or ".join(f"`{each}`" for each in sorted(operation.opening))
            parts.append(f"An API key needs {access}.{_fields_of_keys(operation)}")
    if isinstance(operation.limit, Limit):
        parts.append(f"At most {operation.limit.number} a {operation.limit.window} for each caller.")
    return "\n\n".join(parts)
