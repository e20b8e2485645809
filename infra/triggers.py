"""The manifest as reviewers read it: one line a trigger, and the schemas and permissions by path and operation."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core import grants
from chalicelib.core.operations import ANY_ACCESS, Operation
from chalicelib.schedules import SCHEDULES

Schemas = dict[str, dict[str, Any]]


def application() -> Any:
    """The Chalice application; whoever has not said which stage it is imported for has it as the machine of one's."""
    os.environ.setdefault("STAGE", "local")
    from app import app

    return app


def routes(app: Any) -> Iterator[tuple[str, str, Any]]:
    """Each route's method, path and view."""
    for path, methods in app.routes.items():
        for method, entry in methods.items():
            yield method, path, entry.view_function


def functions(app: Any) -> Iterator[tuple[str, str, Any]]:
    """What fires each function that is no route, the function's name, and the function as it was decorated."""
    fired_by = {source.name: type(source).__name__.removesuffix("EventConfig") for source in app.event_sources}
    # A schedule that the stage has switched off is a function to be called by hand.
    fired_by |= {
        pure.name: "Direct" if pure.name in SCHEDULES else "Step Functions" for pure in app.pure_lambda_functions
    }
    for name, source in fired_by.items():
        handler = app.handler_map[name].func
        yield source, name, getattr(handler, "_original_func", handler)


def schemas(app: Any) -> dict[str, Schemas]:
    """`[validators | api_validators][path][operation]`: the schema for users' tokens, and for API keys."""
    found: dict[str, Schemas] = {"validators": {}, "api_validators": {}}
    for _, path, view in routes(app):
        operation: Operation = view.operation
        found["validators"].setdefault(path, {})[operation.name] = operation.schema
        if operation.opens_to_keys and operation.api_schema is not None:
            found["api_validators"].setdefault(path, {})[operation.name] = operation.api_schema
    return found


def permissions(app: Any) -> dict[str, dict[str, str]]:
    """`[path][operation]`: the name of the permission."""
    found: dict[str, dict[str, str]] = {}
    for _, path, view in routes(app):
        found.setdefault(path, {})[view.operation.name] = view.operation.permission.__name__
    return found


def lines(app: Any) -> Iterator[str]:
    """One line a trigger: what fires it, the operation, who may, with which key, and what it may touch."""
    for method, path, view in routes(app):
        operation: Operation = view.operation
        trigger, who = f"{method:<6} {path}", operation.permission.__name__
        yield f"{trigger:<42} {operation.name:<18} {who:<10} {_keys(operation):<12} {_touches(view)}"
    for source, name, function in functions(app):
        yield f"{source:<42} {name:<18} {'':<10} {'':<12} {_touches(function)}"


def _keys(operation: Operation) -> str:
    """What an API key must carry: "-" where none is let in."""
    if not operation.opens_to_keys:
        return "-"
    return "any" if operation.access == ANY_ACCESS else "|".join(sorted(operation.access))


def _touches(function: Any) -> str:
    declared: Mapping[str, frozenset[grants.AwsOperation]] = grants.of(function)
    return "  ".join(f"{name}:{','.join(sorted(declared[name]))}" for name in sorted(declared) if declared[name])


def main() -> None:
    for line in lines(application()):
        print(line)


if __name__ == "__main__":
    main()
