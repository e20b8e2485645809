"""The triggers of app.py: one line for each, for reviewers; schemas and permissions by path and operation.

A tool without a route of its own is listed as `TOOL`, with the path under which `POST /agent/{tool}` runs it.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core.agents import tools
from chalicelib.core.aws import grants
from chalicelib.core.http.operations import ANY_ACCESS, Operation
from chalicelib.core.schedules import SCHEDULES

Schemas = dict[str, dict[str, Any]]


def application() -> Any:
    """The Chalice application, imported with the local stage if STAGE is not set."""
    os.environ.setdefault("STAGE", "local")
    from app import app

    return app


def routes(app: Any) -> Iterator[tuple[str, str, Any]]:
    """The method, path and view function of each route."""
    for path, methods in app.routes.items():
        for method, entry in methods.items():
            yield method, path, entry.view_function


def routes_and_tools(app: Any) -> Iterator[tuple[str, str, Any]]:
    """All that the API's function runs: `routes`, then tools that have no route, as the method `TOOL`."""
    yield from routes(app)
    for tool in tools.without_route(app):
        yield "TOOL", f"/agent/{tool.operation.name}", tool.function


def functions(app: Any) -> Iterator[tuple[str, str, Any]]:
    """The kind of trigger, the name and the decorated function of each function that is no route."""
    kinds = {source.name: type(source).__name__.removesuffix("EventConfig") for source in app.event_sources}
    # A schedule that the stage has switched off can only be invoked by hand.
    kinds |= {pure.name: "Direct" if pure.name in SCHEDULES else "Step Functions" for pure in app.pure_lambda_functions}
    for name, kind in kinds.items():
        handler = app.handler_map[name].func
        yield kind, name, getattr(handler, "_original_func", handler)


def schemas(app: Any) -> dict[str, Schemas]:
    """`[validators | api_validators][path][operation]`: the schema for users, and the one for API keys."""
    by_kind: dict[str, Schemas] = {"validators": {}, "api_validators": {}}
    for _, path, view in routes_and_tools(app):
        operation: Operation = view.operation
        by_kind["validators"].setdefault(path, {})[operation.name] = operation.schema
        if operation.opens_to_keys and operation.api_schema is not None:
            by_kind["api_validators"].setdefault(path, {})[operation.name] = operation.api_schema
    return by_kind


def permissions(app: Any) -> dict[str, dict[str, str]]:
    """`[path][operation]`: the name of the permission."""
    names: dict[str, dict[str, str]] = {}
    for _, path, view in routes_and_tools(app):
        names.setdefault(path, {})[view.operation.name] = view.operation.permission.__name__
    return names


def lines(app: Any) -> Iterator[str]:
    """One line for each trigger: the trigger, operation, permission, API key access and grants."""
    for method, path, view in routes_and_tools(app):
        operation: Operation = view.operation
        trigger, permission = f"{method:<6} {path}", operation.permission.__name__
        yield f"{trigger:<42} {operation.name:<18} {permission:<10} {_keys(operation):<12} {_grants(view)}"
    for kind, name, function in functions(app):
        yield f"{kind:<42} {name:<18} {'':<10} {'':<12} {_grants(function)}"


def _keys(operation: Operation) -> str:
    """The access that an API key needs, or "-" if API keys are refused."""
    if not operation.opens_to_keys:
        return "-"
    return "any" if operation.access == ANY_ACCESS else "|".join(sorted(operation.access))


def _grants(function: Any) -> str:
    declared: Mapping[str, frozenset[grants.AwsOperation]] = grants.of(function)
    return "  ".join(f"{name}:{','.join(sorted(declared[name]))}" for name in sorted(declared) if declared[name])


def main() -> None:
    for line in lines(application()):
        print(line)
