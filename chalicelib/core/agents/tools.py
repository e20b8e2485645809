"""Operations as tools for agents: what is published, what each takes and gives, and the one way to call it.

A call goes through the same steps as a request to the operation's own route, from the limit on.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib.core.aws import grants
from chalicelib.core.errors import NotFoundError, PermissionDeniedError, TooManyRequestsError
from chalicelib.core.http import json_schema, limits
from chalicelib.core.http.limits import Limit
from chalicelib.core.http.operations import Access, Caller, Operation, Permission, kinds, public
from chalicelib.core.observing import tracking
from chalicelib.core.schemas import NO_PAYLOAD, TEXT, Schema, shape

_LONGEST_NAME = 100
CALL = shape({"tool": {"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME}})
LIST = shape(
    {
        "tools": {
            "type": "array",
            "items": shape(
                {
                    "name": TEXT,
                    "description": TEXT,
                    "inputSchema": {"type": "object"},
                    "outputSchema": {"type": "object"},
                    "tags": {"type": "array", "items": TEXT},
                    "readsOnly": {"type": "boolean"},
                }
            ),
        }
    }
)

ENDPOINT = "agent_operation"
FAILED = "OperationFailure"

Function = TypeVar("Function", bound=Callable[..., Any])


class ToolNotFoundError(NotFoundError):
    code = "TOOL_NOT_FOUND"

    def __init__(self, name: str, nearest: list[str]) -> None:
        """`nearest` are names that may have been meant."""
        asked = f"There is no tool {name[:100]!r}"
        super().__init__(f"{asked}; did you mean {' or '.join(nearest)}?" if nearest else f"{asked}.")
        self.nearest = nearest


@dataclass(frozen=True)
class Tool:
    """An operation as agents see it. `reads_only` says that it changes nothing."""

    function: Callable[..., Any]
    operation: Operation
    description: str
    tags: tuple[str, ...]
    reads_only: bool

    def described(self, user: Caller) -> dict[str, Any]:
        """What the caller needs to know to use it; the schemas are JSON Schema, draft 2020-12.

        Raises:
            PermissionDeniedError: the caller's API key does not open it.
        """
        return {
            "name": self.operation.name,
            "description": self.description,
            "inputSchema": self.operation.schema_for(user),
            "outputSchema": self.operation.returns,
            "tags": list(self.tags),
            "readsOnly": self.reads_only,
        }

    def opens_to(self, user: Caller) -> bool:
        try:
            self.operation.permit(user, {})
        except PermissionDeniedError:
            return False
        return self.operation.opens_to(user)


_published: dict[str, Tool] = {}


def api_tool(
    *,
    description: str,
    tags: Iterable[str] = (),
    reads_only: bool = False,
    parameters: Schema = NO_PAYLOAD,
    output: Schema | None = None,
    permission: Permission | None = None,
    access: Access | None = None,
) -> Callable[[Function], Function]:
    """Publishes a function to agents under its own name.

    On an operation (`@validated`, with `returns=`) it takes that one's schema, permission and access. A function
    that is none brings `parameters`, `output`, `permission` and `access` itself; it receives what it asks for by
    name, as operations do, and is to be declared with `@required_env_vars` likewise.

    Raises:
        TypeError: it is public, says nothing of what it gives, or its name is taken.
    """

    def publish(function: Function) -> Function:
        operation = getattr(function, "operation", None)
        if operation is None:
            if permission is None or access is None:
                raise TypeError(f"{function.__name__}: a tool without a route names its permission and access")
            operation = Operation(
                function.__name__, function, parameters, permission, kinds(access), parameters, output, True, None
            )
        if operation.permission is public or operation.returns is None:
            raise TypeError(f"{operation.name}: a tool has a caller, and says what it gives")
        taken = _published.get(operation.name)
        # An application that is imported anew publishes the same function again.
        if taken is not None and taken.function.__module__ != function.__module__:
            raise TypeError(f"{operation.name}: there is such a tool")
        _published[operation.name] = Tool(function, operation, description, tuple(tags), reads_only)
        return function

    return publish


def published() -> list[Tool]:
    """Every tool, by name."""
    return [_published[name] for name in sorted(_published)]


def open_to(user: Caller) -> list[Tool]:
    """The tools that the caller may use, by name."""
    return [tool for tool in published() if tool.opens_to(user)]


def listed(user: Caller) -> dict[str, Any]:
    return {"tools": [tool.described(user) for tool in open_to(user)]}


def call(name: str, data: Mapping[str, Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """The tool's answer to that payload.

    `offered` is what the router was given: `user`, `execution` and `rate` at least. The run is written down as that
    of the tool.
    An answer with `"success": false` counts as a failed run.

    Raises:
        ToolNotFoundError: there is none of that name; it names the nearest.
        DarkroomError: as the operation's own route would fail.
    """
    user: Caller = offered["user"]
    tool = _found(name, user)
    operation = tool.operation
    execution: tracking.Execution = offered["execution"]
    execution.becomes(operation.name, ENDPOINT)
    schema = operation.schema_for(user)
    if isinstance(operation.limit, Limit):
        standing = limits.of_operation(user, operation.name, operation.limit)
        if not standing.allowed:
            offered["rate"].update(standing.headers())
            raise TooManyRequestsError(retry_after=standing.reset)
    tracking.settings_present(operation.name, grants.of(tool.function))
    json_schema.check(schema, data)
    execution.begins(data, audited=operation.audited)
    operation.permit(user, data)
    answer: dict[str, Any] = (
        operation.run({**offered, "data": data, "name": user.name, "operation": operation.name}) or {}
    )
    execution.answer = answer
    operation.check_answer(answer)
    if answer.get("success") is False:
        execution.failed(FAILED)
    return answer


def operation_of(name: Any) -> Operation | None:
    """The operation behind the tool of that name; None where there is none."""
    tool = _published.get(name) if isinstance(name, str) else None
    return None if tool is None else tool.operation


def _found(name: str, user: Caller) -> Tool:
    if name not in _published:
        # What is longer than any name of ours is near none.
        known = [tool.operation.name for tool in open_to(user)] if len(name) <= _LONGEST_NAME else []
        raise ToolNotFoundError(name, difflib.get_close_matches(name, known, n=3, cutoff=0.4))
    return _published[name]
