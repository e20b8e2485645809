"""Settings of triggers that Chalice does not support (infra/event_delivery.py): retries, ages, filters, dead letters.

Chalice's deploy resets the target of each rule, so the settings are compared each time.
"""

import functools
import json
from collections.abc import Iterator
from typing import Any

from infra import event_delivery
from infra.deploy.change import Change
from infra.deploy.errors import DeployError
from infra.deploy.target import Target
from infra.function_grants import API

_PARTIAL = ["ReportBatchItemFailures"]
# Chalice gives each rule one target with this id.
_TARGET_ID = "1"


def changes(target: Target) -> Iterator[Change]:
    """The changes to mappings, asynchronous invocations and rules."""
    yield from _mappings(target)
    yield from _asynchronous(target)
    yield from _rules(target)


# ------------------------------------------------------------------- queues and streams


def _mappings(target: Target) -> Iterator[Change]:
    lambda_ = target.client("lambda")
    functions = {target.lambda_name(name): name for name in target.grants}
    for page in lambda_.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            name = functions.get(mapping["FunctionArn"].split(":")[6])
            if name is None:
                continue
            wanted = _mapping_settings(target, name)
            if wrong := {key: value for key, value in wanted.items() if not _is_same(mapping.get(key), value)}:
                yield Change(
                    f"{name}: {', '.join(sorted(wrong))} of its trigger",
                    functools.partial(lambda_.update_event_source_mapping, UUID=mapping["UUID"], **wrong),
                )


def _mapping_settings(target: Target, name: str) -> dict[str, Any]:
    if name in event_delivery.QUEUES:
        return {"FunctionResponseTypes": _PARTIAL if event_delivery.QUEUES[name].partial else []}
    stream = event_delivery.STREAMS[name]
    return {
        "MaximumRetryAttempts": stream.retries,
        "MaximumRecordAgeInSeconds": stream.max_age_seconds,
        "MaximumBatchingWindowInSeconds": stream.window_seconds,
        "BisectBatchOnFunctionError": stream.bisect,
        "DestinationConfig": {"OnFailure": {"Destination": target.queue_arn(stream.on_failure)}},
        "FilterCriteria": _only(stream.events) if stream.events else {},
    }


def _only(events: tuple[str, ...]) -> dict[str, Any]:
    return {"Filters": [{"Pattern": json.dumps({"eventName": list(events)})}]}


def _is_same(current: Any, wanted: Any) -> bool:
    """Whether both are equal, although AWS omits empty values and adds empty parts."""
    if not wanted:
        return not current or current == {"Filters": []}
    if isinstance(wanted, dict) and isinstance(current, dict):
        return all(_is_same(current.get(key), value) for key, value in wanted.items())
    return bool(current == wanted)


# ------------------------------------------------------------- asynchronous invocations


def _asynchronous(target: Target) -> Iterator[Change]:
    lambda_ = target.client("lambda")
    for name, invocation in event_delivery.ASYNC.items():
        wanted = {
            "MaximumRetryAttempts": invocation.retries,
            "MaximumEventAgeInSeconds": invocation.max_age_seconds,
            "DestinationConfig": {"OnFailure": {"Destination": target.queue_arn(invocation.on_failure)}},
        }
        try:
            current = lambda_.get_function_event_invoke_config(FunctionName=target.lambda_name(name))
        except lambda_.exceptions.ResourceNotFoundException:
            current = {}
        if not all(_is_same(current.get(key), value) for key, value in wanted.items()):
            yield Change(
                f"{name}: {invocation.retries} retries within {invocation.max_age_seconds} s, "
                f"then {invocation.on_failure}",
                functools.partial(
                    lambda_.put_function_event_invoke_config, FunctionName=target.lambda_name(name), **wanted
                ),
            )


# ------------------------------------------------------------------------------ rules


def rule_name(target: Target, name: str) -> str:
    """Chalice's name for the rule of a scheduled function."""
    return f"{target.lambda_name(API)}-{name}-event"


def _rules(target: Target) -> Iterator[Change]:
    events = target.client("events")
    for name, rule_delivery in event_delivery.RULES.items():
        wanted = {
            "Id": _TARGET_ID,
            "Arn": target.lambda_arn(name),
            "RetryPolicy": {
                "MaximumRetryAttempts": rule_delivery.retries,
                "MaximumEventAgeInSeconds": rule_delivery.max_age_seconds,
            },
            "DeadLetterConfig": {"Arn": target.queue_arn(rule_delivery.dead_letters)},
        }
        rule = rule_name(target, name)
        try:
            targets = events.list_targets_by_rule(Rule=rule)["Targets"]
        except events.exceptions.ResourceNotFoundException:
            # The schedule is switched off in this stage.
            continue
        if wanted not in targets:
            yield Change(
                f"{name}: {rule_delivery.retries} retries of its rule within {rule_delivery.max_age_seconds} s, then "
                f"{rule_delivery.dead_letters}",
                functools.partial(_put_target, events, rule, wanted),
            )


def _put_target(events: Any, rule: str, wanted: dict[str, Any]) -> None:
    response = events.put_targets(Rule=rule, Targets=[wanted])
    if response.get("FailedEntryCount"):
        raise DeployError(
            f"EventBridge refuses the target of {rule}: {response['FailedEntries']}. Fix that and run this again."
        )
