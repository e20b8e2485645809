"""One message of the Model Context Protocol: read from a request's body and headers, or refused.

Source: modelcontextprotocol.io/specification, "Base Protocol" and "Streamable HTTP" of each revision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core.agents import tools
from chalicelib.core.errors import DarkroomError
from chalicelib.core.http import payload
from chalicelib.core.http.payload import NotJsonError
from chalicelib.core.settings import Settings

HANDSHAKE_VERSIONS = ("2025-06-18", "2025-11-25")
MODERN_VERSION = "2026-07-28"
VERSIONS = (*HANDSHAKE_VERSIONS, MODERN_VERSION)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

META = "io.modelcontextprotocol/"
_VERSION_HEADER = "mcp-protocol-version"


class ProtocolError(Exception):
    """A message that the protocol does not allow."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.data, self.status = code, data, status


@dataclass(frozen=True)
class Request:
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
        return self.headers.get(_VERSION_HEADER) == MODERN_VERSION or f"{META}protocolVersion" in self.meta


def read(body: bytes, headers: Mapping[str, str]) -> Request | None:
    """The request in a message, or None if the message wants no reply.

    Raises:
        ProtocolError: it is no message, or its page may not call.
    """
    _check_origin(headers)
    return _request(_parse(body), headers)


def called_tool(message: Any) -> Any:
    """What a message names as the tool that it calls; None if it calls none."""
    try:
        return message["params"]["name"] if message["method"] == "tools/call" else None
    except (LookupError, TypeError):
        return None


def _check_origin(headers: Mapping[str, str]) -> None:
    """Refuses pages of origins that CORS does not allow either."""
    origin, allowed = headers.get("origin"), Settings.CORS_ORIGIN.get()
    if origin is not None and allowed not in ("*", origin):
        raise ProtocolError(INVALID_REQUEST, "This origin may not call.", status=403)


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        message = payload.parse(body, tools.body_limit_of_any(body))
        payload.check_size(body, tools.body_limit(called_tool(message)))
    except NotJsonError:
        raise ProtocolError(PARSE_ERROR, "The body is not valid JSON.") from None
    except DarkroomError as error:
        message_and_step = f"{error.message} {error.next_step}".rstrip()
        data = {"details": error.details} if error.details else None
        raise ProtocolError(INVALID_REQUEST, message_and_step, data, error.status) from None
    if not isinstance(message, Mapping):
        raise ProtocolError(INVALID_REQUEST, "One message a request; batches are not part of these versions.")
    return message


def _request(message: Mapping[str, Any], headers: Mapping[str, str]) -> Request | None:
    """The request in a message, or None if the message wants no reply."""
    method, params, request_id = message.get("method"), or_empty(message.get("params")), message.get("id")
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
    return Request(request_id, method, params, headers)


def or_empty(value: Any) -> Any:
    """JSON's null means that an optional value is left out."""
    return {} if value is None else value


def check_version(request: Request) -> None:
    """Raises ProtocolError unless the request's version is spoken here, and its headers say what its body says."""
    if request.is_modern:
        _check_envelope(request)
        return
    version = request.headers.get(_VERSION_HEADER, HANDSHAKE_VERSIONS[0])
    if version not in HANDSHAKE_VERSIONS:
        raise _unsupported(version)


def _check_envelope(request: Request) -> None:
    """Checks that headers and body agree, as 2026-07-28 requires."""
    version = request.meta.get(f"{META}protocolVersion")
    if not isinstance(version, str) or not isinstance(request.meta.get(f"{META}clientCapabilities"), Mapping):
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
