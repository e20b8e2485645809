"""Notifications to the operators, through their SNS topic."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core import clients, log
from chalicelib.core.aws.grants import SNSOperation, required_env_vars
from chalicelib.core.settings import Settings


@required_env_vars({"OPERATORS_TOPIC_ARN": [SNSOperation.PUBLISH]})
def publish(subject: str, content: Mapping[str, Any]) -> None:
    clients.client("sns").publish(
        TopicArn=Settings.OPERATORS_TOPIC_ARN.get(),
        # Amazon SNS takes subjects of up to 100 characters.
        Subject=subject[:100],
        Message=json.dumps(content, indent=2),
    )


@required_env_vars(publish)
def notify_of_errors(event: Mapping[str, Any]) -> None:
    """Publishes each message of the critical-errors queue."""
    for message in event["Records"]:
        error = json.loads(message["body"])
        publish(f"{error['stage']}: {error['errorType']} in {error['operation']}", error)
        log.info("OPERATORS_NOTIFIED", fingerprint=error["fingerprint"])
