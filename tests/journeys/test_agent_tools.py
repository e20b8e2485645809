"""Tools for agents: the same operations as the routes, under the same rules."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import app as manifest
from chalicelib.accounts.permissions import signed_in
from chalicelib.core.agents import tools
from chalicelib.core.agents.tools import api_tool
from chalicelib.core.aws import grants
from chalicelib.core.http import limits, payload
from chalicelib.core.http.access import validated
from chalicelib.core.http.limits import Limit
from chalicelib.core.http.operations import APIAccessType
from chalicelib.core.schemas import shape
from local.machine import Machine
from tests import pictures
from tests.journeys.error_responses import error_of
from tests.journeys.gateway import Answer, call, calls_made
from tests.journeys.issuing_keys import issue_key
from tests.journeys.ledger import runs
from tests.journeys.user import User

# A time at which both windows begin, in seconds since the epoch.
NOON = 1_780_315_200.0


def use(user: User, tool: str, **data: Any) -> Any:
    return user.post(f"/agent/{tool}", data=data)


# ------------------------------------------------------------------------ what there is


def test_the_tool_list_holds_only_what_the_caller_may_use(ann: User, robot: User) -> None:
    def names(user: User) -> list[str]:
        answer = user.get("/agent/tools")
        assert answer.status_code == 200, answer.text
        return [tool["name"] for tool in answer.json()["tools"]]

    assert names(ann) == [tool.operation.name for tool in tools.published() if tool.operation.permission is signed_in]
    assert {"create_upload", "get_image", "delete_image", "get_usage"} <= set(names(ann))
    opened = {
        tool.operation.name
        for tool in tools.published()
        if APIAccessType.FILE_UPLOAD in tool.operation.access and tool.operation.permission is signed_in
    }
    assert set(names(robot)) == opened
    assert "delete_image" not in opened
    assert names(issue_key(ann, "full_access")[1]) == names(ann)
    assert "list_images" not in names(issue_key(ann, "exports")[1])


def test_every_tool_shows_the_schemas_of_its_route(ann: User) -> None:
    offered = ann.get("/agent/tools").json()["tools"]
    assert offered
    for tool in offered:
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
        view = getattr(manifest, tool["name"])
        assert tool["inputSchema"] == view.operation.schema
        assert tool["outputSchema"] == json.loads(json.dumps(view.operation.returns))
        assert tool["description"]
        assert tool["tags"]


def test_a_read_only_tool_has_no_grant_to_write_send_or_delete() -> None:
    shared = grants.of(manifest.list_tools)
    for tool in tools.published():
        granted = {
            right
            for variable, rights in grants.of(tool.function).items()
            for right in rights - shared.get(variable, frozenset())
        }
        changing = {right for right in granted if re.search("Put|Delete|Send|Publish|Start", str(right))}
        assert not (tool.reads_only and changing), f"{tool.operation.name}: {changing}"
        assert changing or tool.operation.name != "create_upload", "the check detects tools that write"


# ---------------------------------------------------------------------------- calling it


def test_a_tool_answers_what_its_route_answers(ann: User, robot: User) -> None:
    announced = use(robot, "create_upload", fileName="a.jpg", fileType="image/jpeg").json()
    assert announced["success"] is True
    image_id = ann.upload(pictures.jpeg(320, 240))
    ann.finished(image_id)
    for by_tool, by_route in [
        (use(robot, "get_image", imageId=image_id), robot.get(f"/images/{image_id}")),
        (use(robot, "list_images", limit=2), robot.get("/images", limit=2)),
        (use(robot, "get_image", imageId="img_none"), robot.get("/images/img_none")),
        (use(robot, "list_images", limit=0), robot.get("/images", limit=0)),
        (use(robot, "delete_image", imageId=image_id), robot.request("DELETE", f"/images/{image_id}")),
        (use(robot, "get_usage", start="x"), robot.get("/usage", start="x")),
    ]:
        assert by_tool.status_code == by_route.status_code
        assert plain(by_tool.json()) == plain(by_route.json())
    assert ann.post("/agent/delete_image", imageId=image_id).json()["message"], "with data or without it"
    assert ann.get(f"/images/{image_id}").status_code == 404


def plain(answer: dict[str, Any]) -> Any:
    """An answer without what differs: the request's id, the signatures of links, and what only agents are told."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: of(inner) for name, inner in value.items() if name not in ("requestId", "nextStep")}
        if isinstance(value, list):
            return [of(inner) for inner in value]
        return value.partition("?")[0] if isinstance(value, str) else value

    return of(answer)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (b'{"data": {"fileName": 5, "fileType": "image/png"}}', "fileName"),
        (b'{"data": {"fileName": "a"}}', "fileType"),
        (b'{"data": {"fileName": "a", "fileType": "image/png", "odd": 1}}', "odd"),
        (b'{"data": {"fileName": "a", "fileType": "image/png"}, "odd": 1}', "data"),
        (b"", "fileName"),
    ],
)
def test_invalid_input_is_refused_with_400_that_names_the_field(robot: User, body: bytes, field: str) -> None:
    answer = robot.request("POST", "/agent/create_upload", data=body, headers={"Content-Type": "application/json"})
    assert field in {detail["field"] for detail in error_of(answer, 400)["details"]}


def test_an_unknown_tool_is_404_and_suggests_the_nearest_tool_the_caller_may_use(ann: User, robot: User) -> None:
    answer = use(ann, "delete_imge", imageId="img_1")
    assert error_of(answer, 404)["code"] == "TOOL_NOT_FOUND"
    assert "delete_image" in answer.json()["message"]
    answer = use(robot, "delete_imge", imageId="img_1")
    assert error_of(answer, 404)["code"] == "TOOL_NOT_FOUND"
    assert "delete_image" not in answer.json()["message"]
    assert error_of(use(ann, "change_rights", userId="u", role="ADMIN"), 404)["code"] == "TOOL_NOT_FOUND"


def test_an_anonymous_caller_gets_no_list_of_tools(machine: Machine) -> None:
    stranger = User(machine.api_url)
    assert error_of(stranger.get("/agent/tools"), 401)["code"] == "NOT_AUTHENTICATED"
    assert error_of(use(stranger, "list_images"), 401)["code"] == "NOT_AUTHENTICATED"
    assert error_of(use(stranger, "no_such_tool"), 401)["code"] == "NOT_AUTHENTICATED"


def test_an_operations_limit_counts_its_route_and_its_tool_together(
    function: pytest.MonkeyPatch, machine: Machine
) -> None:
    eve = User.new(machine.api_url)
    function.setattr(limits, "time", type("Clock", (), {"time": staticmethod(lambda: NOON)}))
    view: Any = manifest.reprocess_image
    own: Limit = view.operation.limit
    by_route = {call("POST /images/{imageId}/reprocess", eve.headers, imageId="img_none").status for _ in range(30)}
    by_tool = {
        call("POST /agent/{tool}", eve.headers, {"imageId": "img_none"}, tool="reprocess_image").status
        for _ in range(own.number - 30)
    }
    assert by_route == by_tool == {404}
    refused = call("POST /agent/{tool}", eve.headers, {"imageId": "img_none"}, tool="reprocess_image")
    assert (refused.status, refused.body["error"]["code"]) == (429, "TOO_MANY_REQUESTS")
    assert refused.headers["RateLimit-Limit"] == str(own.number)
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"] == "60"
    assert call("POST /images/{imageId}/reprocess", eve.headers, imageId="img_none").status == 429
    assert call("POST /agent/{tool}", eve.headers, {}, tool="list_images").status == 200


# ------------------------------------------------------------------------- large requests

A_FILE = "A" * 5_592_408
KEEPS_FILES = shape({"data": {"type": "string", "maxLength": len(A_FILE)}})


@pytest.fixture
def with_large_tool(function: pytest.MonkeyPatch) -> None:
    """There is a tool `measure_file` that takes base64 of 4 MiB."""

    def measure_file(data: dict[str, Any]) -> dict[str, Any]:
        """How long a file is."""
        return {"length": len(data["data"])}

    returns = shape({"length": {"type": "integer"}})
    declare = validated(KEEPS_FILES, permission=signed_in, access=APIAccessType.FILE_UPLOAD, returns=returns)
    function.setattr(tools, "_published", dict(tools._published))
    api_tool(largest_body=payload.MOST_BODY_BYTES)(declare(measure_file))


def by_mcp(user: User, tool: str, **arguments: Any) -> Answer:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": arguments, "name": tool}}
    return call("POST /mcp", user.headers, message)


@pytest.mark.usefixtures("with_large_tool")
def test_a_tool_that_takes_files_takes_a_large_request_over_both_doors(robot: User) -> None:
    by_tool = call("POST /agent/{tool}", robot.headers, {"data": A_FILE}, tool="measure_file")
    assert by_tool.body == {"success": True, "length": len(A_FILE)}
    assert by_mcp(robot, "measure_file", data=A_FILE).body["result"]["structuredContent"] == {"length": len(A_FILE)}


@pytest.mark.usefixtures("with_large_tool")
def test_all_other_requests_keep_their_limit(robot: User) -> None:
    large = "x" * payload.MAX_BODY_BYTES
    assert call("POST /agent/{tool}", robot.headers, {"data": large}, tool="list_images").status == 413
    assert call("POST /agent/{tool}", robot.headers, {"data": large}, tool="no_such_tool").status == 413
    assert call("POST /upload", robot.headers, {"fileName": large}).status == 413
    assert by_mcp(robot, "list_images", data=large).status == 413
    assert by_mcp(robot, "list_images", data=large, hint="measure_file").status == 413, "its name alone opens nothing"
    beyond = {"data": "x" * payload.MOST_BODY_BYTES}
    assert call("POST /agent/{tool}", robot.headers, beyond, tool="measure_file").status == 413


@pytest.mark.usefixtures("with_large_tool")
def test_a_large_request_without_a_caller_or_without_the_tools_name_is_not_parsed(
    robot: User, function: pytest.MonkeyPatch
) -> None:
    function.setattr(payload, "json", SimpleNamespace(loads=lambda *_, **__: pytest.fail("it was parsed")))
    for headers in ({}, {"Authorization": "Bearer drk_unknown"}):
        assert call("POST /agent/{tool}", headers, {"data": A_FILE}, tool="measure_file").status == 401
    assert by_mcp(robot, "list_images", data=A_FILE).status == 413


# ---------------------------------------------------------------------- what it leaves behind


def test_each_tool_call_leaves_one_usage_record_with_the_tools_name(machine: Machine) -> None:
    user = User.new(machine.api_url)
    account = user.id
    key_id, robot = issue_key(user, "file_upload")
    before = len(runs(machine, account))
    use(robot, "list_images")
    use(robot, "get_image", imageId="img_none")
    use(robot, "delete_image", imageId="img_none")
    use(robot, "list_images", odd=1)
    use(robot, "no_such_tool")
    robot.get("/agent/tools")
    written = runs(machine, account)[before:]
    assert [(run["operation"], run["endpoint"], run["success"], run.get("error_type")) for run in written] == [
        ("list_images", "agent_operation", True, None),
        ("get_image", "agent_operation", False, "ImageNotFoundError"),
        ("delete_image", "agent_operation", False, "PermissionDeniedError"),
        ("list_images", "agent_operation", False, "InvalidRequestError"),
        ("call_tool", "POST /agent/{tool}", False, "ToolNotFoundError"),
        ("list_tools", "GET /agent/tools", True, None),
    ]
    assert {(run["api_key_id"], run["event_source"], run["user"]) for run in written} == {(key_id, "HTTP", account)}


def test_a_tool_call_makes_no_more_calls_to_aws_than_its_route(ann: User, function: pytest.MonkeyPatch) -> None:
    _, robot = issue_key(ann, "file_upload")

    def use_it(headers: dict[str, str]) -> int:
        return call("POST /agent/{tool}", headers, {"data": {}}, tool="list_images").status

    # The first use of a key in a minute is stored.
    assert use_it(robot.headers) == 200
    made = calls_made()
    assert use_it(ann.headers) == 200
    assert made == ["GetItem", "UpdateItem", "Query", "PutItem"], "who calls, the limits, the images, the record"
    made.clear()
    assert use_it(robot.headers) == 200
    assert made == ["GetItem", "GetItem", "UpdateItem", "Query", "PutItem"], "and the key"
    made.clear()
    for headers in ({}, {"Authorization": "Bearer junk"}):
        assert use_it(headers) == 401
    assert made == []
