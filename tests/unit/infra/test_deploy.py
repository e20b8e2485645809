"""What a deploy decides without calls to AWS."""

import datetime
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from chalicelib.core.http import responses
from infra import stages, template
from infra.deploy import api_settings, functions, packages, parameters, pool_clients
from infra.deploy.errors import RefusedError, explained
from infra.deploy.progress import Reporter, counted
from infra.deploy.stack import why_not_deployable
from infra.deploy.target import Target
from infra.function_grants import FunctionGrants
from infra.options import SOURCE, Options, OptionsError

NO_GRANTS: FunctionGrants = {"operations": {}, "queue": None, "stream": None}
PLACE = stages.place("prod", "eu-west-1", "111122223333")


def target(stage: str = "prod") -> Target:
    place = stages.place(stage, "eu-west-1", "111122223333")
    config = stages.configured(stages.read(), place)
    return Target(place, Options.of(stage), config, {}, None, is_newly_placed=False, environment={})


@pytest.mark.parametrize(
    ("status", "next_step"),
    [
        ("CREATE_IN_PROGRESS", "Wait"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "Wait"),
        ("DELETE_IN_PROGRESS", "Wait"),
        ("ROLLBACK_COMPLETE", "infra destroy --stage prod"),
        ("ROLLBACK_FAILED", "infra destroy --stage prod"),
        ("CREATE_FAILED", "infra destroy --stage prod"),
        ("DELETE_FAILED", "infra destroy --stage prod"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name darkroom-prod-resources --region eu-west-1"),
    ],
)
def test_a_stack_in_a_state_that_blocks_a_deploy_is_refused_with_advice(status: str, next_step: str) -> None:
    message = why_not_deployable("darkroom-prod-resources", status, PLACE, lambda: ", because of InputBucket: taken")
    assert status in message
    assert next_step in message
    assert ("InputBucket: taken" in message) is not status.endswith("_IN_PROGRESS")


@pytest.mark.parametrize(
    "status",
    ["REVIEW_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"],
)
def test_a_stack_in_a_ready_state_can_be_deployed(status: str) -> None:
    assert why_not_deployable("darkroom-prod-resources", status, PLACE, str) == ""


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_every_parameter_of_the_template_is_an_option_or_has_a_default(stage: str) -> None:
    known = template.complete(stage)["Parameters"]
    passed = parameters.parameters_of(target(stage), {"Parameters": known}, pool_clients.NONE)
    values = {each["ParameterKey"]: each["ParameterValue"] for each in passed}
    assert known.keys() - values.keys() == {"NoncurrentVersionDays"}
    assert values["Stage"] == stage
    assert values["BucketSuffix"] == "111122223333"
    assert values["CustomerKey"] == ("true" if stage == "prod" else "false")
    assert values["WarmResize"] == ("true" if stage == "prod" else "false")
    assert values["LogRetentionDays"] == ("90" if stage == "prod" else "30")


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-gov-east-1", "cn-north-1", "cn-northwest-1", "us-iso-east-1"])
def test_regions_of_other_partitions_are_refused(region: str) -> None:
    with pytest.raises(ValueError, match=f"not in GovCloud, China or others: {region}"):
        stages.place("prod", region, "111122223333")


def test_a_parameter_that_the_template_lacks_is_not_passed() -> None:
    assert parameters.parameters_of(target(), {"Parameters": {"Stage": {}}}, pool_clients.NONE) == [
        {"ParameterKey": "Stage", "ParameterValue": "prod"}
    ]


@pytest.mark.parametrize("kind", api_settings.ERROR_RESPONSES)
def test_errors_of_the_gateway_have_the_shape_of_our_errors(kind: str) -> None:
    answer = api_settings.gateway_response(kind, "https://example.com")
    body = json.loads(answer["responseTemplates"]["application/json"])
    assert body["success"] is False
    assert set(body) == {"success", "message", "error", "requestId"}
    assert set(body["error"]) == {"type", "code"}
    assert body["requestId"] == "$context.requestId"
    assert answer["responseParameters"]["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://example.com'"
    for name, value in responses.DEFAULT_HEADERS.items():
        assert answer["responseParameters"][f"gatewayresponse.header.{name}"] == f"'{value}'"


def test_an_unknown_path_is_404_and_throttling_is_429_with_retry_after() -> None:
    unknown = api_settings.gateway_response("MISSING_AUTHENTICATION_TOKEN", "*")
    assert unknown["statusCode"] == "404"
    assert json.loads(unknown["responseTemplates"]["application/json"])["error"]["code"] == "NOT_FOUND"
    throttled = api_settings.gateway_response("THROTTLED", "*")
    assert throttled["statusCode"] == "429"
    assert throttled["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    # These cover many cases, each with its own status.
    assert "statusCode" not in api_settings.gateway_response("DEFAULT_4XX", "*")


def test_recorded_outputs_are_removed_and_the_owners_options_kept() -> None:
    config = stages.read()
    config["stages"]["prod"]["kms_key_arn"] = "arn:aws:kms:eu-west-1:111122223333:key/1"
    settings = config["stages"]["prod"]["environment_variables"]
    settings |= {
        "COGNITO_CLIENT_ID": "c",
        "COGNITO_FORMER_CLIENT_ID": "f",
        "API_BASE_URL": "https://a.execute-api.eu-west-1.amazonaws.com/api",
    }
    left = stages.without_recorded(config, "prod")["stages"]["prod"]
    assert left["environment_variables"].keys() & {*stages.RECORDED, "API_BASE_URL"} == set()
    assert "kms_key_arn" not in left
    settings["API_BASE_URL"] = "https://photos.example.com"
    left = stages.without_recorded(config, "prod")["stages"]["prod"]
    assert left["environment_variables"]["API_BASE_URL"] == "https://photos.example.com"


def test_settings_of_a_stage_take_precedence_over_those_of_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    prod = replace(target(), grants={"resize": NO_GRANTS})
    prod.config["stages"]["prod"] |= {"lambda_memory_size": 4096, "lambda_timeout": 90}
    found = {"CodeSha256": "same", "Environment": {"Variables": prod.settings("resize")}}
    as_chalice_deploys = {**found, "MemorySize": 4096, "Timeout": 90}
    monkeypatch.setattr(packages, "digest", lambda _: "same")
    monkeypatch.setattr(functions, "deployed", lambda _: {"darkroom-prod-resize": as_chalice_deploys})
    assert functions.differences(prod).same == ["resize"]
    monkeypatch.setattr(
        functions, "deployed", lambda _: {"darkroom-prod-resize": {**found, "MemorySize": 2048, "Timeout": 120}}
    )
    assert functions.differences(prod).changed == ["resize"]


def test_errors_of_aws_are_shown_with_advice() -> None:
    def fault(code: str) -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")

    assert isinstance(explained(NoCredentialsError()), RefusedError)
    assert isinstance(explained(fault("ExpiredToken")), RefusedError)
    assert "sso login" in str(explained(fault("InvalidClientTokenId")))
    assert "lack a permission" in str(explained(fault("AccessDenied")))
    assert explained(fault("LimitExceeded")).code == 1
    assert "DescribeStacks: no" in str(explained(fault("LimitExceeded")))


def test_every_step_of_a_deploy_prints_one_line() -> None:
    out = io.StringIO()
    reporter = Reporter(out)
    with reporter.step("Functions") as step:
        step.progress("3 of 19 functions")
        step.did = counted(19, "function") + " updated"
    with pytest.raises(ValueError, match="out"), reporter.step("Record"):
        raise ValueError("out")
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Functions     19 functions updated  ")
    assert lines[1].startswith("Record        failed  ")


def test_numbers_agree_with_the_nouns_they_count() -> None:
    assert [counted(1, "policy"), counted(0, "policy"), counted(2, "file")] == ["1 policy", "0 policies", "2 files"]


@pytest.mark.parametrize("address", ["ops@example..com", "Ops <ops@example.com>", "ops"])
def test_an_invalid_operators_address_is_refused(tmp_path: Path, address: str) -> None:
    options = tmp_path / "stages.toml"
    text, count = re.subn(r'(?m)^operators_email = ".*"', f'operators_email = "{address}"', SOURCE.read_text())
    assert count
    options.write_text(text)
    with pytest.raises(OptionsError, match="operators_email"):
        Options.of("dev", options)


NOW = datetime.datetime.now(datetime.UTC)
BOTH = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH"]


@pytest.mark.parametrize(
    ("described", "state"),
    [
        ({"ExplicitAuthFlows": BOTH}, pool_clients.SIGNS_IN),
        (
            {"ExplicitAuthFlows": BOTH[:1], "LastModifiedDate": NOW - datetime.timedelta(days=29)},
            pool_clients.REFRESHES,
        ),
        ({"ExplicitAuthFlows": BOTH[:1], "LastModifiedDate": NOW - datetime.timedelta(days=31)}, pool_clients.NONE),
        ({"ExplicitAuthFlows": BOTH, "ClientSecret": "s"}, pool_clients.NONE),
        (None, pool_clients.NONE),
    ],
)
def test_a_former_client_without_a_secret_may_refresh_for_thirty_days(
    monkeypatch: pytest.MonkeyPatch, described: dict[str, Any] | None, state: str
) -> None:
    def describe_user_pool_client(**_: str) -> Any:
        if described is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "Describe")
        return {"UserPoolClient": described}

    pool = SimpleNamespace(describe_user_pool_client=describe_user_pool_client)
    monkeypatch.setattr(Target, "client", lambda self, service: pool)
    assert pool_clients.former_client_state(target(), {"CognitoUserPoolId": "p", "CognitoClientId": "c"}) == state
    assert pool_clients.former_client_state(target(), {}) == pool_clients.NONE, "a stage that does not exist yet"
