"""The stage prod as `python -m infra deploy` makes it, function by function and trigger by trigger; its API at work."""

import base64
import gzip
import json
import re
import zipfile
from hashlib import sha256
from typing import Any

import pytest

import app as manifest
import infra.triggers
from tests.deploy.aws import ROOT
from tests.deploy.conftest import Deployment
from tests.deploy.expected import (
    ACCOUNT,
    API,
    APP,
    AT,
    KEPT,
    QUEUES,
    SCHEDULES,
    SIZES,
    STEPS,
    STREAMS,
    UNDELIVERED,
    lambda_arn,
    lambda_name,
    queue_arn,
    undelivered,
)
from tests.deploy.moto_patches import LARGEST_ENVIRONMENT

# One deployment for all of them, on one worker.

FUNCTIONS = list(SIZES)


def key_arn(deployment: Deployment) -> str:
    """The one key of the account."""
    (key,) = deployment.snapshot.others["key"]
    return f"arn:aws:kms:{AT}:key/{key}"


def mapping(deployment: Deployment, function: str) -> dict[str, Any]:
    (found,) = [each for each in deployment.snapshot.mappings if each["FunctionArn"] == lambda_arn(function)]
    return found


# ----------------------------------------------------------------------------- functions


def test_exactly_the_functions_of_app_py_are_deployed(deployment: Deployment) -> None:
    assert set(deployment.snapshot.functions) == {lambda_name(each) for each in FUNCTIONS}
    fired = {name for _, name, _ in infra.triggers.functions(manifest.app)}
    assert fired == set(FUNCTIONS) - {API}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_the_expected_settings(deployment: Deployment, function: str) -> None:
    found = deployment.snapshot.functions[lambda_name(function)]
    assert (found["MemorySize"], found["Timeout"]) == SIZES[function]
    assert found["Handler"] == ("app.app" if function == API else f"app.{function}")
    assert found["Runtime"].startswith("python3.")
    assert found["Architectures"] == ["arm64"]
    # A trace of what reads a stream would begin and end with itself.
    assert found["TracingConfig"] == {"Mode": "PassThrough" if function in STREAMS else "Active"}
    assert found["KMSKeyArn"] == key_arn(deployment)
    assert found["Reserved"] is None
    assert found["VpcConfig"] == {"SubnetIds": [], "SecurityGroupIds": []}
    assert {"Service": "darkroom", "Environment": "prod"}.items() <= found["Tags"].items()
    (layer,) = found["Layers"]
    assert layer["Arn"].startswith(f"arn:aws:lambda:{AT}:layer:{APP}-managed-layer:")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_role_has_exactly_its_generated_policy(deployment: Deployment, function: str) -> None:
    found = deployment.snapshot.functions[lambda_name(function)]
    name = found["Role"].removeprefix(f"arn:aws:iam::{ACCOUNT}:role/")
    role = deployment.snapshot.roles[name]
    assert list(role["inline"].values()) == [deployment.policies[function]]
    assert role["attached"] == {}
    (trusted,) = role["trust"]["Statement"]
    assert trusted["Principal"] == {"Service": "lambda.amazonaws.com"}
    others = [each["Role"] for each in deployment.snapshot.functions.values() if each is not found]
    assert found["Role"] not in others


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_its_environment(deployment: Deployment, function: str) -> None:
    variables = deployment.snapshot.functions[lambda_name(function)]["Environment"]["Variables"]
    assert variables == deployment.environment
    assert len(json.dumps(variables)) <= LARGEST_ENVIRONMENT
    assert not [name for name in variables if name.startswith("AWS_")]


def test_settings_name_existing_resources(deployment: Deployment) -> None:
    existing, settings = deployment.snapshot.others, deployment.environment
    tables = {value for name, value in settings.items() if name.endswith("_TABLE")}
    assert tables == set(existing["table"])
    assert {value for name, value in settings.items() if name.endswith("_BUCKET")} == KEPT["bucket"]
    queues = {url.rpartition("/")[2] for url in existing["queue"]}
    named = [
        *(settings[name] for name in ("SQS_QUEUE_URL", "ACTIONS_QUEUE_URL", "IMPORTS_QUEUE_URL")),
        *settings["DEAD_LETTER_QUEUE_URLS"].split(","),
    ]
    assert {url.rpartition("/")[2] for url in named} | {settings["CRITICAL_ERRORS_SQS_QUEUE_NAME"]} == queues
    assert all(url.startswith(f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/") for url in named)
    assert {settings["SNS_TOPIC_ARN"], settings["OPERATORS_TOPIC_ARN"]} == set(existing["topic"])
    assert settings["STEP_FUNCTIONS_ARN"].rpartition(":")[2] in existing["state machine"]
    pool = settings["COGNITO_USER_POOL_ID"]
    assert settings["JWKS_URL"] == f"https://cognito-idp.us-east-1.amazonaws.com/{pool}/.well-known/jwks.json"
    assert settings["API_BASE_URL"] == f"https://{deployment.api}.execute-api.us-east-1.amazonaws.com/prod"


def test_all_functions_run_the_same_package(deployment: Deployment) -> None:
    (digest,) = {each["CodeSha256"] for each in deployment.snapshot.functions.values()}
    made = (deployment.checkout.folder / ".chalice" / "deployments").glob("appcode-*.zip")
    (package,) = [each for each in made if base64.b64encode(sha256(each.read_bytes()).digest()).decode() == digest]
    with zipfile.ZipFile(package) as packed:
        names = packed.namelist()
    assert {name.partition("/")[0] for name in names} == {"app.py", "chalicelib", "chalice"}
    assert not [name for name in names if "__pycache__" in name]


# ------------------------------------------------------------------------------ triggers


def test_queues_and_streams_trigger_their_functions(deployment: Deployment) -> None:
    fed = {each["FunctionArn"] for each in deployment.snapshot.mappings}
    assert fed == {lambda_arn(each) for each in (*QUEUES, *STREAMS)}
    assert len(deployment.snapshot.mappings) == len(fed)


@pytest.mark.parametrize("function", QUEUES)
def test_the_trigger_of_a_queue(deployment: Deployment, function: str) -> None:
    queue, batch = QUEUES[function]
    found = mapping(deployment, function)
    assert found["EventSourceArn"] == queue_arn(queue)
    assert (found["State"], found["BatchSize"]) == ("Enabled", batch)
    assert not found.get("FunctionResponseTypes")
    assert found.get("ScalingConfig") == ({"MaximumConcurrency": 50} if function == "import_worker" else None)


@pytest.mark.parametrize("function", STREAMS)
def test_the_trigger_of_a_stream(deployment: Deployment, function: str) -> None:
    table, batch, window, events = STREAMS[function]
    found = mapping(deployment, function)
    assert found["EventSourceArn"].startswith(f"arn:aws:dynamodb:{AT}:table/{table}/stream/")
    assert (found["State"], found["BatchSize"], found["StartingPosition"]) == ("Enabled", batch, "TRIM_HORIZON")
    assert found.get("MaximumBatchingWindowInSeconds", 0) == window
    assert (found["MaximumRetryAttempts"], found["BisectBatchOnFunctionError"]) == (-1, True)
    assert found["MaximumRecordAgeInSeconds"] == 82_800
    rest = f"{APP}-{function.replace('_', '-')}-dead"
    assert found["DestinationConfig"]["OnFailure"] == {"Destination": queue_arn(rest)}
    patterns = [json.loads(each["Pattern"]) for each in found.get("FilterCriteria", {}).get("Filters", [])]
    assert patterns == ([{"eventName": events}] if events else [])


def test_an_upload_triggers_its_function(deployment: Deployment) -> None:
    ((bucket, found),) = deployment.snapshot.notifications.items()
    assert bucket == f"darkroom-prod-input-{ACCOUNT}"
    (rule,) = found["LambdaFunctionConfigurations"]
    assert rule["LambdaFunctionArn"] == lambda_arn("s3_event")
    assert rule["Events"] == ["s3:ObjectCreated:*"]
    assert [(each["Name"].lower(), each["Value"]) for each in rule["Filter"]["Key"]["FilterRules"]] == [
        ("prefix", "uploads/")
    ]


def test_the_topic_triggers_notifications(deployment: Deployment) -> None:
    subscriptions = [each for each in deployment.snapshot.subscriptions if each["Protocol"] == "lambda"]
    (found,) = subscriptions
    assert found["TopicArn"] == f"arn:aws:sns:{AT}:darkroom-prod-notifications"
    assert found["Endpoint"] == lambda_arn("notifications")


def test_prod_has_exactly_its_schedules(deployment: Deployment) -> None:
    fired = {each["Targets"][0]["Arn"]: each["ScheduleExpression"] for each in deployment.snapshot.rules.values()}
    assert fired == {lambda_arn(name): expression for name, expression in SCHEDULES.items()}


@pytest.mark.parametrize("function", SCHEDULES)
def test_a_rule_has_retries_and_a_dead_letter_queue(deployment: Deployment, function: str) -> None:
    (rule,) = [each for each in deployment.snapshot.rules.values() if each["Targets"][0]["Arn"] == lambda_arn(function)]
    (target,) = rule["Targets"]
    assert rule["State"] == "ENABLED"
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 3600}
    assert target["DeadLetterConfig"] == {"Arn": queue_arn("darkroom-prod-schedules-dead")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_asynchronous_invocations_have_retries_and_a_dead_letter_queue(deployment: Deployment, function: str) -> None:
    found = deployment.snapshot.functions[lambda_name(function)]["EventInvokeConfig"]
    assert found == (undelivered(function) if function in UNDELIVERED else None)


def test_the_state_machine_invokes_provisioned_concurrency(deployment: Deployment) -> None:
    function = deployment.snapshot.functions[lambda_name("resize")]
    live = function["Aliases"]["live"]
    assert (live["provisioned"], live["code"]) == (10, function["CodeSha256"])
    machine = deployment.environment["STEP_FUNCTIONS_ARN"]
    definition = deployment.aws.client("stepfunctions").describe_state_machine(stateMachineArn=machine)["definition"]
    called = {each for each in definition.replace('"', "\n").split("\n") if ":function:" in each}
    assert called == {lambda_arn(each) + (":live" if each == "resize" else "") for each in STEPS}
    assert [name for name, each in deployment.snapshot.functions.items() if each["Aliases"]] == [lambda_name("resize")]


# ---------------------------------------------------------------------------------- logs


def test_logs_are_kept_for_ninety_days_with_the_customers_key(deployment: Deployment) -> None:
    groups = deployment.snapshot.log_groups
    assert set(groups) == {
        *(f"/aws/lambda/{lambda_name(each)}" for each in FUNCTIONS),
        "/aws/apigateway/darkroom-prod",
        "/aws/vendedlogs/states/darkroom-prod-image-pipeline",
    }
    assert {each["retentionInDays"] for each in groups.values()} == {90}
    assert {each["kmsKeyId"] for each in groups.values()} == {key_arn(deployment)}


# ----------------------------------------------------------------------------------- API


def test_exactly_the_routes_of_app_py_invoke_the_application(deployment: Deployment) -> None:
    (api,) = deployment.snapshot.apis.values()
    routes = {(method, path) for path, methods in manifest.app.routes.items() for method in methods}
    proxied = {route for route, each in api["methods"].items() if each["type"] == "AWS_PROXY"}
    assert proxied == routes
    assert {each["uri"] for route, each in api["methods"].items() if route in routes} == {
        f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{lambda_arn(API)}/invocations"
    }
    preflights = {path for (method, path), each in api["methods"].items() if each["type"] == "MOCK"}
    crossed = {path for path, methods in manifest.app.routes.items() if any(entry.cors for entry in methods.values())}
    assert preflights == crossed


def test_the_api_is_throttled_logged_and_traced(deployment: Deployment) -> None:
    (api,) = deployment.snapshot.apis.values()
    stage = api["stages"]["prod"]
    settings = stage["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (500, 1000)
    assert stage["tracingEnabled"] is True
    assert stage["accessLogSettings"]["destinationArn"] == f"arn:aws:logs:{AT}:log-group:/aws/apigateway/darkroom-prod"
    line = json.loads(stage["accessLogSettings"]["format"])
    assert {"$context.requestId", "$context.status", "$context.identity.sourceIp"} <= set(line.values())
    account = deployment.aws.client("apigateway").get_account()
    assert account["cloudwatchRoleArn"].rpartition("/")[2] in deployment.snapshot.roles


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("THROTTLED", "429", "TOO_MANY_REQUESTS"),
        ("REQUEST_TOO_LARGE", "413", "TOO_LARGE"),
        ("MISSING_AUTHENTICATION_TOKEN", "404", "NOT_FOUND"),
        ("INTEGRATION_TIMEOUT", "503", None),
        ("DEFAULT_5XX", None, "UNKNOWN_ERROR"),
    ],
)
def test_error_responses_of_api_gateway_have_our_format(
    deployment: Deployment, kind: str, status: str | None, code: str | None
) -> None:
    (api,) = deployment.snapshot.apis.values()
    response = api["responses"][kind]
    assert response.get("statusCode") == status
    assert response["responseParameters"]["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    body = json.loads(response["responseTemplates"]["application/json"])
    assert (body["success"], body["requestId"]) == (False, "$context.requestId")
    assert code in (None, body["error"]["code"])


def test_the_api_responds_at_its_public_address(deployment: Deployment) -> None:
    status, health, _ = deployment.aws.ask(deployment.api, "GET", "/prod/health")
    assert (status, health["stage"], health["success"]) == (200, "prod", True)
    new = {"email": "somebody@example.com", "password": "A-long-Passw0rd!"}
    status, _, headers = deployment.aws.ask(deployment.api, "POST", "/prod/auth/signup", new)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")
    pool = deployment.environment["COGNITO_USER_POOL_ID"]
    users = deployment.aws.client("cognito-idp").list_users(UserPoolId=pool)["Users"]
    assert new["email"] in [value["Value"] for user in users for value in user["Attributes"]]


def test_the_pages_are_sent_compressed(deployment: Deployment) -> None:
    html = deployment.aws.download(deployment.api, "/prod/")[1].decode()
    script = re.search(r'href="(assets/\w+/app/session\.js)"', html)
    assert script
    for path in ("/prod/", "/prod/docs", f"/prod/{script[1]}"):
        _, plain, plain_headers = deployment.aws.download(deployment.api, path)
        status, body, headers = deployment.aws.download(deployment.api, path, {"Accept-Encoding": "gzip"})
        assert (status, headers["Content-Encoding"], "Content-Encoding" in plain_headers) == (200, "gzip", False)
        assert gzip.decompress(body) == plain
        # One tag for both, which is weak because they differ.
        assert headers["ETag"] == plain_headers["ETag"]
        assert headers["ETag"].startswith("W/")
    # The redirect stays in the stage.
    assert (
        deployment.aws.download(deployment.api, "/prod/docs/")[:2]
        == deployment.aws.download(deployment.api, "/prod/docs")[:2]
    )


def test_the_api_refuses_anonymous_callers_and_unknown_paths_and_answers_preflights(deployment: Deployment) -> None:
    status, body, _ = deployment.aws.ask(deployment.api, "GET", "/prod/images")
    assert (status, body["error"]["code"]) == (401, "NOT_AUTHENTICATED")
    status, body, headers = deployment.aws.ask(deployment.api, "GET", "/prod/no-such-path")
    assert (status, body["error"]["code"]) == (404, "NOT_FOUND")
    assert headers["Access-Control-Allow-Origin"] == "*"
    # There API Gateway takes a token for a signature of AWS's.
    token = {"Authorization": "Bearer of-nobody"}
    status, body, _ = deployment.aws.ask(deployment.api, "GET", "/prod/no-such-path", headers=token)
    assert (status, body["success"]) == (403, False)
    status, _, headers = deployment.aws.ask(deployment.api, "OPTIONS", "/prod/images")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert "Authorization" in headers["Access-Control-Allow-Headers"]


def test_the_role_for_github_may_make_every_call_about_roles(deployment: Deployment) -> None:
    policies = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "deploy.md").read_text(), re.DOTALL)
    (roles,) = [policy for policy in map(json.loads, policies) if "Resource" in policy["Statement"][0]]
    (statement,) = roles["Statement"]
    # AWS's policy PowerUserAccess has this one.
    allowed = {*statement["Action"], "iam:ListRoles"}
    called = {f"iam:{call.what}" for call in deployment.aws.calls() if call.service == "iam"}
    assert {"iam:CreateRole", "iam:PutRolePolicy"} <= called <= allowed


# ------------------------------------------------------------------------- the output


def test_the_output_names_the_result_and_no_secret(deployment: Deployment) -> None:
    output = deployment.run.stdout
    assert f"https://{deployment.api}.execute-api.us-east-1.amazonaws.com/prod" in output
    assert f"account {ACCOUNT}" in output
    assert "Price:" in output
    assert "SCAN_COMMAND_URL: files are not scanned for viruses" in output, "what an empty setting skips"
    assert "Smoke test" in output
    assert "darkroom-deploy" not in output + deployment.run.stderr
