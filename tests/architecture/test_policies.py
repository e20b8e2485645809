"""The committed policies match the declarations, the template and the rules of IAM."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parliament
import pytest
from chalice.cli.factory import CLIFactory

import app as manifest
from infra import function_grants, iam_evaluation, policies, policy_statements, stages, template
from infra.function_grants import FunctionGrants
from infra.pipeline_policy import with_lists
from infra.settings import CONFIG as CONFIG_FILE

ROOT = Path(__file__).parents[2]
CONFIG = stages.read()
DECLARED = function_grants.grants_by_function(manifest.app)
STAGES = list(stages.deployed_stages(CONFIG))
PROD = policies.documents(DECLARED, CONFIG, "prod")
FILES = policies.files(DECLARED, CONFIG)
LOCAL_QUEUES = "http://127.0.0.1:4566/123456789012/"


def statements(document: Any) -> Iterator[tuple[str, str, str]]:
    """Each statement's name, action and resource."""
    for each in document["Statement"]:
        for action in each["Action"]:
            for resource in each["Resource"]:
                yield each["Sid"], action, resource


def allowed(document: Any) -> set[tuple[str, str]]:
    return {(action, resource) for _, action, resource in statements(document)}


def test_the_committed_policies_match_the_declarations() -> None:
    committed = {path.name: path.read_text() for path in policies.FOLDER.glob("*.json")}
    assert committed == FILES, "run `make policies`"


@pytest.mark.parametrize("stage", STAGES)
def test_chalice_gives_every_function_its_own_policy(stage: str) -> None:
    config = CLIFactory(str(ROOT), environ=os.environ).create_config_obj(stage)
    assert STAGES == ["dev", "staging", "prod"]
    for function in DECLARED:
        scope = config.scope(stage, function)
        assert scope.autogen_policy is False
        assert (policies.FOLDER.parent / scope.iam_policy_file).name == f"{stage}-{function}.json"
        assert scope.environment_variables["STAGE"] == stage
        assert scope.lambda_timeout is not None


@pytest.mark.parametrize("stage", [*STAGES, "local"])
def test_settings_name_resources_of_the_template(stage: str) -> None:
    settings = CONFIG["stages"][stage]["environment_variables"]
    named = stages.environment(stages.Place.of(stage, settings), LOCAL_QUEUES if stage == "local" else None)
    assert named == {name: settings[name] for name in named}


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("prod-")])
def test_every_action_and_its_resource_type_are_known_to_iam(name: str) -> None:
    findings = parliament.analyze_policy_string(FILES[name]).findings
    assert not [(each.issue, each.detail, each.location) for each in findings]


@pytest.mark.parametrize("name", FILES)
def test_every_policy_is_short_enough_for_iam(name: str) -> None:
    # 10,240 characters without white space for all inline policies of a role (IAM and AWS STS quotas).
    assert len("".join(FILES[name].split())) <= 10_240


@pytest.mark.parametrize("function", PROD)
def test_wildcards_are_used_only_where_aws_has_no_exact_name(function: str) -> None:
    names = [each["Sid"] for each in PROD[function]["Statement"]]
    assert len(names) == len(set(names))
    for sid, action, resource in statements(PROD[function]):
        assert "*" not in action
        if resource == "*":
            assert action in policy_statements.WITHOUT_ARN
        elif "*" in resource:
            # Files under a prefix, indexes and streams of one table, streams of one log group.
            assert (
                resource.endswith(("/index/*", "/stream/*"))
                or sid in ("Logs", "FontsPrefixObjects")
                or "BucketObjects" in sid
            )
            assert resource.count("*") == 1
            assert resource.endswith(":*" if sid == "Logs" else "/*")


@pytest.mark.parametrize("function", PROD)
def test_every_resource_is_in_the_template(function: str) -> None:
    place = stages.Place.of("prod", CONFIG["stages"]["prod"]["environment_variables"])
    known = stages.arns(place)
    for _, _, resource in statements(PROD[function]):
        service = resource.split(":")[2] if resource != "*" else ""
        if service in ("s3", "dynamodb", "sqs", "sns", "states"):
            whole = resource if service != "s3" else resource.partition("/")[0]
            assert whole in known or whole.partition("/index/")[0].partition("/stream/")[0] in known


def test_only_the_chain_writes_the_audit_trail_and_nothing_deletes_from_it() -> None:
    trail = "table/darkroom-prod-audit"
    may = {
        (function, action.partition(":")[2])
        for function, document in PROD.items()
        for action, resource in allowed(document)
        if resource.endswith(trail) and action.partition(":")[2] not in {"GetItem", "Query", "DescribeTable"}
    }
    assert may == {("audit_entries", "PutItem"), ("audit_entries", "UpdateItem")}


@pytest.mark.parametrize("function", ["validation", "resize", "watermark"])
def test_functions_that_decode_files_reach_no_table_but_usage_records(function: str) -> None:
    tables = {each for each in allowed(PROD[function]) if each[0].startswith("dynamodb:")}
    assert {action for action, _ in tables} == {"dynamodb:PutItem"}
    assert all(resource.endswith("table/darkroom-prod-usage") for _, resource in tables)


def test_every_function_has_the_grants_that_its_trigger_needs() -> None:
    def of(function: str, sid: str) -> set[tuple[str, str]]:
        return {
            (action, resource.rpartition(":")[2])
            for name, action, resource in statements(PROD[function])
            if name == sid
        }

    assert of("orchestrator", "Polled") == {
        ("sqs:DeleteMessage", "darkroom-prod-uploads"),
        ("sqs:GetQueueAttributes", "darkroom-prod-uploads"),
        ("sqs:ReceiveMessage", "darkroom-prod-uploads"),
    }
    assert ("dynamodb:GetRecords", "table/darkroom-prod-audit-inbox/stream/*") in of("audit_entries", "PolledStream")
    assert of("s3_event", "Undelivered") == {("sqs:SendMessage", "darkroom-prod-s3-event-dead")}
    polled = {
        name for name, document in PROD.items() if {"Polled", "PolledStream"} & {s for s, _, _ in statements(document)}
    }
    assert polled == {name for name, each in DECLARED.items() if each["queue"] or each["stream"]}


def test_the_state_machines_role_matches_its_definition() -> None:
    resources = template.load()["Resources"]
    states = json.loads(resources["ImagePipeline"]["Properties"]["DefinitionString"])["States"]
    tasks = {state["Resource"].rpartition(":::")[2] for state in _tasks(states)}
    called = {
        "lambda:invoke": "lambda:InvokeFunction",
        "dynamodb:getItem": "dynamodb:GetItem",
        "dynamodb:updateItem": "dynamodb:UpdateItem",
        "aws-sdk:s3:deleteObjects": "s3:DeleteObjectVersion",
        "sqs:sendMessage": "sqs:SendMessage",
        "sns:publish": "sns:Publish",
    }
    policy, _ = resources["ImagePipelineRole"]["Properties"]["Policies"]
    granted = [each for each in policy["PolicyDocument"]["Statement"] if each["Resource"] != "*"]
    actions = {action for each in with_lists({"Statement": granted})["Statement"] for action in each["Action"]}
    assert {called[each] for each in tasks} == actions


def _tasks(states: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for state in states.values():
        if state["Type"] == "Task":
            yield state
        for inner in [*state.get("Branches", ()), *([state["ItemProcessor"]] if "ItemProcessor" in state else ())]:
            yield from _tasks(inner["States"])


# ------------------------------------------------------------------- the generator


def made(operations: dict[str, list[str]], **settings: str) -> set[tuple[str, str]]:
    declared: FunctionGrants = {"operations": operations, "queue": None, "stream": None}
    environment = {**CONFIG["stages"]["prod"]["environment_variables"], **settings}
    document = policies.document("resize", declared, environment, {})
    return {(action, resource.split(":", 5)[-1]) for sid, action, resource in statements(document) if sid != "Logs"}


def test_operations_with_another_name_in_iam_get_that_name() -> None:
    assert made({"S3_OUTPUT_BUCKET": ["s3:AbortMultipartUpload"]}) == set(), "resize writes nothing in parts"
    assert made({"ARCHIVE_BUCKET": ["s3:UploadPart", "s3:AbortMultipartUpload", "s3:ListObjectVersions"]}) == {
        ("s3:PutObject", "darkroom-prod-archive-000000000000/records/*"),
        ("s3:AbortMultipartUpload", "darkroom-prod-archive-000000000000/records/*"),
        ("s3:ListBucketVersions", "darkroom-prod-archive-000000000000"),
    }
    assert made({"STEP_FUNCTIONS_ARN": ["stepfunctions:StartExecution"]}) == {
        ("states:StartExecution", "stateMachine:darkroom-prod-image-pipeline")
    }
    assert made({"EXTERNAL_SERVICES_SECRET": ["secretsmanager:GetSecretValue"]}, EXTERNAL_SERVICES_SECRET="a/b") == {
        ("secretsmanager:GetSecretValue", "secret:a/b-??????")
    }


def test_a_custom_watermark_may_be_read_and_nothing_else() -> None:
    declared: FunctionGrants = {
        "operations": {"S3_OUTPUT_BUCKET": ["s3:GetObject", "s3:PutObject"]},
        "queue": None,
        "stream": None,
    }
    settings = {**CONFIG["stages"]["prod"]["environment_variables"], "WATERMARK_IMAGE_KEY": "marks/ours.png"}
    document = policies.document("watermark", declared, settings, {})
    files = [(action, resource.partition("/")[2]) for _, action, resource in statements(document) if "s3" in action]
    assert files == [
        ("s3:PutObject", "processed/*"),
        ("s3:GetObject", "processed/*"),
        ("s3:GetObject", "marks/ours.png"),
    ]


def test_further_fonts_may_be_listed_and_read_and_nothing_else() -> None:
    declared: FunctionGrants = {
        "operations": {"FONTS_PREFIX": ["s3:ListObjectsV2", "s3:GetObject"]},
        "queue": None,
        "stream": None,
    }
    settings = CONFIG["stages"]["prod"]["environment_variables"]
    document = policies.document("action_worker", declared, {**settings, "FONTS_PREFIX": "type/"}, {})
    listing, reading = (each for each in document["Statement"] if each["Sid"] != "Logs")
    bucket = "arn:aws:s3:::darkroom-prod-output-000000000000"
    assert (listing["Action"], listing["Resource"]) == (["s3:ListBucket"], [bucket])
    assert listing["Condition"] == {"StringEquals": {"s3:prefix": "type/"}}
    assert (reading["Action"], reading["Resource"]) == (["s3:GetObject"], [f"{bucket}/type/*"])
    assert made({"FONTS_PREFIX": ["s3:GetObject"]}, FONTS_PREFIX="") == set(), "none are looked for"


def test_a_query_is_allowed_on_the_table_and_its_indexes() -> None:
    assert made({"USERS_TABLE": ["dynamodb:Query"]}) == {("dynamodb:Query", "table/darkroom-prod-users")}
    assert made({"USERS_TABLE": ["dynamodb:QueryIndex"]}) == {("dynamodb:Query", "table/darkroom-prod-users/index/*")}


def test_permissions_that_lambda_always_needs_are_not_repeated() -> None:
    declared: FunctionGrants = {
        "operations": {"SQS_QUEUE_URL": ["sqs:DeleteMessageBatch", "sqs:SendMessage"]},
        "queue": "SQS_QUEUE_URL",
        "stream": None,
    }
    settings = CONFIG["stages"]["prod"]["environment_variables"]
    found = policies.document("resize", declared, settings, {})
    assert [(sid, action) for sid, action, _ in statements(found) if action.startswith("sqs:")] == [
        ("Polled", "sqs:DeleteMessage"),
        ("Polled", "sqs:GetQueueAttributes"),
        ("Polled", "sqs:ReceiveMessage"),
        ("SqsQueueUrl", "sqs:SendMessage"),
    ]


def test_calls_that_need_no_permission_get_none() -> None:
    signing_in = made({"COGNITO_CLIENT_ID": ["cognito-idp:InitiateAuth"]}, COGNITO_CLIENT_ID="known")
    assert signing_in == set()


def test_mail_is_allowed_only_for_functions_that_send_it() -> None:
    sending = {"SENDER_EMAIL": ["ses:SendRawEmail"]}
    assert made(sending, SENDER_EMAIL="") == set()
    assert made(sending, SENDER_EMAIL="a@example.com") == {
        ("ses:SendRawEmail", "identity/*"),
        ("ses:SendRawEmail", "configuration-set/*"),
    }


def test_mail_is_allowed_only_from_the_stages_own_address() -> None:
    declared: FunctionGrants = {"operations": {"SENDER_EMAIL": ["ses:SendRawEmail"]}, "queue": None, "stream": None}
    settings = {**CONFIG["stages"]["prod"]["environment_variables"], "SENDER_EMAIL": "a@example.com"}
    document = policies.document("action_worker", declared, settings, {})

    def may(sender: str, resource: str) -> bool:
        arn = f"arn:aws:ses:us-east-1:000000000000:{resource}"
        return iam_evaluation.allows(document, "ses:SendRawEmail", arn, {"ses:FromAddress": sender}) is not None

    # In the SES sandbox the recipient's identity is checked too, and so is the sender's configuration set.
    for resource in ("identity/a@example.com", "identity/recipient@example.org", "configuration-set/default"):
        assert may("a@example.com", resource)
        assert not may("b@example.com", resource)


def test_parameters_may_be_read_only_for_settings_that_the_environment_lacks() -> None:
    wanted = {"QUALITY_SETTING": list[str](), "USERS_TABLE": list[str]()}
    assert made(wanted) == {("ssm:GetParameters", "parameter/darkroom/prod/darkroom/QUALITY_SETTING")}
    assert made(wanted, QUALITY_SETTING="70") == set()


def test_operations_on_an_unnamed_resource_are_an_error() -> None:
    with pytest.raises(ValueError, match="NOWHERE_TABLE"):
        made({"NOWHERE_TABLE": ["dynamodb:GetItem"]})


def test_a_private_network_adds_its_permissions() -> None:
    declared: FunctionGrants = {"operations": {}, "queue": None, "stream": None}
    settings = CONFIG["stages"]["prod"]["environment_variables"]
    config = {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}
    document = policies.document("resize", declared, settings, config)
    found = allowed(document)
    assert {action for action, resource in found if resource == "*"} <= policy_statements.WITHOUT_ARN
    # Lambda checks these without a resource before it creates the function: with ARNs they would be denied.
    for action in ("DescribeNetworkInterfaces", "DeleteNetworkInterface", "AssignPrivateIpAddresses"):
        assert iam_evaluation.allows(document, f"ec2:{action}", "*") is not None
        by_code = {"lambda:SourceFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:darkroom-prod-resize"}
        assert iam_evaluation.allows(document, f"ec2:{action}", "*", by_code) is None
    assert {each for action, each in found if action == "ec2:CreateNetworkInterface"} == {
        f"arn:aws:ec2:us-east-1:000000000000:{each}"
        for each in ("network-interface/*", "subnet/subnet-1", "security-group/sg-1")
    }
    made_in = {resource.rpartition(":")[2] for action, resource in found if action == "ec2:CreateNetworkInterface"}
    assert made_in == {"network-interface/*", "subnet/subnet-1", "security-group/sg-1"}
    for each in document["Statement"]:
        if each["Sid"].startswith("Network"):
            assert each["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}, "not for the function's code"


# ---------------------------------------------------------------- a customer's key

KEY = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000"
UNDER_KEY = {
    **CONFIG,
    "stages": {
        **CONFIG["stages"],
        "prod": {**CONFIG["stages"]["prod"], "kms_key_arn": KEY},
    },
}
UNDER_KEY_PROD = policies.documents(DECLARED, UNDER_KEY, "prod")


def on_key(document: Any) -> dict[str, set[str]]:
    """The services through which each KMS action is allowed."""
    return {
        each["Action"][0]: {
            service.partition(".")[0] for service in each["Condition"]["StringEquals"]["kms:ViaService"]
        }
        for each in document["Statement"]
        if each["Sid"] in {"KeyToRead", "KeyToWrite"}
    }


@pytest.mark.parametrize("function", UNDER_KEY_PROD)
def test_the_key_may_be_used_only_through_services_and_for_what_they_encrypt(function: str) -> None:
    document = UNDER_KEY_PROD[function]
    findings = parliament.analyze_policy_string(json.dumps(document)).findings
    assert not [(each.issue, each.detail, each.location) for each in findings]
    assert len(json.dumps(document, separators=(",", ":"))) <= 10_240
    added = [each for each in document["Statement"] if each not in PROD[function]["Statement"]]
    assert {each["Sid"] for each in added} <= {"Environment", "KeyToRead", "KeyToWrite"}
    for each in added:
        assert each["Resource"] == [KEY]
        assert each["Condition"]
    lambda_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function_grants.lambda_name(function, 'prod')}"
    (environment,) = (each for each in added if each["Sid"] == "Environment")
    assert environment["Condition"] == {
        "StringLike": {"kms:EncryptionContext:aws:lambda:FunctionArn": [lambda_arn, f"{lambda_arn}:*"]}
    }
    reached = {action.partition(":")[0] for action, resource in allowed(document) if resource != "*"}
    assert set().union(*on_key(document).values()) <= reached


def test_each_function_has_the_permissions_on_the_key_that_it_needs() -> None:
    # Reads and writes files, a usage record, and the queue of critical errors.
    assert on_key(UNDER_KEY_PROD["resize"]) == {
        "kms:Decrypt": {"s3", "dynamodb", "sqs", "ssm"},
        "kms:GenerateDataKey": {"s3", "sqs"},
    }
    # Reads the original and writes no file.
    assert "s3" not in on_key(UNDER_KEY_PROD["validation"])["kms:GenerateDataKey"]
    assert "secretsmanager" in on_key(UNDER_KEY_PROD["nightly_sync"])["kms:Decrypt"]
    assert "secretsmanager" not in on_key(UNDER_KEY_PROD["image_changes"])["kms:Decrypt"]
    assert "sns" in on_key(UNDER_KEY_PROD["monthly_report"])["kms:GenerateDataKey"]
    # Multipart uploads need to decrypt their parts.
    assert "s3" in on_key(UNDER_KEY_PROD["quarterly_archive"])["kms:Decrypt"]
    # Reads no object and deletes some.
    assert "s3" not in on_key(UNDER_KEY_PROD["s3_event"])["kms:Decrypt"]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ({"USERS_TABLE": ["dynamodb:PutItem"]}, {"kms:Decrypt": {"dynamodb"}}),
        ({"USERS_TABLE": ["dynamodb:DescribeTable"]}, {}),
        ({"S3_INPUT_BUCKET": ["s3:DeleteObjects", "s3:ListObjectsV2"]}, {}),
        ({"S3_INPUT_BUCKET": ["s3:HeadObject"]}, {"kms:Decrypt": {"s3"}}),
        ({"ACTIONS_QUEUE_URL": ["sqs:GetQueueAttributes", "sqs:DeleteMessageBatch"]}, {}),
        ({"STEP_FUNCTIONS_ARN": ["stepfunctions:StartExecution"]}, {}),
    ],
)
def test_a_call_needs_the_key_if_it_reaches_an_encrypted_resource(
    operations: dict[str, list[str]], expected: dict[str, set[str]]
) -> None:
    declared: FunctionGrants = {"operations": operations, "queue": None, "stream": None}
    settings = CONFIG["stages"]["prod"]["environment_variables"]
    assert on_key(policies.document("resize", declared, settings, {"kms_key_arn": KEY})) == expected


def test_without_a_key_no_policy_mentions_one() -> None:
    assert "kms:" not in json.dumps(PROD)


# ---------------------------------------------------------------------- the stages


def test_the_stages_name_every_resource_and_function() -> None:
    assert stages.updated(CONFIG) == CONFIG, "run `make policies`"


def test_a_new_function_gets_a_policy_in_every_deployed_stage() -> None:
    config = stages.updated({**CONFIG, "lambda_functions": {**CONFIG["lambda_functions"], "brand_new": {}}})
    for stage in STAGES:
        function = config["stages"][stage]["lambda_functions"]["brand_new"]
        assert function == {"iam_policy_file": f"policies/{stage}-brand_new.json"}


def test_a_stage_that_moves_forgets_names_from_the_former_place() -> None:
    here = stages.place("prod", "eu-west-1", "111122223333")
    config = stages.configured(CONFIG, here)
    settings = config["stages"]["prod"]["environment_variables"]
    settings["COGNITO_USER_POOL_ID"] = "eu-west-1_abc"
    assert stages.configured(config, here) == config
    pool = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_abc"
    assert pool in {resource for _, resource in allowed(policies.documents(DECLARED, config, "prod")["api_handler"])}
    moved = stages.configured(config, stages.place("prod", "eu-west-1", "444455556666"))
    assert "COGNITO_USER_POOL_ID" not in moved["stages"]["prod"]["environment_variables"]
    assert "111122223333" not in json.dumps(policies.documents(DECLARED, moved, "prod"))


@pytest.mark.parametrize(
    ("stage", "region", "account", "suffix"),
    [
        ("local", "us-east-1", "111122223333", None),
        ("Prod", "us-east-1", "111122223333", None),
        ("prod", "us-east", "111122223333", None),
        ("prod", "us-east-1", "1111-2222", None),
        ("prod", "us-east-1", "111122223333", "Mine"),
    ],
)
def test_an_impossible_place_is_refused(stage: str, region: str, account: str, suffix: str | None) -> None:
    with pytest.raises(ValueError, match=r"digits|looks like|stage name|suffix"):
        stages.place(stage, region, account, suffix)


def test_the_configuration_keeps_its_formatting() -> None:
    assert stages.to_json(CONFIG) + "\n" == CONFIG_FILE.read_text()
