"""Chalice's memory of what it made, made anew from AWS: .chalice/deployed/{stage}.json.

Chalice writes the file when a deploy has ended. After one that was cut off, or on another's machine, it knows of
nothing and would make a second API and fail at the first trigger that there is already. So before each run the file is
made to say what there is; it need not be shared.
"""

import json
from collections.abc import Iterator
from typing import Any

from chalice.app import DynamoDBEventConfig, S3EventConfig, ScheduledEventConfig, SNSEventConfig, SQSEventConfig

from infra.deploy import chalice_command, functions, restapi, triggers
from infra.deploy.target import Target
from infra.rights import API

_LAYER = "managed-layer"

Entry = dict[str, Any]


def adopt(target: Target) -> bool:
    """Makes the file say what there is; whether there is anything."""
    entries = list(_entries(target))
    path = chalice_command.memory(target.stage)
    if not entries:
        path.unlink(missing_ok=True)
        return False
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"resources": entries, "schema_version": "2.0", "backend": "api"}, indent=2) + "\n")
    return True


def _entries(target: Target) -> Iterator[Entry]:
    """In the order of their dependencies: Chalice removes them from the last to the first."""
    found = functions.standing(target)
    names = {
        name.removeprefix(target.lambda_name(API)).removeprefix("-") or API: each["FunctionArn"]
        for name, each in found.items()
    }
    yield from _roles(target, set(target.declared) | set(names))
    yield from _layer(target)
    for name, arn in names.items():
        yield {"name": name, "resource_type": "lambda_function", "lambda_arn": arn}
    yield from _events(target, names)
    if api := restapi.find(target):
        url = restapi.url(target, api) + "/"
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
    mappings = {
        each["FunctionArn"]: each
        for page in target.client("lambda").get_paginator("list_event_source_mappings").paginate()
        for each in page["EventSourceMappings"]
    }
    for source in target.app.event_sources:
        arn = names.get(source.name)
        if arn is None:
            continue
        if isinstance(source, SQSEventConfig | DynamoDBEventConfig) and arn in mappings:
            yield _mapping(source, arn, mappings[arn])
        elif isinstance(source, S3EventConfig):
            yield from _s3(target, source, arn)
        elif isinstance(source, SNSEventConfig):
            yield from _sns(target, source, arn)
        elif isinstance(source, ScheduledEventConfig):
            yield from _rule(target, source)


def _mapping(source: Any, function: str, found: Entry) -> Entry:
    made = {"lambda_arn": function, "event_uuid": found["UUID"]}
    if isinstance(source, SQSEventConfig):
        queue = found["EventSourceArn"]
        return {
            "name": f"{source.name}-sqs-event-source",
            "resource_type": "sqs_event",
            "queue_arn": queue,
            "queue": queue.rpartition(":")[2],
            **made,
        }
    return {
        "name": f"{source.name}-dynamodb-event-source",
        "resource_type": "dynamodb_event",
        "stream_arn": found["EventSourceArn"],
        **made,
    }


def _s3(target: Target, source: Any, function: str) -> Iterator[Entry]:
    told = target.client("s3").get_bucket_notification_configuration(Bucket=source.bucket)
    if any(each["LambdaFunctionArn"] == function for each in told.get("LambdaFunctionConfigurations", ())):
        yield {
            "name": f"{source.name}-s3event",
            "resource_type": "s3_event",
            "bucket": str(source.bucket),
            "lambda_arn": function,
        }


def _sns(target: Target, source: Any, function: str) -> Iterator[Entry]:
    pages = target.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=source.topic)
    for each in (subscription for page in pages for subscription in page["Subscriptions"]):
        if each["Endpoint"] == function:
            yield {
                "name": f"{source.name}-sns-subscription",
                "resource_type": "sns_event",
                "topic": str(source.topic),
                "topic_arn": str(source.topic),
                "lambda_arn": function,
                "subscription_arn": each["SubscriptionArn"],
            }


def _rule(target: Target, source: Any) -> Iterator[Entry]:
    events = target.client("events")
    rule = triggers.rule_name(target, source.name)
    try:
        events.describe_rule(Name=rule)
    except events.exceptions.ResourceNotFoundException:
        return
    yield {"name": f"{source.name}-event", "resource_type": "cloudwatch_event", "rule_name": rule}
