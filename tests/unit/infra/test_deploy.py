"""What a deploy decides without asking AWS."""

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
from infra.deploy import clients, functions, gateway, packages, parameters
from infra.deploy.errors import RefusedError, explained
from infra.deploy.stack import hindered
from infra.deploy.target import Target
from infra.deploy.telling import Teller, counted
from infra.options import SOURCE, Options, OptionsError
from infra.rights import Declared

NOTHING_DECLARED: Declared = {"operations": {}, "queue": None, "stream": None}
PLACE = stages.place("prod", "eu-west-1", "111122223333")


def target(stage: str = "prod") -> Target:
    place = stages.place(stage, "eu-west-1", "111122223333")
    config = stages.configured(stages.read(), place)
    return Target(place, Options.of(stage), config, {}, None, placed_now=False, environment={})


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
def test_a_stack_that_no_deploy_can_start_from_says_what_to_do(status: str, next_step: str) -> None:
    message = hindered("darkroom-prod-resources", status, PLACE, lambda: ", because of InputBucket: taken")
    assert status in message
    assert next_step in message
    assert ("InputBucket: taken" in message) is not status.endswith("_IN_PROGRESS")


@pytest.mark.parametrize(
    "status",
    ["REVIEW_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"],
)
def test_a_stack_that_a_deploy_can_start_from(status: str) -> None:
    assert hindered("darkroom-prod-resources", status, PLACE, str) == ""


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_every_parameter_of_the_template_is_the_stages_own_option_or_a_default_meant_for_all(stage: str) -> None:
    known = template.whole(stage)["Parameters"]
    told = parameters.of(target(stage), {"Parameters": known}, clients.NONE)
    given = {each["ParameterKey"]: each["ParameterValue"] for each in told}
    assert known.keys() - given.keys() == {"NoncurrentVersionDays"}
    assert given["Stage"] == stage
    assert given["BucketSuffix"] == "111122223333"
    assert given["CustomerKey"] == ("true" if stage == "prod" else "false")
    assert given["WarmResize"] == ("true" if stage == "prod" else "false")
    assert given["LogRetentionDays"] == ("90" if stage == "prod" else "30")


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-gov-east-1", "cn-north-1", "cn-northwest-1", "us-iso-east-1"])
def test_regions_with_other_arns_and_addresses_are_refused(region: str) -> None:
    with pytest.raises(ValueError, match=f"not in GovCloud, China or others apart: {region}"):
        stages.place("prod", region, "111122223333")


def test_a_template_without_a_parameter_is_not_given_it() -> None:
    assert parameters.of(target(), {"Parameters": {"Stage": {}}}, clients.NONE) == [
        {"ParameterKey": "Stage", "ParameterValue": "prod"}
    ]


@pytest.mark.parametrize("kind", gateway.REFUSALS)
def test_what_the_gateway_refuses_by_itself_is_told_as_we_tell_it(kind: str) -> None:
    answer = gateway.response(kind, "https://example.com")
    body = json.loads(answer["responseTemplates"]["application/json"])
    assert body["success"] is False
    assert set(body) == {"success", "message", "error", "requestId"}
    assert set(body["error"]) == {"type", "code"}
    assert body["requestId"] == "$context.requestId"
    assert answer["responseParameters"]["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://example.com'"
    for name, value in responses.DEFAULT_HEADERS.items():
        assert answer["responseParameters"][f"gatewayresponse.header.{name}"] == f"'{value}'"


def test_an_unknown_path_is_not_there_and_who_comes_too_often_may_come_back() -> None:
    unknown = gateway.response("MISSING_AUTHENTICATION_TOKEN", "*")
    assert unknown["statusCode"] == "404"
    assert json.loads(unknown["responseTemplates"]["application/json"])["error"]["code"] == "NOT_FOUND"
    throttled = gateway.response("THROTTLED", "*")
    assert throttled["statusCode"] == "429"
    assert throttled["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    # These stand for many cases, each with a status of its own.
    assert "statusCode" not in gateway.response("DEFAULT_4XX", "*")


def test_what_was_recorded_is_forgotten_and_what_an_owner_said_is_not() -> None:
    config = stages.read()
    config["stages"]["prod"]["kms_key_arn"] = "arn:aws:kms:eu-west-1:111122223333:key/1"
    settings = config["stages"]["prod"]["environment_variables"]
    settings |= {
        "COGNITO_CLIENT_ID": "c",
        "COGNITO_FORMER_CLIENT_ID": "f",
        "API_BASE_URL": "https://a.execute-api.eu-west-1.amazonaws.com/api",
    }
    left = stages.forgotten(config, "prod")["stages"]["prod"]
    assert left["environment_variables"].keys() & {*stages.RECORDED, "API_BASE_URL"} == set()
    assert "kms_key_arn" not in left
    settings["API_BASE_URL"] = "https://photos.example.com"
    left = stages.forgotten(config, "prod")["stages"]["prod"]
    assert left["environment_variables"]["API_BASE_URL"] == "https://photos.example.com"


def test_what_a_stage_says_of_all_functions_goes_before_what_is_said_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    there = replace(target(), declared={"resize": NOTHING_DECLARED})
    there.config["stages"]["prod"] |= {"lambda_memory_size": 4096, "lambda_timeout": 90}
    found = {"CodeSha256": "same", "Environment": {"Variables": there.settings("resize")}}
    as_chalice_deploys = {**found, "MemorySize": 4096, "Timeout": 90}
    monkeypatch.setattr(packages, "digest", lambda _: "same")
    monkeypatch.setattr(functions, "standing", lambda _: {"darkroom-prod-resize": as_chalice_deploys})
    assert functions.differences(there).same == ["resize"]
    monkeypatch.setattr(
        functions, "standing", lambda _: {"darkroom-prod-resize": {**found, "MemorySize": 2048, "Timeout": 120}}
    )
    assert functions.differences(there).changed == ["resize"]


def test_faults_of_aws_say_what_to_do() -> None:
    def fault(code: str) -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")

    assert isinstance(explained(NoCredentialsError()), RefusedError)
    assert isinstance(explained(fault("ExpiredToken")), RefusedError)
    assert "sso login" in str(explained(fault("InvalidClientTokenId")))
    assert "may not do" in str(explained(fault("AccessDenied")))
    assert explained(fault("LimitExceeded")).code == 1
    assert "DescribeStacks: no" in str(explained(fault("LimitExceeded")))


def test_a_step_is_one_line_however_it_ends() -> None:
    out = io.StringIO()
    teller = Teller(out)
    with teller.step("Functions") as step:
        step.progress("3 of 19 functions")
        step.did = counted(19, "function") + " updated"
    with pytest.raises(ValueError, match="out"), teller.step("Record"):
        raise ValueError("out")
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Functions     19 functions updated  ")
    assert lines[1].startswith("Record        did not end well  ")


def test_numbers_and_what_they_count_agree() -> None:
    assert [counted(1, "policy"), counted(0, "policy"), counted(2, "file")] == ["1 policy", "0 policies", "2 files"]


@pytest.mark.parametrize("address", ["ops@example..com", "Ops <ops@example.com>", "ops"])
def test_operators_have_an_address_that_mail_can_have(tmp_path: Path, address: str) -> None:
    options = tmp_path / "stages.toml"
    said, count = re.subn(r'(?m)^operators_email = ".*"', f'operators_email = "{address}"', SOURCE.read_text())
    assert count
    options.write_text(said)
    with pytest.raises(OptionsError, match="operators_email"):
        Options.of("dev", options)


NOW = datetime.datetime.now(datetime.UTC)
BOTH = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH"]


@pytest.mark.parametrize(
    ("described", "state"),
    [
        ({"ExplicitAuthFlows": BOTH}, clients.SIGNS_IN),
        ({"ExplicitAuthFlows": BOTH[:1], "LastModifiedDate": NOW - datetime.timedelta(days=29)}, clients.REFRESHES),
        ({"ExplicitAuthFlows": BOTH[:1], "LastModifiedDate": NOW - datetime.timedelta(days=31)}, clients.NONE),
        ({"ExplicitAuthFlows": BOTH, "ClientSecret": "s"}, clients.NONE),
        (None, clients.NONE),
    ],
)
def test_a_client_without_a_secret_refreshes_for_thirty_days_and_then_goes(
    monkeypatch: pytest.MonkeyPatch, described: dict[str, Any] | None, state: str
) -> None:
    def describe_user_pool_client(**_: str) -> Any:
        if described is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "Describe")
        return {"UserPoolClient": described}

    pool = SimpleNamespace(describe_user_pool_client=describe_user_pool_client)
    monkeypatch.setattr(Target, "client", lambda self, service: pool)
    assert clients.former(target(), {"CognitoUserPoolId": "p", "CognitoClientId": "c"}) == state
    assert clients.former(target(), {}) == clients.NONE, "a stage that is not there yet"
