"""What each Lambda function declares: all routes are one function, and every other stands for itself."""

from collections.abc import Mapping
from typing import Any, TypedDict

from chalice.app import DynamoDBEventConfig, SQSEventConfig

from chalicelib.core import grants, tracking
from infra import triggers

API = tracking.API


class FunctionGrants(TypedDict):
    """`operations`: by variable, what is done with what it names ("dynamodb:GetItem", as boto3 names both).

    `queue` and `stream` are the variables of what Lambda polls for the function, None where it polls nothing.
    """

    operations: dict[str, list[str]]
    queue: str | None
    stream: str | None


def grants_by_function(app: Any) -> dict[str, FunctionGrants]:
    """By function, in the manifest's order, what it declares."""
    sources = {source.name: source for source in app.event_sources}
    routes = grants.merge(*(grants.of(view) for _, _, view in triggers.routes(app)))
    found = {API: _declared(routes, None)}
    for _, name, function in triggers.functions(app):
        found[name] = _declared(grants.of(function), sources.get(name))
    return found


def _declared(given: Mapping[str, frozenset[grants.AwsOperation]], source: Any) -> FunctionGrants:
    return {
        "operations": {name: sorted(map(spelled, given[name])) for name in sorted(given)},
        "queue": _variable(source.queue) if isinstance(source, SQSEventConfig) else None,
        "stream": _variable(source.stream_arn) if isinstance(source, DynamoDBEventConfig) else None,
    }


def spelled(operation: grants.AwsOperation) -> str:
    return f"{grants.SERVICES[type(operation)]}:{operation}"


def _variable(name: Any) -> str:
    variable: str | None = getattr(name, "variable", None)
    if variable is None:
        raise TypeError(f"The trigger on {name!r} is not named by config.trigger_name: its right cannot be told.")
    return variable
