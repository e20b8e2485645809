"""Rebuilds Chalice's state file (.chalice/deployed/{stage}.json) from what exists in AWS.

Chalice writes the file at the end of a deploy. After an interrupted deploy, or on another machine, the file is missing:
Chalice would create a second API and fail at the first trigger that exists. So the file is rebuilt before each run and
never shared.
"""

import json
from collections.abc import Iterator
from typing import Any

from infra import stages
from infra.deploy import buckets, chalice_command, functions, rest_api, trigger_settings
from infra.deploy.target import Target
from infra.function_grants import API

_LAYER = "managed-layer"

Entry = dict[str, Any]


def rebuild(target: Target) -> bool:
    """Writes the file, or removes it if nothing exists. Returns whether something exists."""
    entries = list(_entries(target))
    path = chalice_command.state_file(target.stage)
    if not entries:
        path.unlink(missing_ok=True)
        return False
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"resources": entries, "schema_version": "2.0", "backend": "api"}, indent=2) + "\n")
    return True


def _entries(target: Target) -> Iterator[Entry]:
    """In the order of their dependencies: Chalice removes them from the last to the first."""
    configurations = functions.deployed(target)
    names = {
        name.removeprefix(target.lambda_name(API)).removeprefix("-") or API: each["FunctionArn"]
        for name, each in configurations.items()
    }
    yield from _roles(target, set(target.grants) | set(names))
    yield from _layer(target)
    for name, arn in names.items():
        yield {"name": name, "resource_type": "lambda_function", "lambda_arn": arn}
    yield from _events(target, names)
    if api := rest_api.find(target):
        url = rest_api.url(target, api) + "/"
        yield {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": url}


def _roles(target: Target, names: set[str]) -> Iterator[Entry]:
    """Chalice's roles, one for each function, found by name."""
    wanted = {f"{target.lambda_name(API)}-{name}": name for name in sorted(names)}
    for page in target.client("iam").get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if name := wanted.get(role["RoleName"]):
                yield {
                    "name": f"{name}_role",
                    "resource_type": "iam_role",
                    "role_arn": role["Arn"],
                    "role_name": role["RoleName"],
                }


def _layer(target: Target) -> Iterator[Entry]:
    versions = target.client("lambda").list_layer_versions(LayerName=f"{target.lambda_name(API)}-{_LAYER}")
    for latest in versions["LayerVersions"][:1]:
        yield {"name": _LAYER, "resource_type": "lambda_layer", "layer_version_arn": latest["LayerVersionArn"]}


def _events(target: Target, names: dict[str, str]) -> Iterator[Entry]:
    """All existing triggers, also those that app.py no longer has: Chalice removes these."""
    functions = {arn: name for name, arn in names.items()}
    yield from _mappings(target, functions)
    yield from _notifications(target, functions)
    yield from _subscriptions(target, functions)
    yield from _rules(target)


def _mappings(target: Target, functions: dict[str, str]) -> Iterator[Entry]:
    for page in target.client("lambda").get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            name = functions.get(mapping["FunctionArn"])
            if name is None:
                continue
            source = mapping.get("EventSourceArn", "")
            identity = {"lambda_arn": mapping["FunctionArn"], "event_uuid": mapping["UUID"]}
            if ":sqs:" in source:
                yield {
                    "name": f"{name}-sqs-event-source",
                    "resource_type": "sqs_event",
                    "queue_arn": source,
                    "queue": source.rpartition(":")[2],
                    **identity,
                }
            elif ":dynamodb:" in source:
                yield {
                    "name": f"{name}-dynamodb-event-source",
                    "resource_type": "dynamodb_event",
                    "stream_arn": source,
                    **identity,
                }


def _notifications(target: Target, functions: dict[str, str]) -> Iterator[Entry]:
    """The notifications of the stage's buckets to functions."""
    s3 = target.client("s3")
    for resource in stages.resources().values():
        if resource["Type"] != "AWS::S3::Bucket":
            continue
        bucket = stages.name_of(resource, target.place)
        if not buckets.exists(target, bucket):
            continue
        configurations = s3.get_bucket_notification_configuration(Bucket=bucket).get("LambdaFunctionConfigurations", ())
        for arn in dict.fromkeys(each["LambdaFunctionArn"] for each in configurations):
            if name := functions.get(arn):
                yield {"name": f"{name}-s3event", "resource_type": "s3_event", "bucket": bucket, "lambda_arn": arn}


def _subscriptions(target: Target, functions: dict[str, str]) -> Iterator[Entry]:
    for page in target.client("sns").get_paginator("list_subscriptions").paginate():
        for subscription in page["Subscriptions"]:
            if name := functions.get(subscription["Endpoint"]):
                yield {
                    "name": f"{name}-sns-subscription",
                    "resource_type": "sns_event",
                    "topic": subscription["TopicArn"],
                    "topic_arn": subscription["TopicArn"],
                    "lambda_arn": subscription["Endpoint"],
                    "subscription_arn": subscription["SubscriptionArn"],
                }


def _rules(target: Target) -> Iterator[Entry]:
    """Found by name, because a rule may have lost its function or its target."""
    events = target.client("events")
    prefix, suffix = trigger_settings.rule_name(target, "|").split("|")
    for page in events.get_paginator("list_rules").paginate(NamePrefix=prefix):
        for rule in (each["Name"] for each in page["Rules"]):
            name = rule.removeprefix(prefix).removesuffix(suffix)
            if rule.endswith(suffix) and _fires_only(events, rule, target.lambda_arn(name)):
                yield {"name": f"{name}-event", "resource_type": "cloudwatch_event", "rule_name": rule}


def _fires_only(events: Any, rule: str, function: str) -> bool:
    """Whether the rule is ours. A foreign rule with a similar name has other targets."""
    return all(each["Arn"] == function for each in events.list_targets_by_rule(Rule=rule)["Targets"])
