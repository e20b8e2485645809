"""The grants of each Lambda function. All routes, and the tools that have none, are one function."""

from collections.abc import Mapping
from typing import Any, TypedDict

from chalice.app import DynamoDBEventConfig, SQSEventConfig

from chalicelib.core.aws import grants
from chalicelib.core.observing import tracking
from infra import triggers

API = tracking.API


class FunctionGrants(TypedDict):
    """`operations`: by setting, the operations on the resource it names ("dynamodb:GetItem", in boto3's names).

    `queue` and `stream` are the settings that name what Lambda polls for the function; None if there is none.
    """

    operations: dict[str, list[str]]
    queue: str | None
    stream: str | None


NO_GRANTS: FunctionGrants = {"operations": {}, "queue": None, "stream": None}


def grants_by_function(app: Any) -> dict[str, FunctionGrants]:
    """The grants of each function, in the order of app.py."""
    sources = {source.name: source for source in app.event_sources}
    of_api = grants.merge(*(grants.of(view) for _, _, view in triggers.routes_and_tools(app)))
    functions = {API: _function_grants(of_api, None)}
    for _, name, function in triggers.functions(app):
        functions[name] = _function_grants(grants.of(function), sources.get(name))
    return functions


def _function_grants(declared: Mapping[str, frozenset[grants.AwsOperation]], source: Any) -> FunctionGrants:
    return {
        "operations": {name: sorted(map(_full_name, declared[name])) for name in sorted(declared)},
        "queue": _variable(source.queue) if isinstance(source, SQSEventConfig) else None,
        "stream": _variable(source.stream_arn) if isinstance(source, DynamoDBEventConfig) else None,
    }


def _full_name(operation: grants.AwsOperation) -> str:
    return f"{grants.SERVICES[type(operation)]}:{operation}"


def _variable(name: Any) -> str:
    variable: str | None = getattr(name, "variable", None)
    if variable is None:
        raise TypeError(f"The trigger on {name!r} is not named by trigger_name, so its grant is unknown.")
    return variable


def lambda_name(function: str, stage: str) -> str:
    """Chalice's name for a function in AWS."""
    return f"darkroom-{stage}" + ("" if function == API else f"-{function}")
