"""The Model Context Protocol over one HTTP route: streamable HTTP in its stateless JSON form, for the tools.

Two generations are supported. In 2026-07-28 there is no handshake: each request has its version and method in headers.
Earlier clients begin with `initialize`; since no state is kept, nothing depends on it.
Source: modelcontextprotocol.io/specification, "Streamable HTTP", "Lifecycle" and "Tools" of each revision.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core import config, ids
from chalicelib.core.agents import tools
from chalicelib.core.errors import DarkroomError, InvalidRequestError, MethodNotAllowedError
from chalicelib.core.http import payload, responses
from chalicelib.core.http.operations import Caller, Operation
from chalicelib.core.http.payload import NotJsonError
from chalicelib.core.settings import Settings

HANDSHAKE_VERSIONS = ("2025-06-18", "2025-11-25")
MODERN_VERSION = "2026-07-28"
VERSIONS = (*HANDSHAKE_VERSIONS, MODERN_VERSION)

TOOLS_A_PAGE = 50
INSTRUCTIONS = (
    "Darkroom turns photos into sized and watermarked variants. Call create_upload, send the file to its uploadUrl "
    "with its headers, then call get_image until the status is COMPLETED or FAILED."
)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

_META = "io.modelcontextprotocol/"
_VERSION_HEADER = "mcp-protocol-version"
_CAPABILITIES = {"tools": {"listChanged": False}}
_SERVER = {"name": "darkroom", "title": "Darkroom", "version": config.VERSION}
# The list of tools depends on the key, which may change at any moment.
_UNCACHED = {"ttlMs": 0, "cacheScope": "private"}


@dataclass(frozen=True)
class Reply:
    """The HTTP response; without a body, the status alone."""

    status: int
    body: dict[str, Any] | None = None


class StreamNotOfferedError(MethodNotAllowedError):
    """A client wants to open a stream or end a session: this server has neither."""

    message = "Messages are sent to this address by POST; there is no stream to open and no session to end."
    fixed_headers: Mapping[str, str] = {"Allow": "POST"}


class ProtocolError(Exception):
    """A message that the protocol does not allow."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.data, self.status = code, data, status


@dataclass(frozen=True)
class _Request:
    id: str | int
    method: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def meta(self) -> Mapping[str, Any]:
        meta = self.params.get("_meta")
        return meta if isinstance(meta, Mapping) else {}

    @property
    def is_modern(self) -> bool:
        return self.headers.get(_VERSION_HEADER) == MODERN_VERSION or f"{_META}protocolVersion" in self.meta


def reply(body: bytes, headers: Mapping[str, str], available: Mapping[str, Any]) -> Reply:
    """The reply to one message. `available` is what the route was given: `user`, `execution` and `rate` at least."""
    try:
        _check_origin(headers)
        message = _parse(body)
        request = _request(message, headers)
    except ProtocolError as error:
        return _error_reply(error, None, available, error.status)
    if request is None:
        # A notification, or a response to a request that we never make.
        return Reply(202)
    try:
        result = _dispatch(request, available)
    except ProtocolError as error:
        # Before the modern revision, every message that could be read has the status 200.
        unread = error.code in {HEADER_MISMATCH, UNSUPPORTED_VERSION}
        return _error_reply(error, request.id, available, error.status if request.is_modern or unread else 200)
    return Reply(200, {"jsonrpc": "2.0", "id": request.id, "result": result})


def operation_of(body: bytes) -> Operation | None:
    """The operation that a message calls as a tool, or None."""
    try:
        message = payload.parse(body)
        return tools.operation_of(message["params"]["name"]) if message["method"] == "tools/call" else None
    except (DarkroomError, LookupError, TypeError):
        return None


def _check_origin(headers: Mapping[str, str]) -> None:
    """Refuses pages of origins that CORS does not allow either."""
    origin, allowed = headers.get("origin"), Settings.CORS_ORIGIN.get()
    if origin is not None and allowed not in ("*", origin):
        raise ProtocolError(INVALID_REQUEST, "This origin may not call.", status=403)


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        message = payload.parse(body)
    except NotJsonError:
        raise ProtocolError(PARSE_ERROR, "The body is not valid JSON.") from None
    except DarkroomError as error:
        data = {"details": error.details} if error.details else None
        raise ProtocolError(INVALID_REQUEST, error.message, data, error.status) from None
    if not isinstance(message, Mapping):
        raise ProtocolError(INVALID_REQUEST, "One message a request; batches are not part of these versions.")
    return message


def _request(message: Mapping[str, Any], headers: Mapping[str, str]) -> _Request | None:
    """The request in a message, or None if the message wants no reply."""
    method, params, request_id = message.get("method"), _or_empty(message.get("params")), message.get("id")
    if message.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, 'A message has "jsonrpc": "2.0".')
    if method is None and ("result" in message or "error" in message):
        return None
    if not isinstance(method, str) or not isinstance(params, Mapping):
        raise ProtocolError(INVALID_REQUEST, "A request names its method, and its params are an object.")
    if "id" not in message:
        return None
    if isinstance(request_id, bool) or not isinstance(request_id, str | int):
        raise ProtocolError(INVALID_REQUEST, "A request's id is a string or an integer.")
    return _Request(request_id, method, params, headers)


def _or_empty(value: Any) -> Any:
    """JSON's null means that an optional value is left out."""
    return {} if value is None else value


def _dispatch(request: _Request, available: Mapping[str, Any]) -> dict[str, Any]:
    if request.method == "initialize":
        return _initialize(request)
    methods: dict[str, Callable[[_Request, Mapping[str, Any]], dict[str, Any]]] = {
        "tools/list": _list_tools,
        "tools/call": _call_tool,
    }
    if request.is_modern:
        _check_envelope(request)
        methods["server/discover"] = _discover
    else:
        version = request.headers.get(_VERSION_HEADER, HANDSHAKE_VERSIONS[0])
        if version not in HANDSHAKE_VERSIONS:
            raise _unsupported(version)
        methods["ping"] = lambda request, available: {}
    method = methods.get(request.method)
    if method is None:
        raise ProtocolError(METHOD_NOT_FOUND, f"There is no method {request.method[:100]!r}.", status=404)
    result = method(request, available)
    if request.is_modern:
        result |= {"resultType": "complete", "_meta": {f"{_META}serverInfo": _SERVER}}
    return result


def _check_envelope(request: _Request) -> None:
    """Checks that headers and body agree, as 2026-07-28 requires."""
    version = request.meta.get(f"{_META}protocolVersion")
    if not isinstance(version, str) or not isinstance(request.meta.get(f"{_META}clientCapabilities"), Mapping):
        raise ProtocolError(INVALID_PARAMS, "params._meta carries the protocolVersion and clientCapabilities.")
    expected = {_VERSION_HEADER: version, "mcp-method": request.method}
    if request.method == "tools/call":
        # Tool names are plain ASCII, so they stand in the header as they are.
        expected["mcp-name"] = str(request.params.get("name"))
    for header, value in expected.items():
        if request.headers.get(header) != value:
            raise ProtocolError(HEADER_MISMATCH, f"The header {header} does not say what the body says.")
    if version != MODERN_VERSION:
        raise _unsupported(version)


def _unsupported(version: str) -> ProtocolError:
    return ProtocolError(
        UNSUPPORTED_VERSION, "This protocol version is not spoken.", {"supported": VERSIONS, "requested": version[:100]}
    )


def _initialize(request: _Request) -> dict[str, Any]:
    version = request.params.get("protocolVersion")
    if not isinstance(version, str):
        raise ProtocolError(INVALID_PARAMS, "initialize names a protocolVersion.")
    return {
        "protocolVersion": version if version in HANDSHAKE_VERSIONS else HANDSHAKE_VERSIONS[-1],
        "capabilities": _CAPABILITIES,
        "serverInfo": _SERVER,
        "instructions": INSTRUCTIONS,
    }


def _discover(request: _Request, available: Mapping[str, Any]) -> dict[str, Any]:
    described = {"supportedVersions": list(VERSIONS), "capabilities": _CAPABILITIES, "instructions": INSTRUCTIONS}
    return {**described, **_UNCACHED}


def _list_tools(request: _Request, available: Mapping[str, Any]) -> dict[str, Any]:
    after = _after(request.params.get("cursor"))
    user: Caller = available["user"]
    rest = [tool for tool in tools.available_to(user) if tool.operation.name > after]
    page = rest[:TOOLS_A_PAGE]
    more = {"nextCursor": ids.to_cursor(page[-1].operation.name)} if len(rest) > len(page) else {}
    listed = [_to_tool(tool.describe(user)) for tool in page]
    return {"tools": listed, **more, **(_UNCACHED if request.is_modern else {})}


def _after(cursor: Any) -> str:
    if cursor is None:
        return ""
    try:
        return ids.from_cursor(cursor if isinstance(cursor, str) else "?")
    except InvalidRequestError:
        raise ProtocolError(INVALID_PARAMS, "That is no cursor of this list.") from None


def _to_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: tool[name] for name in ("name", "description", "inputSchema", "outputSchema")}
    return {**known, "annotations": {"readOnlyHint": tool["readsOnly"]}, "_meta": {"tags": tool["tags"]}}


def _call_tool(request: _Request, available: Mapping[str, Any]) -> dict[str, Any]:
    name, arguments = request.params.get("name"), _or_empty(request.params.get("arguments"))
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise ProtocolError(INVALID_PARAMS, "tools/call names a tool, and its arguments are an object.")
    try:
        response = tools.call(name, arguments, available)
    except tools.ToolNotFoundError as error:
        raise ProtocolError(INVALID_PARAMS, error.message, {"nearest": error.nearest}) from None
    except Exception as error:
        # The model reads the error and can correct its call; for the protocol this is a success.
        public_error = responses.record_failure(error, available["execution"])
        reasons = [f"{detail['field']}: {detail['message']}" for detail in public_error.details]
        return {
            "content": _text("\n".join([f"{public_error.code}: {public_error.message}", *reasons])),
            "isError": True,
        }
    return {
        "content": _text(ids.to_json(response)),
        # Clients check it against the tool's schema, which has no `success`.
        "structuredContent": {name: value for name, value in response.items() if name != "success"},
        "isError": response.get("success") is False,
    }


def _text(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def _error_reply(
    error: ProtocolError, request_id: str | int | None, available: Mapping[str, Any], status: int
) -> Reply:
    available["execution"].fail(error)
    body: dict[str, Any] = {"code": error.code, "message": str(error)}
    if error.data is not None:
        body["data"] = error.data
    return Reply(status, {"jsonrpc": "2.0", "id": request_id, "error": body})
