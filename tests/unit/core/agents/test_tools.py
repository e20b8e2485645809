"""Publishing a tool, and checking its answers against its schema."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.agents import tools
from chalicelib.core.agents.tools import ToolNotFoundError, api_tool
from chalicelib.core.errors import PermissionDeniedError
from chalicelib.core.http import responses
from chalicelib.core.http.operations import AnswerError, APIAccessType, Caller, Operation, public
from chalicelib.core.observing.tracking import Execution
from chalicelib.core.schemas import TEXT, shape

ANN = Caller(id="u1", email="ann@example.com", name="Ann")
WORD = shape({"word": TEXT})


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty registry of tools for the test; nothing is reported to operators."""
    monkeypatch.setattr(tools, "_published", {})
    for name in ("USAGE_METRICS_DYNAMO_TABLE", "USAGE_KEEP_DAYS", "CRITICAL_ERRORS_SQS_QUEUE_NAME"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


def allowed(user: Caller, data: Any) -> bool:
    return bool(data.get("word") != "secret")


def publish(function: Callable[..., Any]) -> Callable[..., Any]:
    function.__doc__ = "Says it back."
    return api_tool()(operation(function))


def operation(function: Callable[..., Any], **changed: Any) -> Callable[..., Any]:
    """The function as `@validated` leaves it."""
    declared = {"permission": allowed, "returns": WORD, **changed}
    access = frozenset({APIAccessType.ACTIONS})
    function.__dict__["operation"] = Operation(
        function.__name__, function, schema=WORD, api_schema=WORD, access=access, **declared
    )
    return function


def call(name: str, user: Caller = ANN, **data: Any) -> tuple[dict[str, Any], Execution]:
    """The tool's answer, and the execution as tracking would record it."""
    execution = Execution("call_tool", "POST /agent/{tool}", "HTTP", 512)
    return tools.call(name, data, {"user": user, "execution": execution, "rate": {}}), execution


def test_a_tool_gets_by_name_what_its_operation_asks_for() -> None:
    @publish
    def echo(data: Any, name: str, operation: str) -> Any:
        return {"word": f"{operation} of {name}: {data['word']}"}

    answer, execution = call("echo", word="hello")
    assert answer == {"word": "echo of Ann: hello"}
    assert (execution.operation, execution.endpoint) == ("echo", "agent_operation")
    assert execution.error_type is None
    assert [tool["name"] for tool in tools.list_tools(ANN)["tools"]] == ["echo"]


@pytest.mark.parametrize("wrong", [{}, None, {"word": 5}, {"word": "a", "more": 1}])
def test_an_answer_that_breaks_its_schema_is_a_defect(wrong: Any) -> None:
    @publish
    def liar(data: Any) -> Any:
        return wrong

    execution = Execution("call_tool", "POST /agent/{tool}", "HTTP", 512)
    with pytest.raises(AnswerError, match="liar") as defect:
        tools.call("liar", {"word": "a"}, {"user": ANN, "execution": execution, "rate": {}})
    answered = responses.to_error_response(defect.value, execution, "r1")
    assert answered.status_code == 500
    assert "liar" not in answered.body, "details of a defect are only in the log"
    assert (execution.error_type, execution.operation) == ("AnswerError", "liar")


def test_a_tool_that_returns_success_false_counts_as_failed() -> None:
    @publish
    def shrug(data: Any) -> Any:
        return {"success": False, "word": "no"}

    answer, execution = call("shrug", word="a")
    assert responses.to_response(answer).body == '{"success":false,"word":"no"}'
    assert execution.error_type == "OperationFailure"


def test_a_tool_does_not_run_on_invalid_input_or_without_permission() -> None:
    ran: list[str] = []

    @publish
    def echo(data: Any) -> Any:
        ran.append(data["word"])
        return data

    with pytest.raises(Exception, match="not valid"):
        call("echo")
    with pytest.raises(PermissionDeniedError):
        call("echo", word="secret")
    shut_out = Caller(id="u1", email="", api_key_id="key_1", access_types=frozenset({APIAccessType.EXPORTS}))
    with pytest.raises(PermissionDeniedError, match="actions"):
        call("echo", shut_out, word="a")
    assert tools.list_tools(shut_out) == {"tools": []}
    assert ran == []


def test_an_unknown_name_without_a_near_match_gets_no_suggestion() -> None:
    @publish
    def echo(data: Any) -> Any:
        return data

    with pytest.raises(ToolNotFoundError, match=r"There is no tool 'zzzzzz'\.$"):
        call("zzzzzz")
    with pytest.raises(ToolNotFoundError, match="did you mean echo") as near:
        call("ecko")
    assert near.value.nearest == ["echo"]
    with pytest.raises(ToolNotFoundError, match=r"There is no tool '(echo){25}'\.$"):
        call("echo" * 1000)


def test_an_invalid_tool_fails_on_import() -> None:
    tool = api_tool()
    for wrong in (
        lambda data: data,
        operation(lambda data: data, permission=public),
        operation(lambda data: data, returns=None),
    ):
        with pytest.raises(TypeError, match="an operation with a caller that declares what it returns"):
            tool(wrong)
    with pytest.raises(TypeError, match="its docstring tells agents what it does"):
        tool(operation(lambda data: data))
