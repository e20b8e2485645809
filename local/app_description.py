"""The stage's settings from Chalice's configuration; the functions and triggers from the application's decorators."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chalice.app import (
    BaseEventSourceConfig,
    Chalice,
    DynamoDBEventConfig,
    S3EventConfig,
    ScheduledEventConfig,
    SNSEventConfig,
    SQSEventConfig,
)
from chalice.cli.factory import CLIFactory
from chalice.config import Config

from infra.settings import LOCAL_ENDPOINT
from local.worker import API_HANDLER

DEFAULT_TIMEOUT = 60
DEFAULT_MEMORY = 128

Description = dict[str, Any]


def describe(
    project: Path, stage: str, endpoint: str, settings: Mapping[str, str]
) -> tuple[Description, Callable[[Chalice], list[Description]]]:
    """The stage's settings, and a function that describes the Lambda functions once the application is imported.

    `endpoint` replaces the usual address of the embedded AWS in all settings. `settings` replace the stage's.
    """
    config = CLIFactory(str(project), environ=os.environ).create_config_obj(stage)

    def environment(scope: Config) -> dict[str, str]:
        values = {name: value.replace(LOCAL_ENDPOINT, endpoint) for name, value in scope.environment_variables.items()}
        return {**values, **settings, "AWS_ENDPOINT_URL": endpoint}

    def function(name: str) -> Description:
        scope = config.scope(stage, name)
        suffix = "" if name == API_HANDLER else f"-{name}"
        return {
            "name": name,
            "lambda_name": f"{config.app_name}-{stage}{suffix}",
            "memory": scope.lambda_memory_size or DEFAULT_MEMORY,
            "timeout": scope.lambda_timeout or DEFAULT_TIMEOUT,
            "environment": environment(scope),
        }

    def functions(app: Chalice) -> list[Description]:
        plain = [function(each.name) | {"trigger": None} for each in app.pure_lambda_functions]
        triggered = [function(each.name) | {"trigger": _trigger(each)} for each in app.event_sources]
        return [function(API_HANDLER) | {"trigger": None}, *plain, *triggered]

    return {"app": config.app_name, "stage": stage, "environment": environment(config)}, functions


def _trigger(source: BaseEventSourceConfig) -> Description:
    if isinstance(source, S3EventConfig):
        return {
            "kind": "s3",
            "bucket": source.bucket,
            "events": source.events,
            "prefix": source.prefix,
            "suffix": source.suffix,
        }
    if isinstance(source, SQSEventConfig):
        return {
            "kind": "sqs",
            "queue": source.queue or str(source.queue_arn).rsplit(":", 1)[-1],
            "batch_size": source.batch_size,
            "concurrency": source.maximum_concurrency,
        }
    if isinstance(source, DynamoDBEventConfig):
        return {
            "kind": "stream",
            "stream_arn": source.stream_arn,
            "batch_size": source.batch_size,
            "starting_position": source.starting_position,
            "window": source.maximum_batching_window_in_seconds,
        }
    if isinstance(source, SNSEventConfig):
        return {"kind": "sns", "topic": source.topic}
    if isinstance(source, ScheduledEventConfig):
        return {"kind": "schedule", "expression": str(source.schedule_expression)}
    raise TypeError(f"{source.name}: the trigger {type(source).__name__} is not supported.")
