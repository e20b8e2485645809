"""What operators are told, as notifications on their topic."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core import clients, config, log
from chalicelib.core.aws.grants import SNSOperation, required_env_vars


@required_env_vars({"OPERATORS_TOPIC_ARN": [SNSOperation.PUBLISH]})
def notify_of_errors(event: Mapping[str, Any]) -> None:
    """One notification for each record of the critical-errors queue."""
    for entry in event["Records"]:
        record = json.loads(entry["body"])
        subject = f"{record['stage']}: {record['errorType']} in {record['operation']}"
        tell(subject, record)
        log.info("OPERATORS_NOTIFIED", fingerprint=record["fingerprint"])


def tell(subject: str, record: Mapping[str, Any]) -> None:
    """One notification."""
    clients.client("sns").publish(
        TopicArn=config.get("OPERATORS_TOPIC_ARN"),
        # Amazon SNS takes subjects of up to 100 characters.
        Subject=subject[:100],
        Message=json.dumps(record, indent=2),
    )
