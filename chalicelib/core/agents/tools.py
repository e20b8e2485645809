"""Operations as tools for agents: which are published, what each takes and returns, and how one is called.

A call goes through the same steps as a request to the operation's own route, from the limit on.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib.core.aws import grants
from chalicelib.core.errors import NotFoundError, PermissionDeniedError, raises
from chalicelib.core.http import json_schema, limits
from chalicelib.core.http.limits import Limit
from chalicelib.core.http.operations import Caller, Operation, public
from chalicelib.core.observing import tracking
from chalicelib.core.schemas import TEXT, says, shape, text

_LONGEST_NAME = 100
CALL = shape({"tool": {"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME}})
LIST = shape(
    {
        "tools": {
            "type": "array",
            "items": shape(
                {
                    "name": text("What it is called by.", "get_image"),
                    "description": text("What it does.", "One image: its status, metadata, and variants with links."),
                    "inputSchema": {"type": "object", **says("The JSON Schema of what it takes.")},
                    "outputSchema": {"type": "object", **says("The JSON Schema of what it answers.")},
                    "tags": {"type": "array", "items": TEXT, **says("What it is about.", ["images"])},
                    "readsOnly": {"type": "boolean", **says("Whether it changes nothing.", True)},
                }
            ),
        }
    }
)

ENDPOINT = "agent_operation"
FAILED = "OperationFailure"

Function = TypeVar("Function", bound=Callable[..., Any])


class ToolNotFoundError(NotFoundError):
    """There is no tool of that name; the message names similar ones."""

    code = "TOOL_NOT_FOUND"

    def __init__(self, name: str, nearest: list[str]) -> None:
        """`nearest` are similar names."""
        missing = f"There is no tool {name[:100]!r}"
        super().__init__(f"{missing}; did you mean {' or '.join(nearest)}?" if nearest else f"{missing}.")
        self.nearest = nearest


@dataclass(frozen=True)
class Tool:
    """An operation as agents see it. With `reads_only` it changes nothing."""

    function: Callable[..., Any]
    operation: Operation
    tags: tuple[str, ...]
    reads_only: bool

    def describe(self, user: Caller) -> dict[str, Any]:
        """What the caller needs to use it; the schemas are JSON Schema, draft 2020-12.

        Raises:
            PermissionDeniedError: the caller's API key does not open it.
        """
        return {
            "name": self.operation.name,
            "description": self.operation.description,
            "inputSchema": self.operation.schema_for(user),
            "outputSchema": self.operation.returns,
            "tags": list(self.tags),
            "readsOnly": self.reads_only,
        }

    def opens_to(self, user: Caller) -> bool:
        try:
            self.operation.check_permission(user, {})
        except PermissionDeniedError:
            return False
        return self.operation.opens_to(user)


_published: dict[str, Tool] = {}


def api_tool(
    *,
    tags: Iterable[str] = (),
    reads_only: bool = False,
) -> Callable[[Function], Function]:
    """Publishes a route's operation to agents, with the same name, schemas, permission, access and grants.

    The function's docstring tells an agent what it does.

    Raises:
        TypeError: it is no operation (`@validated`), is public, has no docstring, or does not declare what it returns
            (`returns=`).
    """

    def publish(function: Function) -> Function:
        operation: Operation | None = getattr(function, "operation", None)
        if operation is None or operation.permission is public or operation.returns is None:
            raise TypeError(f"{function.__name__}: a tool is an operation with a caller that declares what it returns")
        if not operation.description:
            raise TypeError(f"{function.__name__}: its docstring tells agents what it does")
        _published[operation.name] = Tool(function, operation, tuple(tags), reads_only)
        return function

    return publish


def published() -> list[Tool]:
    """Every tool, by name."""
    return [_published[name] for name in sorted(_published)]


def functions() -> list[Callable[..., Any]]:
    """The functions of all tools."""
    return [tool.function for tool in published()]


def available_to(user: Caller) -> list[Tool]:
    """The tools that the caller may use, by name."""
    return [tool for tool in published() if tool.opens_to(user)]


def list_tools(user: Caller) -> dict[str, Any]:
    return {"tools": [tool.describe(user) for tool in available_to(user)]}


@raises(ToolNotFoundError)
def call(name: str, data: Mapping[str, Any], available: Mapping[str, Any]) -> dict[str, Any]:
    """The tool's response to that payload; the run is recorded as one of the tool.

    `available` is what the router was given: `user`, `execution` and `rate` at least. A response with
    `"success": false` counts as a failed run.

    Raises:
        ToolNotFoundError: there is no tool of that name.
        DarkroomError: as on the operation's own route.
    """
    user: Caller = available["user"]
    tool = _get(name, user)
    operation = tool.operation
    execution: tracking.Execution = available["execution"]
    execution.rename(operation.name, ENDPOINT)
    schema = operation.schema_for(user)
    if isinstance(operation.limit, Limit):
        limits.count_operation(user, operation.name, operation.limit).require(available["rate"])
    tracking.resolve_settings(operation.name, grants.of(tool.function))
    json_schema.check(schema, data)
    execution.accept(data, audited=operation.audited)
    operation.check_permission(user, data)
    values = {**available, "data": data, "name": user.name, "operation": operation.name}
    response: dict[str, Any] = operation.run(values) or {}
    execution.response = response
    operation.check_response(response)
    if response.get("success") is False:
        execution.fail(FAILED)
    return response


def operation_of(name: Any) -> Operation | None:
    """The operation behind the tool of that name, or None."""
    tool = _published.get(name) if isinstance(name, str) else None
    return None if tool is None else tool.operation


def _get(name: str, user: Caller) -> Tool:
    if name not in _published:
        # A text that is longer than any name is not compared.
        known = [tool.operation.name for tool in available_to(user)] if len(name) <= _LONGEST_NAME else []
        raise ToolNotFoundError(name, difflib.get_close_matches(name, known, n=3, cutoff=0.4))
    return _published[name]
