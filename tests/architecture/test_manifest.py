"""What every entry of the manifest must declare."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from chalice.app import ScheduledEventConfig

import app as manifest
from chalicelib import images
from chalicelib.accounts.permissions import public, signed_in
from chalicelib.core.agents import tools
from chalicelib.core.aws import grants
from chalicelib.core.http.access import validated
from chalicelib.core.http.limits import ANONYMOUS, AnonymousLimit, Limit, Window
from chalicelib.core.http.operations import APIAccessType, Operation
from chalicelib.core.schedules import SCHEDULES
from infra import event_delivery, function_grants, pipeline_timeouts, settings, template, triggers
from tests.scheduled_jobs import JOBS

ROOT = Path(__file__).parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())

ROUTES: dict[str, Any] = {f"{method} {path}": view for method, path, view in triggers.routes(manifest.app)}
HANDLERS: dict[str, Any] = manifest.app.handler_map
# The queue of each function that a queue triggers.
QUEUES = {
    "orchestrator": "UploadsQueue",
    "critical_errors": "CriticalErrorsQueue",
    "action_worker": "ActionsQueue",
    "import_worker": "ImportsQueue",
}
# The state machine's functions.
STEPS = ("validation", "resize", "watermark")
FUNCTIONS: dict[str, Any] = {name: function for _, name, function in triggers.functions(manifest.app)}


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_is_validated_with_a_schema_and_a_permission(route: str) -> None:
    operation = ROUTES[route].operation
    assert isinstance(operation, Operation)
    assert operation.schema["type"] == "object"
    assert operation.schema["additionalProperties"] is False
    is_answer_declared = operation.returns is not None or operation.answers
    assert is_answer_declared or route in {"GET /mcp", "DELETE /mcp"}, "these two only ever refuse"
    for name in re.findall(r"{(\w+)}", route):
        assert name in operation.schema["required"]


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_says_in_its_docstring_what_it_does(route: str) -> None:
    operation = ROUTES[route].operation
    assert operation.description.endswith(".")
    assert 0 < len(operation.summary) <= 100
    assert not operation.summary.endswith(".")


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_names_the_access_of_api_keys_or_refuses_them(route: str) -> None:
    operation = ROUTES[route].operation
    assert operation.permission is public or operation.api_schema is None or operation.access <= set(APIAccessType)
    assert not operation.opens_to_keys or operation.access


def test_only_these_routes_are_public() -> None:
    open_to_all = {route for route, view in ROUTES.items() if view.operation.permission is public}
    assert open_to_all == {
        "POST /auth/signup",
        "POST /auth/verify",
        "POST /auth/resend",
        "POST /auth/signin",
        "POST /auth/challenge",
        "POST /auth/refresh",
        "POST /auth/forgot-password",
        "POST /auth/reset-password",
        "POST /actions/{actionId}/callback",
        "GET /health",
        "GET /",
        "GET /docs",
        "GET /assets/{version}/{folder}/{name}",
        "GET /openapi.json",
        "GET /mcp",
        "DELETE /mcp",
    }


def test_anonymous_callers_are_limited_on_every_public_route_that_calls_aws() -> None:
    limited = {route for route, view in ROUTES.items() if isinstance(view.operation.limit, AnonymousLimit)}
    public_routes = {route for route, view in ROUTES.items() if view.operation.permission is public}
    assert public_routes - limited == {
        "GET /openapi.json",
        "GET /",
        "GET /docs",
        "GET /assets/{version}/{folder}/{name}",
    }


def test_a_limit_that_counts_the_wrong_callers_cannot_be_imported() -> None:
    with pytest.raises(TypeError, match="AnonymousLimit"):
        validated(permission=public, limit=Limit(20, Window.MINUTE))
    with pytest.raises(TypeError, match="AnonymousLimit"):
        validated(permission=signed_in, api_schema=None, limit=ANONYMOUS)


def test_a_permission_cannot_be_left_out() -> None:
    with pytest.raises(TypeError, match="permission"):
        validated({"type": "object"})(lambda data: data)  # type: ignore[call-arg]


def test_a_route_that_accepts_keys_without_naming_their_access_cannot_be_imported() -> None:
    with pytest.raises(TypeError, match="access"):
        validated({"type": "object"}, permission=signed_in)


def test_operation_function_and_handler_have_the_same_name() -> None:
    for view in ROUTES.values():
        assert view.operation.name == view.__name__
        assert HANDLERS[view.__name__] is view
    for name, function in FUNCTIONS.items():
        assert function.__name__ == name
        assert getattr(manifest, name) is HANDLERS[name]


@pytest.mark.parametrize("name", [*ROUTES, *FUNCTIONS])
def test_every_trigger_declares_its_grants_and_its_usage_record(name: str) -> None:
    declared = grants.of({**ROUTES, **FUNCTIONS}[name])
    # The function that sums usage records leaves none, or it would trigger itself for ever.
    writes = grants.DynamoDBOperation.PUT_ITEM in declared.get("USAGE_METRICS_DYNAMO_TABLE", ())
    assert writes is (name not in ("usage_records", "image_changes"))
    if name in ROUTES and ROUTES[name].operation.permission is not public:
        assert grants.DynamoDBOperation.GET_ITEM in declared["USERS_TABLE"], "authentication reads the user's row"
        assert grants.DynamoDBOperation.UPDATE_ITEM in declared["LIMITS_TABLE"], "callers are counted"


def test_the_apis_policy_holds_the_grants_of_every_tool_with_or_without_a_route() -> None:
    granted = function_grants.grants_by_function(manifest.app)[function_grants.API]["operations"]
    listed = {view for _, _, view in triggers.routes_and_tools(manifest.app)}
    for tool in tools.published():
        assert tool.function in listed
        for variable, operations in grants.of(tool.function).items():
            assert {f"{grants.SERVICES[type(each)]}:{each}" for each in operations} <= set(granted[variable])


@pytest.mark.parametrize("enum", grants.SERVICES, ids=lambda enum: enum.__name__)
def test_every_declared_operation_exists_in_its_services_api(enum: type[grants.AwsOperation]) -> None:
    known = botocore.session.get_session().get_service_model(grants.SERVICES[enum]).operation_names
    # These exist only as permissions: they stand for a transaction, a version and an index.
    assert {member.value for member in enum} - {"ConditionCheckItem", "GetObjectVersion", "QueryIndex"} <= set(known)


def test_every_function_has_its_memory_and_timeout() -> None:
    assert set(CONFIG["lambda_functions"]) == set(FUNCTIONS)
    for each in CONFIG["lambda_functions"].values():
        assert {"lambda_memory_size", "lambda_timeout"} <= set(each)


def test_every_asynchronous_path_ends_in_a_dead_letter_queue() -> None:
    resources = template.load()["Resources"]
    by_name = {source.name: type(source).__name__ for source in manifest.app.event_sources}
    for name, kind in by_name.items():
        if kind in ("S3EventConfig", "SNSEventConfig"):
            queue = event_delivery.ASYNC[name].on_failure
        elif kind == "DynamoDBEventConfig":
            queue = event_delivery.STREAMS[name].on_failure
        elif kind == "ScheduledEventConfig":
            queue = event_delivery.RULES[name].dead_letters
            assert resources[event_delivery.ASYNC[name].on_failure]["Type"] == "AWS::SQS::Queue"
        else:
            assert kind == "SQSEventConfig"
            fed = QUEUES[name]
            redrive = resources[fed]["Properties"]["RedrivePolicy"]
            assert redrive["maxReceiveCount"] >= 5
            queue = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
        assert resources[queue]["Type"] == "AWS::SQS::Queue"


def test_every_schedule_is_a_function_with_both_kinds_of_retries() -> None:
    scheduled = {source.name for source in manifest.app.event_sources if isinstance(source, ScheduledEventConfig)}
    assert scheduled == set(SCHEDULES) == set(event_delivery.RULES)
    assert set(JOBS) == scheduled
    for name in scheduled:
        rule, function = event_delivery.RULES[name], event_delivery.ASYNC[name]
        assert (rule.retries, rule.max_age_seconds) == (1, 3600)
        # The limits of AWS Lambda for an asynchronous invocation.
        assert 0 <= function.retries <= 2
        assert 60 <= function.max_age_seconds <= 21_600


def test_a_schedule_that_a_stage_switches_off_is_deployed_disabled() -> None:
    environment = os.environ | {"STAGE": "local", "SCHEDULES_OFF": "sweeper"}
    command = [sys.executable, "-m", "infra", "manifest"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    fired_by = {words[1]: words[0] for words in map(str.split, printed.splitlines())}
    assert fired_by["sweeper"] == "Direct"
    assert fired_by["health_check"] == "Scheduled"


def test_rules_may_write_to_their_dead_letter_queue() -> None:
    resources = template.load()["Resources"]
    for queue in {rule.dead_letters for rule in event_delivery.RULES.values()}:
        (policy,) = (
            each["Properties"]["PolicyDocument"]
            for each in resources.values()
            if each["Type"] == "AWS::SQS::QueuePolicy" and {"Ref": queue} in each["Properties"]["Queues"]
        )
        (allowed,) = (each for each in policy["Statement"] if each["Effect"] == "Allow")
        assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
        assert allowed["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
        assert "rule/darkroom-${Stage}-" in allowed["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]


@pytest.mark.parametrize(("function", "name"), QUEUES.items())
def test_the_visibility_timeout_is_six_times_the_functions_timeout(function: str, name: str) -> None:
    queue = template.load()["Resources"][name]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * CONFIG["lambda_functions"][function]["lambda_timeout"]


def pipeline(**timeouts: int) -> tuple[str, dict[str, Any]]:
    """The type and the definition of the state machine for these timeouts of functions."""
    whole = pipeline_timeouts.with_timeouts(template.load(), {**settings.timeouts(CONFIG, "prod"), **timeouts})
    properties = whole["Resources"]["ImagePipeline"]["Properties"]
    return properties["StateMachineType"], json.loads(properties["DefinitionString"])


@pytest.mark.parametrize(
    ("timeouts", "kind", "own"),
    [
        ({}, "EXPRESS", 300),
        # These timeouts add up to more than an EXPRESS execution allows.
        (dict.fromkeys(STEPS, 300), "STANDARD", 1190),
    ],
)
def test_timeouts_of_states_match_their_functions_and_the_execution_outlasts_them(
    timeouts: dict[str, int], kind: str, own: int
) -> None:
    found, definition = pipeline(**timeouts)
    wanted = {**settings.timeouts(CONFIG, "prod"), **timeouts}
    assert {name: definition["States"][name.capitalize()]["TimeoutSeconds"] for name in STEPS} == {
        name: wanted[name] for name in STEPS
    }
    # A state machine that times out runs no Catch, so every path must end before.
    assert (found, definition["TimeoutSeconds"]) == (kind, own)
    assert pipeline_timeouts.longest_path(definition) < own


def test_timeouts_longer_than_an_execution_are_refused() -> None:
    with pytest.raises(pipeline_timeouts.TooLongError, match="add up to"):
        pipeline(**dict.fromkeys(STEPS, 900))


def test_the_registry_holds_every_route_with_its_access_of_keys() -> None:
    rules, permissions = triggers.schemas(manifest.app), triggers.permissions(manifest.app)
    assert rules["validators"]["/upload"]["create_upload"] is images.CREATE
    assert "/keys" not in rules["api_validators"]
    assert permissions["/auth/signin"] == {"sign_in": "public"}
    for route, view in ROUTES.items():
        path = route.partition(" ")[2]
        assert rules["validators"][path][view.__name__] is view.operation.schema
        assert permissions[path][view.__name__]


def test_the_printed_list_of_triggers_has_one_line_for_each() -> None:
    lines = list(triggers.lines(manifest.app))
    assert len(lines) == len(list(triggers.routes_and_tools(manifest.app))) + len(FUNCTIONS)
    assert all("\n" not in line for line in lines)
    assert any("USERS_TABLE:GetItem" in line for line in lines if "GET    /images " in line)
