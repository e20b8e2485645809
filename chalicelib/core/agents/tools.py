"""Operations as tools for agents: which are published, what each takes and returns, and how one is called.

A call goes through the same steps as a request to the operation's own route, from the limit on.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from chalicelib.core.agents.content import Content, Present
from chalicelib.core.aws import grants
from chalicelib.core.errors import NotFoundError, PermissionDeniedError, raises
from chalicelib.core.http import idempotency, json_schema, limits, payload
from chalicelib.core.http.call import begin_audit
from chalicelib.core.http.limits import Limit
from chalicelib.core.http.operations import Caller, Operation, public
from chalicelib.core.observing import tracking
from chalicelib.core.schemas import TEXT, says, shape, text

_LONGEST_NAME = 100
_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
_ANNOTATIONS = shape({key: {"type": "boolean"} for key in _HINTS})
CALL = shape({"tool": {"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME}})
LIST = shape(
    {
        "tools": {
            "type": "array",
            "items": shape(
                {
                    "name": text("What it is called by.", "get_image"),
                    "title": text("Its name for people.", "Get image"),
                    "description": text("What it does.", "One image: its status, metadata, and variants with links."),
                    "inputSchema": {"type": "object", **says("The JSON Schema of what it takes.")},
                    "outputSchema": {"type": "object", **says("The JSON Schema of what it answers.")},
                    "tags": {"type": "array", "items": TEXT, **says("What it is about.", ["images"])},
                    "readsOnly": {"type": "boolean", **says("Whether it changes nothing.", True)},
                    "annotations": {**_ANNOTATIONS, **says("The hints of the Model Context Protocol.")},
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
    next_step = "See which tools there are: tools/list, or GET /agent/tools."

    def __init__(self, name: str, nearest: list[str]) -> None:
        """`nearest` are similar names."""
        missing = f"There is no tool {name[:100]!r}"
        super().__init__(f"{missing}; did you mean {' or '.join(nearest)}?" if nearest else f"{missing}.")
        self.nearest = nearest


@dataclass(frozen=True)
class Tool:
    """An operation as agents see it. With `reads_only` it changes nothing.

    `largest_body` is how many bytes a request that calls it may have.
    """

    function: Callable[..., Any]
    operation: Operation
    tags: tuple[str, ...]
    reads_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    largest_body: int
    present: Present

    @property
    def annotations(self) -> dict[str, bool]:
        """What clients may tell users of it, in the words of the Model Context Protocol."""
        return {
            "readOnlyHint": self.reads_only,
            "destructiveHint": self.destructive,
            "idempotentHint": self.reads_only or self.idempotent,
            "openWorldHint": self.open_world,
        }

    def describe(self, user: Caller) -> dict[str, Any]:
        """What the caller needs to use it; the schemas are JSON Schema, draft 2020-12.

        Raises:
            PermissionDeniedError: the caller's API key does not open it.
        """
        return {
            "name": self.operation.name,
            "title": self.operation.title,
            "description": self.operation.description,
            "inputSchema": self.operation.schema_for(user),
            "outputSchema": self.operation.returns,
            "tags": list(self.tags),
            "readsOnly": self.reads_only,
            "annotations": self.annotations,
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
    destructive: bool = False,
    idempotent: bool = False,
    open_world: bool = False,
    present: Present = Content,
    largest_body: int = payload.MAX_BODY_BYTES,
) -> Callable[[Function], Function]:
    """Publishes an operation to agents, with the same name, schemas, permission, access and grants.

    The function's docstring tells an agent what it does. Without a route of its own, it runs in the same function as
    the routes, behind `POST /agent/{tool}` and `POST /mcp` alone.

    Args:
        tags: words to find it by.
        reads_only: it changes nothing.
        destructive: it takes away or replaces what was there.
        idempotent: a second call with the same arguments changes nothing more.
        open_world: it reaches others than us, as what it is told to fetch, or to send.
        present: what models get of its response, if that is more than JSON.
        largest_body: how many bytes a request that calls it may have, if it takes a file in its data.

    Raises:
        TypeError: it is no operation (`@validated`), is public, has no docstring, does not declare what it returns
            (`returns=`), or takes more than Lambda can pass on.
    """
    if largest_body > payload.MOST_BODY_BYTES:
        raise TypeError(f"a request has at most {payload.MOST_BODY_BYTES} bytes")

    def publish(function: Function) -> Function:
        operation: Operation | None = getattr(function, "operation", None)
        if operation is None or operation.permission is public or operation.returns is None:
            raise TypeError(f"{function.__name__}: a tool is an operation with a caller that declares what it returns")
        if not operation.description:
            raise TypeError(f"{function.__name__}: its docstring tells agents what it does")
        _published[operation.name] = Tool(
            function, operation, tuple(tags), reads_only, destructive, idempotent, open_world, largest_body, present
        )
        return function

    return publish


def published() -> list[Tool]:
    """Every tool, by name."""
    return [_published[name] for name in sorted(_published)]


def functions() -> list[Callable[..., Any]]:
    """The functions of all tools."""
    return [tool.function for tool in published()]


def without_route(app: Any) -> list[Tool]:
    """The tools that no route of the application has for itself, by name. All are behind the routes for agents."""
    views = [entry.view_function for methods in app.routes.values() for entry in methods.values()]
    return [tool for tool in published() if tool.function not in views]


def available_to(user: Caller) -> list[Tool]:
    """The tools that the caller may use, by name."""
    return [tool for tool in published() if tool.opens_to(user)]


def list_tools(user: Caller) -> dict[str, Any]:
    return {"tools": [tool.describe(user) for tool in available_to(user)]}


@raises(ToolNotFoundError)
def call(name: str, data: Mapping[str, Any], available: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
    """The tool's response to that payload; the run is recorded as one of the tool.

    A response with `"success": false` counts as a failed run.

    Args:
        name: the tool.
        data: its payload.
        available: what the router was given: `user`, `execution`, `rate` and `replayed` at least.
        key: the call's Idempotency-Key; it holds for the operation's route too.

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
    begin_audit(execution)
    values = {**available, "data": data, "name": user.name, "operation": operation.name}
    response, is_replay = idempotency.run_operation(operation, values, key, operation.check_response)
    response = response or {}
    execution.response = response
    if is_replay:
        available["replayed"][idempotency.REPLAYED] = "true"
    if response.get("success") is False:
        execution.fail(FAILED)
    return response


def present(name: str, response: Mapping[str, Any]) -> Content:
    """What a model gets of a tool's response. Clients check it against the tool's schema, which has no `success`."""
    return _published[name].present({field: value for field, value in response.items() if field != "success"})


def body_limit(name: Any) -> int:
    """How many bytes a request that calls the tool of that name may have."""
    tool = _published.get(name) if isinstance(name, str) else None
    return payload.MAX_BODY_BYTES if tool is None else tool.largest_body


def body_limit_of_any(raw: bytes) -> int:
    """How many bytes an unread request may have: the most that any tool takes whose quoted name is somewhere in it.

    So a large request is not parsed unless it can be a call of such a tool.
    """
    large = [tool for tool in published() if tool.largest_body > payload.MAX_BODY_BYTES]
    named = [tool.largest_body for tool in large if f'"{tool.operation.name}"'.encode() in raw]
    return max(named, default=payload.MAX_BODY_BYTES)


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
