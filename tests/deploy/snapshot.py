"""A snapshot of everything in the account, as AWS returns it, for later comparison."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.deploy.aws import Aws

Answer = dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """By name: functions with their settings, triggers, the API, and all other resources."""

    functions: dict[str, Answer]
    roles: dict[str, dict[str, Answer]]
    mappings: list[Answer]
    notifications: dict[str, Answer]
    subscriptions: list[Answer]
    rules: dict[str, Answer]
    log_groups: dict[str, Answer]
    apis: dict[str, Answer]
    others: dict[str, list[str]]

    @classmethod
    def of(cls, aws: Aws) -> "Snapshot":
        """The current state."""
        return cls(
            functions={each["FunctionName"]: _function(aws, each) for each in _functions(aws)},
            roles=dict(_roles(aws)),
            mappings=_bare(aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]),
            notifications=dict(_notifications(aws)),
            subscriptions=aws.client("sns").list_subscriptions()["Subscriptions"],
            rules=dict(_rules(aws)),
            log_groups={each["logGroupName"]: each for each in _pages(aws, "logs", "describe_log_groups", "logGroups")},
            apis=dict(_apis(aws)),
            others=_others(aws),
        )


def _pages(aws: Aws, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    for page in aws.client(service).get_paginator(operation).paginate(**arguments):
        yield from page[key]


def _bare(answers: list[Answer]) -> list[Answer]:
    """Without fields that differ in each response."""
    return [{name: value for name, value in each.items() if name != "LastModified"} for each in answers]


# ----------------------------------------------------------------------------- functions


def _functions(aws: Aws) -> Iterator[Answer]:
    yield from _pages(aws, "lambda", "list_functions", "Functions")


def _function(aws: Aws, listed: Answer) -> Answer:
    lambda_, name = aws.client("lambda"), listed["FunctionName"]
    found = lambda_.get_function(FunctionName=name)
    configuration = {key: value for key, value in found["Configuration"].items() if key != "LastModified"}
    aliases = lambda_.list_aliases(FunctionName=name)["Aliases"]
    return {
        "KMSKeyArn": None,
        **configuration,
        "Tags": found.get("Tags", {}),
        "Reserved": found.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "LayerCode": [
            lambda_.get_layer_version_by_arn(Arn=each["Arn"])["Content"]["CodeSha256"]
            for each in configuration.get("Layers") or []
        ],
        "Policy": json.loads(_or(lambda_.get_policy, "Policy", "{}", FunctionName=name)),
        "EventInvokeConfig": _event_invoke_config(lambda_, name),
        "Aliases": {
            each["Name"]: {
                "version": each["FunctionVersion"],
                "code": lambda_.get_function_configuration(FunctionName=name, Qualifier=each["Name"])["CodeSha256"],
                "provisioned": _or(
                    lambda_.get_provisioned_concurrency_config,
                    "RequestedProvisionedConcurrentExecutions",
                    0,
                    FunctionName=name,
                    Qualifier=each["Name"],
                ),
            }
            for each in aliases
        },
    }


def _event_invoke_config(lambda_: Any, name: str) -> Answer | None:
    try:
        found = lambda_.get_function_event_invoke_config(FunctionName=name)
    except lambda_.exceptions.ResourceNotFoundException:
        return None
    limits = {key: found[key] for key in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")}
    # Lambda always returns both kinds of destination, also empty ones.
    return {**limits, "DestinationConfig": {end: each for end, each in found["DestinationConfig"].items() if each}}


def _or(operation: Any, key: str, default: Any, **arguments: Any) -> Any:
    """A field of a response, or the default after a 404."""
    try:
        return operation(**arguments)[key]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return default


def _roles(aws: Aws) -> Iterator[tuple[str, dict[str, Answer]]]:
    """Each role's inline policies, and the AWS policies that are attached to it."""
    iam = aws.client("iam")
    for role in _pages(aws, "iam", "list_roles", "Roles"):
        name = role["RoleName"]
        inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        yield (
            name,
            {
                "inline": {
                    each: iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in inline
                },
                "attached": {each["PolicyArn"]: {} for each in attached},
                "trust": role["AssumeRolePolicyDocument"],
            },
        )


# ----------------------------------------------------------------------------- triggers


def _notifications(aws: Aws) -> Iterator[tuple[str, Answer]]:
    s3 = aws.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        found = s3.get_bucket_notification_configuration(Bucket=bucket["Name"])
        found.pop("ResponseMetadata")
        for rule in found.get("LambdaFunctionConfigurations", []):
            # S3 generates it each time.
            del rule["Id"]
        if found:
            yield bucket["Name"], found


def _rules(aws: Aws) -> Iterator[tuple[str, Answer]]:
    events = aws.client("events")
    for rule in _pages(aws, "events", "list_rules", "Rules"):
        yield rule["Name"], {**rule, "Targets": events.list_targets_by_rule(Rule=rule["Name"])["Targets"]}


# ---------------------------------------------------------------------------------- API


def _apis(aws: Aws) -> Iterator[tuple[str, Answer]]:
    gateway = aws.client("apigateway")
    for api in gateway.get_rest_apis()["items"]:
        resources = gateway.get_resources(restApiId=api["id"], limit=500, embed=["methods"])["items"]
        stages = gateway.get_stages(restApiId=api["id"])["item"]
        yield (
            api["id"],
            {
                "name": api["name"],
                "methods": {
                    (method, each["path"]): _integration(each, method)
                    for each in resources
                    for method in each.get("resourceMethods", {})
                },
                "stages": {each["stageName"]: each for each in stages},
                "responses": {
                    each["responseType"]: each
                    for each in gateway.get_gateway_responses(restApiId=api["id"], limit=500)["items"]
                },
            },
        )


def _integration(resource: Answer, method: str) -> Answer:
    found = resource["resourceMethods"][method]["methodIntegration"]
    return {"type": found["type"], "uri": found.get("uri", "")}


# ------------------------------------------------------------------------------- others


def _others(aws: Aws) -> dict[str, list[str]]:
    """Names of all other resources, by kind, without those that AWS has in every account."""
    cognito, kms = aws.client("cognito-idp"), aws.client("kms")
    keys = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    layers = aws.client("lambda").list_layers()["Layers"]
    found = {
        "alarm": [each["AlarmName"] for each in _pages(aws, "cloudwatch", "describe_alarms", "MetricAlarms")],
        "bucket": [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]],
        "dashboard": [
            each["DashboardName"] for each in _pages(aws, "cloudwatch", "list_dashboards", "DashboardEntries")
        ],
        "key": [
            each["KeyId"] for each in keys if each["KeyState"] != "PendingDeletion" and each["KeyManager"] == "CUSTOMER"
        ],
        "key alias": [
            each["AliasName"]
            for each in kms.list_aliases()["Aliases"]
            if not each["AliasName"].startswith("alias/aws/")
        ],
        "layer": [each["LayerName"] for each in layers if each.get("LatestMatchingVersion")],
        "parameter": [each["Name"] for each in _pages(aws, "ssm", "describe_parameters", "Parameters")],
        "queue": aws.client("sqs").list_queues().get("QueueUrls", []),
        "secret": [each["Name"] for each in _pages(aws, "secretsmanager", "list_secrets", "SecretList")],
        "stack": [each["StackName"] for each in stacks],
        "state machine": [
            each["name"] for each in _pages(aws, "stepfunctions", "list_state_machines", "stateMachines")
        ],
        "table": list(_pages(aws, "dynamodb", "list_tables", "TableNames")),
        "topic": [each["TopicArn"] for each in _pages(aws, "sns", "list_topics", "Topics")],
        "user pool": [each["Name"] for each in cognito.list_user_pools(MaxResults=60)["UserPools"]],
    }
    return {kind: sorted(names) for kind, names in found.items() if names}
