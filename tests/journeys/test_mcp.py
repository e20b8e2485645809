"""The Model Context Protocol, with its official client and with messages that no such client would send."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import httpx2
import mcp.client.session
import pytest
import requests
from mcp import Client, MCPDeprecationWarning, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent, Tool

from chalicelib.accounts.permissions import signed_in
from chalicelib.core.agents import tools
from chalicelib.core.agents.messages import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
)
from chalicelib.core.http import payload
from chalicelib.core.http.operations import APIAccessType
from local.machine import Machine
from tests import node, pictures
from tests.journeys.gateway import call
from tests.journeys.issuing_keys import issue_key
from tests.journeys.ledger import runs
from tests.journeys.user import User

# The tools that are listed for a key with file_upload access.
FILE_UPLOAD = [
    tool.operation.name
    for tool in tools.published()
    if APIAccessType.FILE_UPLOAD in tool.operation.access and tool.operation.permission is signed_in
]
META = "io.modelcontextprotocol/"


@dataclass
class Line:
    """An HTTP client of `user` that keeps each method with the status of its answer."""

    user: User
    heard: list[tuple[str, int]] = field(default_factory=list)

    async def _note(self, response: httpx2.Response) -> None:
        message = json.loads(response.request.content or b"{}")
        self.heard.append((message.get("method", response.request.method), response.status_code))

    @asynccontextmanager
    async def connected(self, mode: str) -> AsyncIterator[Client]:
        hooks = {"response": [self._note]}
        http = httpx2.AsyncClient(headers=self.user.headers, timeout=30, trust_env=False, event_hooks=hooks)
        async with http, Client(streamable_http_client(f"{self.user.url}/mcp", http_client=http), mode=mode) as client:
            yield client


def talk(user: User, mode: str, said: Callable[[Client], Awaitable[Any]]) -> Any:
    """The result of a conversation in that mode."""

    async def run() -> Any:
        async with Line(user).connected(mode) as client:
            return await said(client)

    return anyio.run(run)


@pytest.fixture(params=["2026-07-28", "2025-11-25", "2025-06-18"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The client's modes, one for each version of the protocol; the last is an older client."""
    version = request.param
    monkeypatch.setattr(mcp.client.session, "LATEST_HANDSHAKE_VERSION", version)
    return "auto" if version == "2026-07-28" else "legacy"


# ------------------------------------------------------------------------- the official client


def seen_picture(content: list[Any]) -> bytes:
    """The picture in the content of a result of `view_image`, as any of the clients gives it."""
    (picture,) = [each for each in content if each["type"] == "image"]
    assert picture["mimeType"] == "image/jpeg"
    return base64.b64decode(picture["data"])


def check_links(content: list[Any], variants: list[dict[str, Any]]) -> None:
    """There is a link to the file of each variant, and it works."""
    links = [each for each in content if each["type"] == "resource_link"]
    assert [(link["uri"], link["size"]) for link in links] == [(each["url"], each["fileSize"]) for each in variants]
    assert [link["name"] for link in links] == [f"{each['name']}.{each['format']}" for each in variants]
    fetched = requests.get(links[-1]["uri"], timeout=30)
    assert (fetched.headers["Content-Type"], len(fetched.content)) == (links[-1]["mimeType"], links[-1]["size"])


def check_thumbnail(results: dict[str, Any], image: dict[str, Any]) -> None:
    """The results of the three calls belong together, and the last one holds the smallest variant."""
    assert results["sent"]["structuredContent"]["imageId"] == image["imageId"]
    assert (image["status"], len(image["variants"])) == ("COMPLETED", 6)
    check_links(results["waited"]["content"], image["variants"])
    (small,) = [each for each in image["variants"] if each["name"] == "small"]
    picture = seen_picture(results["seen"]["content"])
    assert (len(picture), small["dimensions"]) == (small["fileSize"], "800x600")
    assert pictures.decoded(picture).size == (800, 600)
    shown = results["seen"]["structuredContent"]
    assert shown == json.loads(results["seen"]["content"][0]["text"])
    assert "data" not in shown, "the picture is sent once"


@cache
def a_photo() -> bytes:
    """A photo that in base64 is larger than other requests may be."""
    data = pictures.jpeg(1024, 768, quality=100)
    assert len(data) * 4 // 3 > payload.MAX_BODY_BYTES
    return data


def test_an_agent_gets_a_thumbnail_in_three_calls(robot: User, mode: str, request: pytest.FixtureRequest) -> None:
    async def said(client: Client) -> dict[str, Any]:
        assert client.protocol_version == request.node.callspec.params["mode"]
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("darkroom", "0.2.0")
        assert client.server_capabilities.tools is not None
        sent = await client.call_tool("import_image", {"content": base64.b64encode(a_photo()).decode()})
        image_id = sent.structured_content["imageId"]
        waited = await client.call_tool("wait_for_image", {"imageId": image_id})
        seen = await client.call_tool("view_image", {"imageId": image_id})
        results = {"sent": sent, "waited": waited, "seen": seen}
        assert not any(result.is_error for result in results.values())
        return {name: result.model_dump(mode="json", by_alias=True) for name, result in results.items()}

    results = talk(robot, mode, said)
    check_thumbnail(results, results["waited"]["structuredContent"]["image"])


@pytest.mark.parametrize(
    ("client", "version"),
    [("v1", "2025-11-25"), ("v2", "2026-07-28"), pytest.param("v2-legacy", "2025-11-25", marks=pytest.mark.slow)],
)
def test_the_typescript_client_gets_a_thumbnail_in_three_calls(
    robot: User, tmp_path: Path, client: str, version: str
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(a_photo())
    said = json.loads(node.run("agent.js", f"{robot.url}/mcp", robot.tokens["accessToken"], photo, client))
    assert said["version"] == version
    assert "import_image" in said["instructions"]
    assert [tool["name"] for tool in said["tools"]] == FILE_UPLOAD
    check_thumbnail(said, said["waited"]["structuredContent"]["image"])
    assert said["refused"]["isError"] is True
    assert said["refused"]["content"][0]["text"].endswith("Call get_image for the names of its variants.")


def test_an_agent_uploads_a_larger_file_by_a_presigned_request(robot: User) -> None:
    async def said(client: Client) -> tuple[Any, Any]:
        announced = await client.call_tool("create_upload", {"fileName": "a.jpg", "fileType": "image/jpeg"})
        upload = announced.structured_content
        put = requests.put(upload["uploadUrl"], data=a_photo(), headers=upload["headers"], timeout=30)
        assert put.status_code == 200
        arguments = {"imageId": upload["imageId"]}
        return await client.call_tool("wait_for_image", arguments), await client.call_tool("get_image", arguments)

    waited, found = talk(robot, "auto", said)
    assert waited.structured_content["isFinished"] is True
    image = found.structured_content["image"]
    assert json.loads(text_of(found)) == found.structured_content
    check_links(found.model_dump(mode="json", by_alias=True)["content"], image["variants"])


def test_a_tool_says_what_it_does_to_the_world(ann: User) -> None:
    async def said(client: Client) -> list[Tool]:
        return (await client.list_tools()).tools

    listed = talk(ann, "auto", said)
    hints: dict[str, list[str]] = {}
    for tool in listed:
        assert tool.title == tool.name.replace("_", " ").capitalize()
        assert tool.description
        assert tool.output_schema
        assert tool.annotations is not None
        said_of_it = tool.annotations.model_dump(exclude_none=True)
        assert len(said_of_it) == 4
        for name in (name for name, value in said_of_it.items() if value):
            hints.setdefault(name, []).append(tool.name)
    reading = [
        "get_action",
        "get_download",
        "get_image",
        "get_usage",
        "list_images",
        "list_presets",
        "view_image",
        "wait_for_image",
    ]
    assert hints == {
        "read_only_hint": reading,
        "idempotent_hint": sorted([*reading, "change_image", "delete_image"]),
        "destructive_hint": ["change_image", "delete_image"],
        "open_world_hint": ["create_upload", "import_image"],
    }


def test_a_refusal_by_a_tool_is_a_result_that_the_model_can_read(robot: User, mode: str) -> None:
    async def said(client: Client) -> list[Any]:
        return [
            await client.call_tool("get_image", {"imageId": "img_none"}),
            await client.call_tool("create_upload", {"fileName": 5, "odd": True}),
            await client.call_tool("delete_image", {"imageId": "img_none"}),
            await client.call_tool("list_images"),
        ]

    unknown, bad, shut, good = talk(robot, mode, said)
    assert [result.is_error for result in (unknown, bad, shut, good)] == [True, True, True, False]
    assert text_of(unknown).splitlines() == [
        "IMAGE_NOT_FOUND: There is no such image.",
        "Call list_images for the ids of your images.",
    ]
    code, *reasons, next_step = text_of(bad).splitlines()
    assert code.startswith("INVALID_REQUEST: ")
    fields = [reason.partition(":")[0] for reason in reasons]
    assert set(fields) == {"fileName", "fileType", "odd"}
    assert next_step == f"Correct {', '.join(fields)} and call create_upload again."
    assert text_of(shut).splitlines() == [
        "PERMISSION_DENIED: This API key does not carry full_access.",
        "Ask the user for an API key with this access, or for this right.",
    ]
    assert good.structured_content["nextCursor"] is None


def test_an_unknown_tool_is_a_protocol_error_that_suggests_the_nearest(robot: User, mode: str) -> None:
    async def said(client: Client) -> MCPError:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("get_imge", {})
        return refused.value

    error = talk(robot, mode, said)
    assert error.code == INVALID_PARAMS
    assert error.data is not None
    assert error.data["nearest"][0] == "get_image"
    assert "delete_image" not in error.data["nearest"], "tools that the key may not use are not suggested"


def test_a_user_sees_every_tool_and_a_key_only_those_of_its_access_types(ann: User) -> None:
    async def said(client: Client) -> list[str]:
        return [tool.name for tool in (await client.list_tools()).tools]

    every = [tool.operation.name for tool in tools.published() if tool.operation.permission is signed_in]
    assert talk(ann, "auto", said) == every
    assert "delete_image" in every
    reporting = issue_key(ann, "reports")[1]
    shown = talk(reporting, "auto", said)
    assert "get_usage" in shown
    assert not {"create_upload", "get_image", "delete_image"} & set(shown)


def test_each_version_of_the_protocol_sends_its_messages(ann: User, robot: User) -> None:
    async def run(mode: str) -> list[tuple[str, int]]:
        line = Line(robot)
        async with line.connected(mode) as client:
            await client.list_tools()
            await client.call_tool("list_images", {"limit": 1})
            with pytest.raises(MCPError):
                await client.call_tool("no_such_tool", {})
            if mode == "legacy":
                with pytest.warns(MCPDeprecationWarning):
                    await client.send_ping()
        return line.heard

    assert anyio.run(run, "auto") == [
        ("server/discover", 200),
        ("tools/list", 200),
        ("tools/call", 200),
        ("tools/call", 400),
    ]
    assert anyio.run(run, "legacy") == [
        ("initialize", 200),
        ("notifications/initialized", 202),
        ("tools/list", 200),
        ("tools/call", 200),
        ("tools/call", 200),
        ("ping", 200),
    ]


def test_a_long_list_of_tools_comes_in_pages(robot: User, function: pytest.MonkeyPatch) -> None:
    function.setattr("chalicelib.core.agents.mcp.TOOLS_A_PAGE", 2)
    names: list[str] = []
    pages, cursor = 0, None
    while pages == 0 or cursor:
        message = older("tools/list") if cursor is None else older("tools/list", cursor=cursor)
        answer = call("POST /mcp", robot.headers, message)
        names += [tool["name"] for tool in answer.body["result"]["tools"]]
        cursor, pages = answer.body["result"].get("nextCursor"), pages + 1
    assert names == FILE_UPLOAD
    assert pages == (len(names) + 1) // 2 > 1


def text_of(result: CallToolResult) -> str:
    """The text at the beginning of a tool's answer."""
    content = result.content[0]
    assert isinstance(content, TextContent)
    return content.text


# ---------------------------------------------------------------------- single messages


def post(user: User, message: Any, **headers: str) -> requests.Response:
    """Sends a message without a client; underscores in header names stand for hyphens."""
    sent_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    return user.request("POST", "/mcp", data=raw, headers={"Content-Type": "application/json", **sent_headers})


def older(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


def modern(method: str, **params: Any) -> dict[str, Any]:
    meta = {f"{META}protocolVersion": "2026-07-28", f"{META}clientCapabilities": {}}
    return older(method, **{"_meta": meta, **params})


def error_of(answer: requests.Response, status: int, code: int) -> dict[str, Any]:
    """The body of an answer with that status and protocol error."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"jsonrpc", "id", "error"}
    assert body["error"]["code"] == code, body
    return dict(body)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"{", PARSE_ERROR),
        (b"", PARSE_ERROR),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}', PARSE_ERROR),
        (b'"ping"', INVALID_REQUEST),
        ([older("ping"), older("tools/list")], INVALID_REQUEST),
        ([], INVALID_REQUEST),
        ({"id": 1, "method": "ping"}, INVALID_REQUEST),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1}, INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, INVALID_REQUEST),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}, INVALID_REQUEST),
    ],
)
def test_an_invalid_message_is_refused(robot: User, message: Any, code: int) -> None:
    assert error_of(post(robot, message), 400, code)["id"] is None


def test_an_oversized_message_is_refused_with_413(robot: User) -> None:
    error_of(post(robot, older("ping", padding="x" * 300_000)), 413, INVALID_REQUEST)


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}},
    ],
)
def test_a_notification_gets_no_answer(robot: User, message: dict[str, Any]) -> None:
    answer = post(robot, message)
    assert (answer.status_code, answer.content) == (202, b"")


def test_a_request_is_answered_under_its_own_id(robot: User) -> None:
    for asked in (0, -5, "a-1", ""):
        answer = post(robot, {**older("ping"), "id": asked})
        assert answer.json() == {"jsonrpc": "2.0", "id": asked, "result": {}}


@pytest.mark.parametrize(("wanted", "given"), [("2025-06-18", "2025-06-18"), ("2024-11-05", "2025-11-25")])
def test_the_handshake_picks_a_version_that_both_sides_support(robot: User, wanted: str, given: str) -> None:
    assert post(robot, older("initialize", protocolVersion=wanted)).json()["result"]["protocolVersion"] == given


def test_an_unsupported_version_is_refused_with_a_list_of_supported_ones(robot: User) -> None:
    spoken = ["2025-06-18", "2025-11-25", "2026-07-28"]
    by_header = error_of(post(robot, older("tools/list"), mcp_protocol_version="1999-01-01"), 400, UNSUPPORTED_VERSION)
    assert by_header["error"]["data"] == {"supported": spoken, "requested": "1999-01-01"}
    meta = {f"{META}protocolVersion": "2030-01-01", f"{META}clientCapabilities": {}}
    by_body = post(robot, older("tools/list", _meta=meta), mcp_protocol_version="2030-01-01", mcp_method="tools/list")
    assert error_of(by_body, 400, UNSUPPORTED_VERSION)["error"]["data"]["supported"] == spoken


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"mcp_protocol_version": "2026-07-28"},
        {"mcp_protocol_version": "2025-11-25", "mcp_method": "tools/call", "mcp_name": "list_images"},
        {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/list", "mcp_name": "list_images"},
        {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call"},
        {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "delete_image"},
    ],
)
def test_headers_that_contradict_the_body_are_refused(robot: User, headers: dict[str, str]) -> None:
    answer = post(robot, modern("tools/call", name="list_images", arguments={}), **headers)
    assert error_of(answer, 400, HEADER_MISMATCH)["id"] == 7


def test_headers_that_match_the_body_are_accepted(robot: User) -> None:
    sent_headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "list_images"}
    result = post(robot, modern("tools/call", name="list_images", arguments={}), **sent_headers).json()["result"]
    assert result["resultType"] == "complete"
    assert result["_meta"][f"{META}serverInfo"]["name"] == "darkroom"


def test_the_newest_version_is_named_in_every_request(robot: User) -> None:
    answer = post(robot, older("tools/list"), mcp_protocol_version="2026-07-28", mcp_method="tools/list")
    error_of(answer, 400, INVALID_PARAMS)


def test_an_unknown_method_is_404_in_the_newest_version_and_200_in_older_ones(robot: User) -> None:
    headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": "resources/list"}
    error_of(post(robot, modern("resources/list"), **headers), 404, METHOD_NOT_FOUND)
    error_of(post(robot, older("resources/list")), 200, METHOD_NOT_FOUND)
    ping = {"mcp_protocol_version": "2026-07-28", "mcp_method": "ping"}
    error_of(post(robot, modern("ping"), **ping), 404, METHOD_NOT_FOUND)


@pytest.mark.parametrize(
    "params",
    [{}, {"name": 5}, {"name": "list_images", "arguments": 0}, {"name": "list_images", "arguments": [1]}],
)
def test_a_tool_call_needs_a_name_and_an_object_of_arguments(robot: User, params: dict[str, Any]) -> None:
    error_of(post(robot, older("tools/call", **params)), 200, INVALID_PARAMS)


def test_arguments_that_are_null_count_as_absent(robot: User) -> None:
    for message in (older("ping"), older("tools/list")):
        assert "result" in post(robot, {**message, "params": None}).json()
    called = post(robot, older("tools/call", name="list_images", arguments=None))
    assert called.json()["result"]["isError"] is False
    error_of(post(robot, {**older("ping"), "params": 0}), 400, INVALID_REQUEST)


@pytest.mark.parametrize("cursor", ["", "%%", 5, {}])
def test_an_invalid_cursor_is_refused(robot: User, cursor: Any) -> None:
    error_of(post(robot, older("tools/list", cursor=cursor)), 200, INVALID_PARAMS)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_opening_a_stream_or_ending_a_session_is_refused(robot: User, method: str) -> None:
    for headers in (robot.headers, {}):
        sent_headers = {**headers, "Accept": "text/event-stream"}
        answer = requests.request(method, f"{robot.url}/mcp", headers=sent_headers, timeout=30)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_an_anonymous_caller_is_refused(ann: User) -> None:
    for headers in ({}, {"Authorization": "Bearer drk_unknown"}):
        answer = requests.post(f"{ann.url}/mcp", json=older("tools/list"), headers=headers, timeout=30)
        assert answer.status_code == 401
        # API Gateway renames the header, so no client can depend on it.
        assert "WWW-Authenticate" not in answer.headers
        assert "result" not in answer.json()


def test_requests_of_pages_from_other_origins_are_refused(robot: User, function: pytest.MonkeyPatch) -> None:
    def status(origin: str) -> int:
        return call("POST /mcp", {**robot.headers, "Origin": origin}, older("ping")).status

    assert status("https://anywhere.example") == 200, "as open as CORS is"
    function.setenv("CORS_ORIGIN", "https://app.example.com")
    assert status("https://app.example.com") == 200
    assert status("https://anywhere.example") == 403


def test_each_message_leaves_one_usage_record_with_the_tools_name(machine: Machine) -> None:
    user = User.new(machine.api_url)
    account = user.id
    post(user, older("ping"))
    post(user, older("tools/call", name="list_images", arguments={}))
    post(user, older("tools/call", name="get_image", arguments={"imageId": "img_none"}))
    post(user, older("tools/call", name="no_such_tool"))
    written = runs(machine, account)[-4:]
    assert [(run["operation"], run["endpoint"], run["success"], run.get("error_type")) for run in written] == [
        ("mcp", "POST /mcp", True, None),
        ("list_images", "agent_operation", True, None),
        ("get_image", "agent_operation", False, "ImageNotFoundError"),
        ("mcp", "POST /mcp", False, "ProtocolError"),
    ]
