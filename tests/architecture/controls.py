"""The controls of NIST SP 800-171, Revision 2, in docs/security.md: what has to hold of the template for each."""

import json
from collections.abc import Callable
from typing import Any

import parliament

from chalicelib.core.config import DEFAULTS, STORED_ONLY
from infra import function_grants, policies, stages, triggers
from tests.architecture.at_rest import what_rests_is_encrypted
from tests.architecture.rendering import Rendering

CONFIG = stages.read()
APP = triggers.application()
DECLARED = function_grants.grants_by_function(APP)


def statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["Statement"]
    return found


def several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# ------------------------------------------------------------------- access


def strangers_reach_no_bucket(there: Rendering) -> None:
    for properties in there.of("S3::Bucket").values():
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        # No lists of access beside the policies.
        assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def nobody_outside_the_account_is_let_in(there: Rendering) -> None:
    for name, document in there.policies():
        for each in statements(document):
            if each["Effect"] == "Deny" or "Principal" not in each:
                continue
            assert each["Principal"] != "*", name
            (kind, who), *others = each["Principal"].items()
            assert not others
            if kind == "AWS":
                assert who == "arn:aws:iam::000000000000:root", name
            else:
                assert who.endswith(".amazonaws.com"), name
                # A service acts for whoever asks it: only for what is ours.
                assert each.get("Condition") or each["Action"] == "sts:AssumeRole", name


def each_operation_says_who_may(there: Rendering) -> None:
    for _, path, view in triggers.routes(APP):
        assert callable(view.operation.permission), path


def what_leaves_the_network_leaves_by_tls(there: Rendering) -> None:
    if "VpcId" not in there.options:
        assert not [name for name, each in there.resources.items() if each["Type"].startswith("AWS::EC2::")]
        return
    groups = there.of("EC2::SecurityGroup")
    functions, endpoints = groups["FunctionsSecurityGroup"], groups["EndpointsSecurityGroup"]
    assert "SecurityGroupIngress" not in functions
    for rule in [*functions["SecurityGroupEgress"], *endpoints["SecurityGroupIngress"]]:
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)
    (inward,) = endpoints["SecurityGroupIngress"]
    assert inward["SourceSecurityGroupId"] == {"Fn::GetAtt": ["FunctionsSecurityGroup", "GroupId"]}
    assert [rule["CidrIp"] for rule in endpoints["SecurityGroupEgress"]] == ["127.0.0.1/32"]


def every_service_that_functions_call_is_reached_within_the_network(there: Rendering) -> None:
    if "VpcId" not in there.options:
        return
    called = {
        operation.partition(":")[0]
        for each in DECLARED.values()
        for operations in each["operations"].values()
        for operation in operations
    }
    reached = {
        each["ServiceName"]["Fn::Sub"].rpartition(".")[2]: each["VpcEndpointType"]
        for each in there.of("EC2::VPCEndpoint").values()
    }
    # Settings are looked for in Parameter Store; Step Functions has its own name; SES has no endpoint for its API.
    assert set(reached) == {"states" if name == "stepfunctions" else name for name in called - {"ses"}} | {"ssm"}
    assert {name for name, kind in reached.items() if kind == "Gateway"} == {"s3", "dynamodb"}
    for each in there.of("EC2::VPCEndpoint").values():
        if each["VpcEndpointType"] == "Interface":
            assert each["PrivateDnsEnabled"] is True
            assert each["SecurityGroupIds"] == [{"Fn::GetAtt": ["EndpointsSecurityGroup", "GroupId"]}]


def every_policy_names_what_it_is_about(there: Rendering) -> None:
    for name, document in there.policies():
        for each in statements(document):
            if each["Effect"] == "Deny":
                continue
            for resource in several(each["Resource"]):
                if name == "EncryptionKey":
                    # In a key's own policy it is the key.
                    assert resource == "*"
                elif resource == "*":
                    assert set(several(each["Action"])) <= _WITHOUT_RESOURCE, name
                elif "*" in resource:
                    assert (name, resource) == ("ImagePipelineRole", f"{_bucket(there)}/processed/*")
            if name != "EncryptionKey":
                assert not [action for action in several(each["Action"]) if "*" in action], name


def iam_knows_every_action_and_condition(there: Rendering) -> None:
    for name, document in there.policies():
        findings = parliament.analyze_policy_string(json.dumps(document)).findings
        told = [
            (each.issue, each.detail) for each in findings if (name, each.issue) != ("EncryptionKey", "RESOURCE_STAR")
        ]
        assert not told, name


def _bucket(there: Rendering) -> str:
    return f"arn:aws:s3:::darkroom-{there.stage}-output-000000000000"


# The actions of log delivery and of X-Ray have no resources (IAM, Service Authorization Reference).
_WITHOUT_RESOURCE = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def operators_work_is_for_operators(there: Rendering) -> None:
    for _, path, view in triggers.routes(APP):
        if path.startswith("/admin"):
            assert view.operation.permission.__name__ == "is_admin", path


def guessing_at_passwords_is_counted(there: Rendering) -> None:
    settings = {**CONFIG["environment_variables"], **CONFIG["stages"][there.stage]["environment_variables"]}
    assert int(settings["AUTH_PER_ADDRESS_PER_MINUTE"]) <= 10
    assert int(settings["AUTH_PER_SOURCE_PER_MINUTE"]) <= 60
    assert int(DEFAULTS["WRONG_PASSWORDS_PER_MINUTE"]) <= 5
    assert int(DEFAULTS["WRONG_PASSWORDS_PER_DAY"]) <= 1000


def nobody_guesses_past_the_api(there: Rendering) -> None:
    # A stage that is made now has one client; one from before keeps another for a while, as docs/security.md says.
    assert there.one("Cognito::UserPoolClient")["GenerateSecret"] is True
    assert "COGNITO_CLIENT_SECRET" in STORED_ONLY
    for each in (CONFIG, *CONFIG["stages"].values()):
        assert "COGNITO_CLIENT_SECRET" not in each["environment_variables"]


def sessions_end(there: Rendering) -> None:
    client = there.one("Cognito::UserPoolClient")
    units = client["TokenValidityUnits"]
    assert units == {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"}
    assert (client["AccessTokenValidity"], client["IdTokenValidity"], client["RefreshTokenValidity"]) == (60, 60, 30)
    assert client["EnableTokenRevocation"] is True
    assert client["AuthSessionValidity"] == 3


# -------------------------------------------------------------------- audit


def logs_are_kept_as_long_as_is_said(there: Rendering) -> None:
    groups = there.of("Logs::LogGroup")
    names = {each["LogGroupName"]["Fn::Sub"].replace("${Stage}", there.stage) for each in groups.values()}
    of_functions = {f"/aws/lambda/{function_grants.lambda_name(name, there.stage)}" for name in DECLARED}
    apart = {f"/aws/apigateway/darkroom-{there.stage}", f"/aws/vendedlogs/states/darkroom-{there.stage}-image-pipeline"}
    assert names == of_functions | apart
    assert all(each["RetentionInDays"] == {"Ref": "LogRetentionDays"} for each in groups.values())
    assert int(there.values["LogRetentionDays"]) >= 30


def functions_cannot_make_logs_that_never_end(there: Rendering) -> None:
    for document in policies.documents(DECLARED, CONFIG, there.stage).values():
        assert "logs:CreateLogGroup" not in {action for each in document["Statement"] for action in each["Action"]}


# What is done to images stands in their own rows; whoever is not known yet has no right to change; a callback is the
# service's, and the action's own row tells of it; agents' doors note what the operation behind them notes.
_NOT_IN_THE_TRAIL = {
    "POST /upload",
    "POST /images/{imageId}/reprocess",
    "POST /auth/signup",
    "POST /auth/verify",
    "POST /auth/resend",
    "POST /auth/forgot-password",
    "POST /auth/refresh",
    "POST /actions/{actionId}/callback",
    "POST /agent/{tool}",
    "POST /mcp",
    "DELETE /mcp",
}


def what_operators_and_users_change_is_in_the_trail(there: Rendering) -> None:
    for name, each in DECLARED.items():
        if name == function_grants.API:
            assert each["operations"]["AUDIT_INBOX_TABLE"] == ["dynamodb:PutItem"]
    assert DECLARED["audit_entries"]["stream"] == "AUDIT_STREAM_ARN"
    unaudited = {
        f"{method} {path}"
        for method, path, view in triggers.routes(APP)
        if method != "GET" and not view.operation.audited
    }
    assert unaudited == _NOT_IN_THE_TRAIL


def a_trail_that_breaks_raises_an_alarm(there: Rendering) -> None:
    queue = {"Fn::GetAtt": ["AuditEntriesDeadLetterQueue", "QueueName"]}
    (alarm,) = (
        each
        for each in there.of("CloudWatch::Alarm").values()
        if queue in [dimension["Value"] for dimension in each.get("Dimensions", ())]
    )
    assert alarm["AlarmActions"] == [{"Ref": "OperatorsTopic"}]


def nobody_unmakes_the_trail(there: Rendering) -> None:
    trail = there.resources["AuditTable"]
    assert trail["Properties"]["DeletionProtectionEnabled"] is True
    assert trail["DeletionPolicy"] == trail["UpdateReplacePolicy"] == "Retain"
    for document in policies.documents(DECLARED, CONFIG, there.stage).values():
        for each in document["Statement"]:
            if any(str(resource).endswith("-audit") for resource in each["Resource"]):
                assert not {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} & set(each["Action"])


# ----------------------------------------------------------- identification


def who_calls_is_known_by_the_user_pool(there: Rendering) -> None:
    pool = there.one("Cognito::UserPool")
    assert pool["AutoVerifiedAttributes"] == ["email"]
    assert pool["UserAttributeUpdateSettings"] == {"AttributesRequireVerificationBeforeUpdate": ["email"]}
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}
    assert pool["AccountRecoverySetting"]["RecoveryMechanisms"] == [{"Name": "verified_email", "Priority": 1}]


def an_authenticator_app_may_be_asked_for(there: Rendering) -> None:
    pool = there.one("Cognito::UserPool")
    assert pool["MfaConfiguration"] == "OPTIONAL"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]


def passwords_are_long_and_mixed(there: Rendering) -> None:
    policy = there.one("Cognito::UserPool")["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 12
    for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"):
        assert policy[f"Require{kind}"] is True


def temporary_passwords_end(there: Rendering) -> None:
    assert there.one("Cognito::UserPool")["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"] <= 7


def secrets_are_kept_as_hashes_or_in_secrets_manager(there: Rendering) -> None:
    assert there.of("DynamoDB::Table")["ApiKeysTable"]["KeySchema"][0]["AttributeName"] == "keyHash"
    for secret in there.of("SecretsManager::Secret").values():
        assert secret["SecretString"] == "{}", "none stands in the template"


def an_address_that_has_no_account_is_answered_alike(there: Rendering) -> None:
    assert there.one("Cognito::UserPoolClient")["PreventUserExistenceErrors"] == "ENABLED"


# ------------------------------------------------------------ configuration


def the_user_pool_offers_no_more_than_is_used(there: Rendering) -> None:
    client = there.one("Cognito::UserPoolClient")
    assert client["AllowedOAuthFlowsUserPoolClient"] is False
    assert "AllowedOAuthFlows" not in client
    assert set(client["ExplicitAuthFlows"]) == {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
    assert client["WriteAttributes"] == ["email", "name"]


# -------------------------------------------------------------------- media


def tables_can_be_brought_back(there: Rendering) -> None:
    for name, properties in there.of("DynamoDB::Table").items():
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name


def objects_can_be_brought_back_and_do_not_stay_for_ever(there: Rendering) -> None:
    for name, properties in there.of("S3::Bucket").items():
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}, name
        rules = properties["LifecycleConfiguration"]["Rules"]
        assert {"Ref": "NoncurrentVersionDays"} in [
            rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
            for rule in rules
            if "NoncurrentVersionExpiration" in rule
        ], name
        assert [rule for rule in rules if rule.get("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 1}], (
            name
        )


def what_holds_data_outlives_the_stack(there: Rendering) -> None:
    production = there.stage == "prod"
    for name, each in there.resources.items():
        if each["Type"] not in _HOLD_DATA or name == "DeclarationsTable":
            continue
        assert each["DeletionPolicy"] == each["UpdateReplacePolicy"] == "Retain", name
        if each["Type"] == "AWS::DynamoDB::Table":
            assert each["Properties"]["DeletionProtectionEnabled"] is (production or name == "AuditTable"), name
    assert there.one("Cognito::UserPool")["DeletionProtection"] == ("ACTIVE" if production else "INACTIVE")


_HOLD_DATA = {
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
}

# ------------------------------------------------------------ communications


def whoever_comes_without_tls_is_refused(there: Rendering) -> None:
    covered: dict[str, set[str]] = {"S3::Bucket": set(), "SQS::Queue": set(), "SNS::Topic": set()}
    for kind, named in (("S3::Bucket", "Bucket"), ("SQS::Queue", "Queues"), ("SNS::Topic", "Topics")):
        for properties in there.of(f"{kind}Policy").values():
            denied = [each for each in properties["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
            (tls_only,) = denied
            assert tls_only["Principal"] == "*"
            assert tls_only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            assert tls_only["Action"] in {"s3:*", "sqs:*", "sns:Publish"}
            of_these = [each["Ref"] for each in several(properties[named])]
            if kind == "S3::Bucket":
                (bucket,) = of_these
                whole = {"Fn::Sub": f"${{{bucket}.Arn}}/*"}
                assert tls_only["Resource"] == [{"Fn::GetAtt": [bucket, "Arn"]}, whole]
            covered[kind] |= set(of_these)
    for kind, names in covered.items():
        assert names == set(there.of(kind)), kind


def the_key_is_managed(there: Rendering) -> None:
    if not there.under_key:
        assert "EncryptionKey" not in there.resources
        return
    key = there.one("KMS::Key")
    assert key["EnableKeyRotation"] is True
    assert key["PendingWindowInDays"] == 7
    for each in key["KeyPolicy"]["Statement"]:
        if "Service" in each["Principal"]:
            (condition,) = each["Condition"].values()
            assert next(iter(condition)).startswith("kms:EncryptionContext:"), each["Sid"]
    assert there.one("KMS::Alias")["TargetKeyId"] == {"Ref": "EncryptionKey"}


def keys_stay_in_modules_that_are_validated(there: Rendering) -> None:
    # KMS keeps its keys in modules validated under FIPS 140; a key of another origin would be kept elsewhere.
    for key in there.of("KMS::Key").values() if there.under_key else ():
        assert {"Origin", "CustomKeyStoreId", "KeySpec"}.isdisjoint(key)


CONTROLS: dict[str, list[Callable[[Rendering], None]]] = {
    "3.1.1": [nobody_outside_the_account_is_let_in, who_calls_is_known_by_the_user_pool],
    "3.1.2": [each_operation_says_who_may],
    "3.1.3": [what_leaves_the_network_leaves_by_tls, every_service_that_functions_call_is_reached_within_the_network],
    "3.1.5": [every_policy_names_what_it_is_about, iam_knows_every_action_and_condition],
    "3.1.7": [operators_work_is_for_operators, what_operators_and_users_change_is_in_the_trail],
    "3.1.8": [guessing_at_passwords_is_counted, nobody_guesses_past_the_api],
    "3.1.11": [sessions_end],
    "3.1.22": [strangers_reach_no_bucket],
    "3.3.1": [logs_are_kept_as_long_as_is_said, functions_cannot_make_logs_that_never_end],
    "3.3.2": [what_operators_and_users_change_is_in_the_trail],
    "3.3.4": [a_trail_that_breaks_raises_an_alarm],
    "3.3.8": [nobody_unmakes_the_trail],
    "3.4.6": [the_user_pool_offers_no_more_than_is_used],
    "3.5.2": [who_calls_is_known_by_the_user_pool],
    "3.5.3": [an_authenticator_app_may_be_asked_for],
    "3.5.7": [passwords_are_long_and_mixed],
    "3.5.9": [temporary_passwords_end],
    "3.5.10": [secrets_are_kept_as_hashes_or_in_secrets_manager],
    "3.5.11": [an_address_that_has_no_account_is_answered_alike],
    "3.8.9": [
        tables_can_be_brought_back,
        objects_can_be_brought_back_and_do_not_stay_for_ever,
        what_holds_data_outlives_the_stack,
    ],
    "3.13.6": [what_leaves_the_network_leaves_by_tls],
    "3.13.8": [whoever_comes_without_tls_is_refused],
    "3.13.10": [the_key_is_managed],
    "3.13.11": [keys_stay_in_modules_that_are_validated],
    "3.13.16": [what_rests_is_encrypted],
}
