"""What docs/security.md promises for each control, checked in the template with and without options."""

import re
from pathlib import Path

import pytest

from infra import template
from tests.architecture.at_rest import AT_REST
from tests.architecture.controls import CONTROLS, statements
from tests.architecture.rendering import ALL_OPTIONS, KEY, Rendering

DOC = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
BARE = Rendering("dev", {})
FULL = Rendering("prod", ALL_OPTIONS)


@pytest.mark.parametrize("rendering", [BARE, FULL], ids=["default", "all-options"])
@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_of_the_document_is_met(control: str, rendering: Rendering) -> None:
    for holds in CONTROLS[control]:
        holds(rendering)


def test_the_document_names_exactly_these_controls() -> None:
    assert re.findall(r"^\| (3\.\d+\.\d+) ", DOC, re.MULTILINE) == list(CONTROLS)


@pytest.mark.parametrize("control", CONTROLS)
def test_the_document_names_the_assertion_of_each_control(control: str) -> None:
    (row,) = (line for line in DOC.splitlines() if line.startswith(f"| {control} |"))
    assert re.findall(r"`(\w+)`", row.rpartition("|")[0].rpartition("|")[2]) == [
        each.__name__ for each in CONTROLS[control]
    ]


def test_every_resource_type_that_holds_data_is_known_to_these_tests() -> None:
    holds_nothing = {
        "CloudWatch::Alarm",
        "CloudWatch::Dashboard",
        "Cognito::UserPoolClient",
        "EC2::SecurityGroup",
        "EC2::VPCEndpoint",
        "IAM::Role",
        "KMS::Alias",
        "KMS::Key",
        "S3::BucketPolicy",
        "SNS::Subscription",
        "SNS::TopicPolicy",
        "SQS::QueuePolicy",
        # EXPRESS executions are not stored, and their data is not logged.
        "StepFunctions::StateMachine",
    }
    # Cognito encrypts its users under a key of its own and takes no other.
    looked_at = {*AT_REST, "SNS::Topic", "Cognito::UserPool"}
    kinds = {each["Type"].removeprefix("AWS::") for each in FULL.resources.values()}
    assert kinds <= holds_nothing | looked_at
    logging = FULL.one("StepFunctions::StateMachine")["LoggingConfiguration"]
    assert logging["IncludeExecutionData"] is False
    assert FULL.one("StepFunctions::StateMachine")["StateMachineType"] == "EXPRESS"


def test_the_state_machine_calls_resize_by_the_alias_with_provisioned_concurrency() -> None:
    for there, suffix in ((BARE, "-resize"), (FULL, "-resize:live")):
        called = there.one("StepFunctions::StateMachine")["DefinitionSubstitutions"]["ResizeFunction"]
        assert called["Fn::Sub"].endswith(suffix)
        role = there.one("IAM::Role")["Policies"][0]["PolicyDocument"]
        (invoke,) = (each for each in role["Statement"] if each["Action"] == "lambda:InvokeFunction")
        assert called in invoke["Resource"]
        substitutions = there.one("StepFunctions::StateMachine")["DefinitionSubstitutions"]
        assert len(invoke["Resource"]) == len([name for name in substitutions if name.endswith("Function")])


def test_the_state_machine_has_permissions_on_the_key_through_the_services_it_calls() -> None:
    def rights_on_key(there: Rendering) -> dict[str, list[str]]:
        found = [
            each for name, document in there.policies() if name == "ImagePipelineRole" for each in statements(document)
        ]
        return {
            each["Action"]: each["Condition"]["StringEquals"]["kms:ViaService"]
            for each in found
            if each["Resource"] == KEY
        }

    assert rights_on_key(BARE) == {}
    sqs, sns, dynamodb = (f"{name}.us-east-1.amazonaws.com" for name in ("sqs", "sns", "dynamodb"))
    assert rights_on_key(FULL) == {"kms:Decrypt": [dynamodb, sns, sqs], "kms:GenerateDataKey": [sns, sqs]}


def test_services_may_write_to_resources_encrypted_with_the_key() -> None:
    for sid, service, resource in (
        ("UndeliveredSchedules", "events.amazonaws.com", "SchedulesDeadLetterQueue"),
        ("Alarms", "cloudwatch.amazonaws.com", "OperatorsTopic"),
    ):
        ((_, policy),) = (each for each in FULL.policies() if each[0] == "EncryptionKey")
        (statement,) = (each for each in statements(policy) if each["Sid"] == sid)
        assert statement["Principal"] == {"Service": service}
        (context,) = statement["Condition"]["StringEquals"].values()
        assert context == FULL.arn(resource)


def test_the_outputs_hold_what_a_deploy_records() -> None:
    whole = template.complete("prod")
    assert {"KeyArn": "WithCustomerKey", "SecurityGroupId": "WithNetwork"}.items() <= {
        name: each.get("Condition") for name, each in whole["Outputs"].items()
    }.items()
    assert "AuditStreamArn" in whole["Outputs"]
