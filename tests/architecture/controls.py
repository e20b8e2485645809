"""The controls of NIST SP 800-171, Revision 2, in docs/security.md: what the template must fulfil for each."""

import json
from collections.abc import Callable
from typing import Any

import parliament

from chalicelib.core.settings import Settings, Source
from infra import function_grants, policies, stages, triggers
from tests.architecture.at_rest import stored_data_is_encrypted
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


def no_bucket_is_public(there: Rendering) -> None:
    for properties in there.of("S3::Bucket").values():
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        # Access control lists are off: only policies count.
        assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def no_other_account_has_access(there: Rendering) -> None:
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
                # A service may act for any account, so it must be limited to our resources.
                assert each.get("Condition") or each["Action"] == "sts:AssumeRole", name


def every_operation_declares_its_permission(there: Rendering) -> None:
    for _, path, view in triggers.routes(APP):
        assert callable(view.operation.permission), path


def outgoing_traffic_uses_tls(there: Rendering) -> None:
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


def every_called_service_has_an_endpoint_in_the_network(there: Rendering) -> None:
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
    # Settings are in Parameter Store (ssm); Step Functions is called "states"; the SES API has no endpoint.
    assert set(reached) == {"states" if name == "stepfunctions" else name for name in called - {"ses"}} | {"ssm"}
    assert {name for name, kind in reached.items() if kind == "Gateway"} == {"s3", "dynamodb"}
    for each in there.of("EC2::VPCEndpoint").values():
        if each["VpcEndpointType"] == "Interface":
            assert each["PrivateDnsEnabled"] is True
            assert each["SecurityGroupIds"] == [{"Fn::GetAtt": ["EndpointsSecurityGroup", "GroupId"]}]


def every_policy_names_its_resources(there: Rendering) -> None:
    for name, document in there.policies():
        for each in statements(document):
            if each["Effect"] == "Deny":
                continue
            for resource in several(each["Resource"]):
                if name == "EncryptionKey":
                    # In a key's own policy, "*" is the key.
                    assert resource == "*"
                elif resource == "*":
                    assert set(several(each["Action"])) <= _WITHOUT_RESOURCE, name
                elif "*" in resource:
                    assert (name, resource) == ("ImagePipelineRole", f"{_bucket(there)}/processed/*")
            if name != "EncryptionKey":
                assert not [action for action in several(each["Action"]) if "*" in action], name


def every_action_and_condition_is_known_to_iam(there: Rendering) -> None:
    for name, document in there.policies():
        findings = parliament.analyze_policy_string(json.dumps(document)).findings
        problems = [
            (each.issue, each.detail) for each in findings if (name, each.issue) != ("EncryptionKey", "RESOURCE_STAR")
        ]
        assert not problems, name


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


def admin_routes_are_for_administrators(there: Rendering) -> None:
    for _, path, view in triggers.routes(APP):
        if path.startswith("/admin"):
            assert view.operation.permission.__name__ == "is_admin", path


def wrong_passwords_are_counted(there: Rendering) -> None:
    settings = {**CONFIG["environment_variables"], **CONFIG["stages"][there.stage]["environment_variables"]}
    assert int(settings["AUTH_PER_ADDRESS_PER_MINUTE"]) <= 10
    assert int(settings["AUTH_PER_SOURCE_PER_MINUTE"]) <= 60
    assert int(Settings.WRONG_PASSWORDS_PER_MINUTE.default or 0) <= 5
    assert int(Settings.WRONG_PASSWORDS_PER_DAY.default or 0) <= 1000
    assert int(Settings.WRONG_CODES_PER_MINUTE.default or 0) <= 5
    assert int(Settings.WRONG_CODES_PER_DAY.default or 0) <= 100


def passwords_can_be_tried_only_through_the_api(there: Rendering) -> None:
    # A new stage has one client; an older stage keeps a second one for a while (docs/security.md).
    assert there.one("Cognito::UserPoolClient")["GenerateSecret"] is True
    assert Settings.COGNITO_CLIENT_SECRET.source is Source.PARAMETER_STORE
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


def logs_are_kept_for_the_configured_days(there: Rendering) -> None:
    groups = there.of("Logs::LogGroup")
    names = {each["LogGroupName"]["Fn::Sub"].replace("${Stage}", there.stage) for each in groups.values()}
    of_functions = {f"/aws/lambda/{function_grants.lambda_name(name, there.stage)}" for name in DECLARED}
    apart = {f"/aws/apigateway/darkroom-{there.stage}", f"/aws/vendedlogs/states/darkroom-{there.stage}-image-pipeline"}
    assert names == of_functions | apart
    assert all(each["RetentionInDays"] == {"Ref": "LogRetentionDays"} for each in groups.values())
    assert int(there.values["LogRetentionDays"]) >= 30


def functions_cannot_create_log_groups_without_retention(there: Rendering) -> None:
    for document in policies.documents(DECLARED, CONFIG, there.stage).values():
        assert "logs:CreateLogGroup" not in {action for each in document["Statement"] for action in each["Action"]}


# Changes of images are in their own rows; anonymous callers change nothing of others; a callback is stored in the
# action's row; tools and MCP record the operation behind them.
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


def changes_by_users_and_operators_are_audited(there: Rendering) -> None:
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


def a_failing_audit_trail_raises_an_alarm(there: Rendering) -> None:
    queue = {"Fn::GetAtt": ["AuditEntriesDeadLetterQueue", "QueueName"]}
    (alarm,) = (
        each
        for each in there.of("CloudWatch::Alarm").values()
        if queue in [dimension["Value"] for dimension in each.get("Dimensions", ())]
    )
    assert alarm["AlarmActions"] == [{"Ref": "OperatorsTopic"}]


def the_audit_trail_cannot_be_deleted(there: Rendering) -> None:
    trail = there.resources["AuditTable"]
    assert trail["Properties"]["DeletionProtectionEnabled"] is True
    assert trail["DeletionPolicy"] == trail["UpdateReplacePolicy"] == "Retain"
    for document in policies.documents(DECLARED, CONFIG, there.stage).values():
        for each in document["Statement"]:
            if any(str(resource).endswith("-audit") for resource in each["Resource"]):
                assert not {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} & set(each["Action"])


# ----------------------------------------------------------- identification


def callers_are_authenticated_by_the_user_pool(there: Rendering) -> None:
    pool = there.one("Cognito::UserPool")
    assert pool["AutoVerifiedAttributes"] == ["email"]
    assert pool["UserAttributeUpdateSettings"] == {"AttributesRequireVerificationBeforeUpdate": ["email"]}
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}
    assert pool["AccountRecoverySetting"]["RecoveryMechanisms"] == [{"Name": "verified_email", "Priority": 1}]


def a_second_factor_is_offered(there: Rendering) -> None:
    pool = there.one("Cognito::UserPool")
    assert pool["MfaConfiguration"] == "OPTIONAL"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]


def passwords_are_long_and_complex(there: Rendering) -> None:
    policy = there.one("Cognito::UserPool")["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 12
    for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"):
        assert policy[f"Require{kind}"] is True


def temporary_passwords_expire(there: Rendering) -> None:
    assert there.one("Cognito::UserPool")["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"] <= 7


def secrets_are_stored_as_hashes_or_in_secrets_manager(there: Rendering) -> None:
    assert there.of("DynamoDB::Table")["ApiKeysTable"]["KeySchema"][0]["AttributeName"] == "keyHash"
    for secret in there.of("SecretsManager::Secret").values():
        assert secret["SecretString"] == "{}", "the template holds no secret"


def answers_do_not_reveal_which_addresses_exist(there: Rendering) -> None:
    assert there.one("Cognito::UserPoolClient")["PreventUserExistenceErrors"] == "ENABLED"


# ------------------------------------------------------------ configuration


def the_user_pool_offers_only_what_is_used(there: Rendering) -> None:
    client = there.one("Cognito::UserPoolClient")
    assert client["AllowedOAuthFlowsUserPoolClient"] is False
    assert "AllowedOAuthFlows" not in client
    assert set(client["ExplicitAuthFlows"]) == {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
    assert client["WriteAttributes"] == ["email", "name"]


# -------------------------------------------------------------------- media


def tables_can_be_restored(there: Rendering) -> None:
    for name, properties in there.of("DynamoDB::Table").items():
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}, name


def objects_can_be_restored_and_old_versions_expire(there: Rendering) -> None:
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


def data_outlives_the_stack(there: Rendering) -> None:
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


def requests_without_tls_are_refused(there: Rendering) -> None:
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


def the_encryption_key_is_managed(there: Rendering) -> None:
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


def keys_stay_in_validated_modules(there: Rendering) -> None:
    # KMS keeps its own keys in modules validated under FIPS 140; keys of another origin are kept elsewhere.
    for key in there.of("KMS::Key").values() if there.under_key else ():
        assert {"Origin", "CustomKeyStoreId", "KeySpec"}.isdisjoint(key)


CONTROLS: dict[str, list[Callable[[Rendering], None]]] = {
    "3.1.1": [no_other_account_has_access, callers_are_authenticated_by_the_user_pool],
    "3.1.2": [every_operation_declares_its_permission],
    "3.1.3": [outgoing_traffic_uses_tls, every_called_service_has_an_endpoint_in_the_network],
    "3.1.5": [every_policy_names_its_resources, every_action_and_condition_is_known_to_iam],
    "3.1.7": [admin_routes_are_for_administrators, changes_by_users_and_operators_are_audited],
    "3.1.8": [wrong_passwords_are_counted, passwords_can_be_tried_only_through_the_api],
    "3.1.11": [sessions_end],
    "3.1.22": [no_bucket_is_public],
    "3.3.1": [logs_are_kept_for_the_configured_days, functions_cannot_create_log_groups_without_retention],
    "3.3.2": [changes_by_users_and_operators_are_audited],
    "3.3.4": [a_failing_audit_trail_raises_an_alarm],
    "3.3.8": [the_audit_trail_cannot_be_deleted],
    "3.4.6": [the_user_pool_offers_only_what_is_used],
    "3.5.2": [callers_are_authenticated_by_the_user_pool],
    "3.5.3": [a_second_factor_is_offered],
    "3.5.7": [passwords_are_long_and_complex],
    "3.5.9": [temporary_passwords_expire],
    "3.5.10": [secrets_are_stored_as_hashes_or_in_secrets_manager],
    "3.5.11": [answers_do_not_reveal_which_addresses_exist],
    "3.8.9": [
        tables_can_be_restored,
        objects_can_be_restored_and_old_versions_expire,
        data_outlives_the_stack,
    ],
    "3.13.6": [outgoing_traffic_uses_tls],
    "3.13.8": [requests_without_tls_are_refused],
    "3.13.10": [the_encryption_key_is_managed],
    "3.13.11": [keys_stay_in_validated_modules],
    "3.13.16": [stored_data_is_encrypted],
}
