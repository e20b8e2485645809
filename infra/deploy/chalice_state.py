"""Chalice's memory of what it made, made anew from AWS: .chalice/deployed/{stage}.json.

Chalice writes the file when a deploy has ended. After one that was cut off, or on another's machine, it knows of
nothing and would make a second API and fail at the first trigger that there is already. So before each run the file is
made to say what there is; it need not be shared.
"""

import json
from collections.abc import Iterator
from typing import Any

from infra import stages
from infra.deploy import chalice_command, functions, rest_api, trigger_settings
from infra.deploy.target import Target
from infra.deploy.template_upload import is_ours
from infra.function_grants import API

_LAYER = "managed-layer"

Entry = dict[str, Any]


def rebuild(target: Target) -> bool:
    """Makes the file say what there is; whether there is anything."""
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
    found = functions.deployed(target)
    names = {
        name.removeprefix(target.lambda_name(API)).removeprefix("-") or API: each["FunctionArn"]
        for name, each in found.items()
    }
    yield from _roles(target, set(target.declared) | set(names))
    yield from _layer(target)
    for name, arn in names.items():
        yield {"name": name, "resource_type": "lambda_function", "lambda_arn": arn}
    yield from _events(target, names)
    if api := rest_api.find(target):
        url = rest_api.url(target, api) + "/"
        yield {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api, "rest_api_url": url}


def _roles(target: Target, names: set[str]) -> Iterator[Entry]:
    """Chalice's roles: one a function, by the function's name."""
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
    """The triggers that there are, be they app.py's or not: Chalice removes what stands here and is not wanted."""
    functions = {arn: name for name, arn in names.items()}
    yield from _mappings(target, functions)
    yield from _notifications(target, functions)
    yield from _subscriptions(target, functions)
    yield from _rules(target)


def _mappings(target: Target, functions: dict[str, str]) -> Iterator[Entry]:
    for page in target.client("lambda").get_paginator("list_event_source_mappings").paginate():
        for found in page["EventSourceMappings"]:
            name = functions.get(found["FunctionArn"])
            if name is None:
                continue
            source = found.get("EventSourceArn", "")
            made = {"lambda_arn": found["FunctionArn"], "event_uuid": found["UUID"]}
            if ":sqs:" in source:
                yield {
                    "name": f"{name}-sqs-event-source",
                    "resource_type": "sqs_event",
                    "queue_arn": source,
                    "queue": source.rpartition(":")[2],
                    **made,
                }
            elif ":dynamodb:" in source:
                yield {
                    "name": f"{name}-dynamodb-event-source",
                    "resource_type": "dynamodb_event",
                    "stream_arn": source,
                    **made,
                }


def _notifications(target: Target, functions: dict[str, str]) -> Iterator[Entry]:
    """What the stage's buckets tell functions of."""
    s3 = target.client("s3")
    for resource in stages.resources().values():
        if resource["Type"] != "AWS::S3::Bucket":
            continue
        bucket = stages.name_of(resource, target.place)
        if not is_ours(target, bucket):
            continue
        told = s3.get_bucket_notification_configuration(Bucket=bucket).get("LambdaFunctionConfigurations", ())
        for arn in dict.fromkeys(each["LambdaFunctionArn"] for each in told):
            if name := functions.get(arn):
                yield {"name": f"{name}-s3event", "resource_type": "s3_event", "bucket": bucket, "lambda_arn": arn}


def _subscriptions(target: Target, functions: dict[str, str]) -> Iterator[Entry]:
    for page in target.client("sns").get_paginator("list_subscriptions").paginate():
        for found in page["Subscriptions"]:
            if name := functions.get(found["Endpoint"]):
                yield {
                    "name": f"{name}-sns-subscription",
                    "resource_type": "sns_event",
                    "topic": found["TopicArn"],
                    "topic_arn": found["TopicArn"],
                    "lambda_arn": found["Endpoint"],
                    "subscription_arn": found["SubscriptionArn"],
                }


def _rules(target: Target) -> Iterator[Entry]:
    """By their names: a rule may be left without its function, or without a target."""
    events = target.client("events")
    prefix, suffix = trigger_settings.rule_name(target, "|").split("|")
    for page in events.get_paginator("list_rules").paginate(NamePrefix=prefix):
        for rule in (each["Name"] for each in page["Rules"]):
            name = rule.removeprefix(prefix).removesuffix(suffix)
            if rule.endswith(suffix) and _fires_only(events, rule, target.lambda_arn(name)):
                yield {"name": f"{name}-event", "resource_type": "cloudwatch_event", "rule_name": rule}


def _fires_only(events: Any, rule: str, function: str) -> bool:
    """Somebody else's rule may have a name like ours; its targets are others."""
    return all(each["Arn"] == function for each in events.list_targets_by_rule(Rule=rule)["Targets"])
