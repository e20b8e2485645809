"""What the contract says of the doors for agents: JSON Schemas of their messages, and what they answer."""

from chalicelib.core.http.operations import Answer
from chalicelib.core.schemas import says, text

# A tool's input may be wrapped, and its answer is that of its operation: `GET /agent/tools` has both schemas.
TOOL_INPUT = {
    "type": "object",
    "description": "The tool's input, as its `inputSchema` says.",
    "properties": {"data": {"type": "object", "description": "The same, wrapped."}},
}
TOOL_ANSWER = {"type": "object", "description": "The tool's answer, as its `outputSchema` says."}

_ID = {"type": ["string", "integer", "null"]}
_REQUEST_ID = {"type": ["string", "integer"], **says("Only of a request; a notification has none.", 1)}
_JSON_RPC = {"const": "2.0"}
MCP_MESSAGE = {
    "type": "object",
    "description": "A message of JSON-RPC 2.0, as the protocol's revision says.",
    "properties": {
        "jsonrpc": _JSON_RPC,
        "id": _REQUEST_ID,
        "method": text("What is asked for.", "tools/list"),
        "params": {"type": ["object", "null"], **says("As the method takes them.", {})},
    },
    "required": ["jsonrpc", "method"],
}
_REPLY = {
    "type": "object",
    "properties": {
        "jsonrpc": _JSON_RPC,
        "id": _ID,
        "result": {"type": "object"},
        "error": {
            "type": "object",
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "data": {"type": "object"}},
            "required": ["code", "message"],
        },
    },
    "required": ["jsonrpc", "id"],
}
MCP_ANSWERS = (
    Answer(200, "The reply: a result, or an error that the message itself caused.", _REPLY),
    Answer(202, "A notification was taken; it has no reply."),
    Answer(400, "The message is not one of this protocol, or headers and body do not agree.", _REPLY),
    Answer(403, "This origin may not call.", _REPLY),
    Answer(404, "There is no such method.", _REPLY),
    Answer(413, "The message is too large.", _REPLY),
)
