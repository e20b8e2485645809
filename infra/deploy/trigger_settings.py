"""What Chalice cannot say of triggers (infra/event_delivery.py): tries, ages, filters, where the undelivered rest.

Chalice writes a rule's target anew at each deploy, without any of it; so what stands is compared each time.
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
_INSERTS = {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"]})}]}
# Chalice gives each rule one target, of this name.
_TARGET = "1"


def changes(target: Target) -> Iterator[Change]:
    """What is to be changed on mappings, asynchronous invocations and rules."""
    yield from _mappings(target)
    yield from _asynchronous(target)
    yield from _rules(target)


# ------------------------------------------------------------------- queues and streams


def _mappings(target: Target) -> Iterator[Change]:
    lambda_ = target.client("lambda")
    functions = {target.lambda_name(name): name for name in target.declared}
    for page in lambda_.get_paginator("list_event_source_mappings").paginate():
        for found in page["EventSourceMappings"]:
            name = functions.get(found["FunctionArn"].split(":")[6])
            if name is None:
                continue
            wanted = _of_mapping(target, name)
            if wrong := {key: value for key, value in wanted.items() if not _same(found.get(key), value)}:
                yield Change(
                    f"{name}: {', '.join(sorted(wrong))} of its trigger",
                    functools.partial(lambda_.update_event_source_mapping, UUID=found["UUID"], **wrong),
                )


def _of_mapping(target: Target, name: str) -> dict[str, Any]:
    if name in event_delivery.QUEUES:
        return {"FunctionResponseTypes": _PARTIAL if event_delivery.QUEUES[name].partial else []}
    told = event_delivery.STREAMS[name]
    return {
        "MaximumRetryAttempts": told.retries,
        "MaximumBatchingWindowInSeconds": told.window_seconds,
        "BisectBatchOnFunctionError": told.bisect,
        "DestinationConfig": {"OnFailure": {"Destination": target.queue_arn(told.on_failure)}},
        "FilterCriteria": _INSERTS if told.inserts_only else {},
    }


def _same(found: Any, wanted: Any) -> bool:
    """AWS leaves out what is empty, and adds empty parts to what is not."""
    if not wanted:
        return not found or found == {"Filters": []}
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(_same(found.get(key), value) for key, value in wanted.items())
    return bool(found == wanted)


# ------------------------------------------------------------- asynchronous invocations


def _asynchronous(target: Target) -> Iterator[Change]:
    lambda_ = target.client("lambda")
    for name, told in event_delivery.ASYNC.items():
        wanted = {
            "MaximumRetryAttempts": told.retries,
            "MaximumEventAgeInSeconds": told.max_age_seconds,
            "DestinationConfig": {"OnFailure": {"Destination": target.queue_arn(told.on_failure)}},
        }
        try:
            found = lambda_.get_function_event_invoke_config(FunctionName=target.lambda_name(name))
        except lambda_.exceptions.ResourceNotFoundException:
            found = {}
        if not all(_same(found.get(key), value) for key, value in wanted.items()):
            yield Change(
                f"{name}: {told.retries} more tries within {told.max_age_seconds} s, then {told.on_failure}",
                functools.partial(
                    lambda_.put_function_event_invoke_config, FunctionName=target.lambda_name(name), **wanted
                ),
            )


# ------------------------------------------------------------------------------ rules


def rule_name(target: Target, name: str) -> str:
    """What Chalice calls the rule of a scheduled function."""
    return f"{target.lambda_name(API)}-{name}-event"


def _rules(target: Target) -> Iterator[Change]:
    events = target.client("events")
    for name, told in event_delivery.RULES.items():
        wanted = {
            "Id": _TARGET,
            "Arn": target.lambda_arn(name),
            "RetryPolicy": {
                "MaximumRetryAttempts": told.retries,
                "MaximumEventAgeInSeconds": told.max_age_seconds,
            },
            "DeadLetterConfig": {"Arn": target.queue_arn(told.dead_letters)},
        }
        rule = rule_name(target, name)
        try:
            found = events.list_targets_by_rule(Rule=rule)["Targets"]
        except events.exceptions.ResourceNotFoundException:
            # The stage does without this schedule.
            continue
        if wanted not in found:
            yield Change(
                f"{name}: its rule tries {told.retries} more within {told.max_age_seconds} s, then {told.dead_letters}",
                functools.partial(_put_target, events, rule, wanted),
            )


def _put_target(events: Any, rule: str, wanted: dict[str, Any]) -> None:
    refused = events.put_targets(Rule=rule, Targets=[wanted])
    if refused.get("FailedEntryCount"):
        raise DeployError(
            f"EventBridge does not take the target of {rule}: {refused['FailedEntries']}. Mend that and run this again."
        )
