"""What is published of an image that has ended, for webhooks. The stream of the rows says when, at least once."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.core import clients, log
from chalicelib.core.aws.grants import SNSOperation, required_env_vars
from chalicelib.core.settings import Settings
from chalicelib.images.models import Status

Row = Mapping[str, Any]


@required_env_vars({"SNS_TOPIC_ARN": [SNSOperation.PUBLISH]})
def publish(old: Row, new: Row) -> None:
    """Publishes how an image ended, if this change of its row has ended it."""
    if not _has_ended(old, new):
        return
    status, reason = str(new["status"]), _reason(old, new)
    message = {
        "imageId": new["imageId"],
        "userId": new["userId"],
        "fileName": new["fileName"],
        "status": status,
        "execution": new.get("execution"),
        "correlationId": new.get("correlationId") or log.correlation_id(),
        **({"reason": reason} if reason else {}),
    }
    clients.client("sns").publish(
        TopicArn=Settings.SNS_TOPIC_ARN.get(),
        Message=json.dumps(message),
        MessageAttributes={"status": {"DataType": "String", "StringValue": status}},
    )


def _has_ended(old: Row, new: Row) -> bool:
    if "restored" in new and not old:
        # An operator copied it back from a backup: this was told before it was lost.
        return False
    if new.get("status") == Status.FAILED:
        return old.get("status") != Status.FAILED
    return new.get("status") == Status.COMPLETED and (_is_made(old, new) or _is_kept(old, new))


def _is_made(old: Row, new: Row) -> bool:
    return old.get("processedAt") != new.get("processedAt")


def _is_kept(old: Row, new: Row) -> bool:
    """Whether a new try failed for the last time, and the image stays as it was."""
    is_new = old.get("lastFailureAt") != new.get("lastFailureAt")
    return is_new and "lastFailureAt" in new and new.get("unfinished") == Status.COMPLETED


def _reason(old: Row, new: Row) -> str | None:
    if new["status"] == Status.FAILED:
        return str(new.get("reason", ""))
    return None if _is_made(old, new) else str(new["lastFailure"])
