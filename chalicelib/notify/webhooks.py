"""Signed webhooks: notify users who registered one of what happened to their images.

A notification is tried TRIES times. Then it is dropped, and the user's profile shows why.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from chalicelib import external
from chalicelib.accounts.models import User, WebhookError, find_user, write_webhook_result
from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.http import limits, signatures
from chalicelib.external import Reason

# Not sent: the user, and the id that connects log lines.
_INTERNAL = {"userId", "correlationId"}
# The first one and Lambda's retries (infra/event_delivery.py).
TRIES = 3
# A notification waits an hour at most (the same place).
_COUNTER_SECONDS = 2 * 3600
_MESSAGES = {
    Reason.TIMEOUT: "It took too long to answer.",
    Reason.TOO_LARGE: "Its answer is too large.",
    Reason.JUNK: "Its answer is not HTTP.",
    Reason.ADDRESS_NOT_ALLOWED: "Its address is not allowed.",
}
_UNREACHABLE = "It could not be reached."


class NotTakenError(Exception):
    """A webhook did not accept a notification; Lambda tries it again."""


class _DeliveryError(Exception):
    """Why a try failed: a message for the webhook's owner, and the HTTP status, if there was a response."""

    def __init__(self, message: str, status: int | None = None, *, may_pass: bool) -> None:
        """`may_pass`: another try may succeed."""
        super().__init__(message)
        self.message, self.status, self.may_pass = message, status, may_pass


@required_env_vars(
    {
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "ALLOW_PRIVATE_ADDRESSES": [],
    }
)
def deliver(event: Mapping[str, Any]) -> None:
    """Delivers each notification of a topic to its user's webhook, if they have one.

    Raises:
        NotTakenError: a webhook did not accept it, and tries are left: the topic sends it again.
    """
    for record in event["Records"]:
        _deliver(json.loads(record["Sns"]["Message"]), record["Sns"]["MessageId"])


def _deliver(notification: Mapping[str, Any], message_id: str) -> None:
    user = find_user(notification["userId"])
    webhook = None if user is None else user.preferences.get("webhook")
    if user is None or webhook is None or user.webhook_secret is None:
        return
    try:
        status = _post(webhook["url"], user.webhook_secret, notification)
    except _DeliveryError as error:
        if error.may_pass and _has_tries_left(message_id):
            raise NotTakenError(error.message) from error
        log.info("WEBHOOK_GIVEN_UP", userId=user.id, imageId=notification["imageId"], reason=error.message)
        _write_result(user, WebhookError(ids.now(), error.message, error.status))
        return
    log.info("WEBHOOK_DELIVERED", userId=user.id, imageId=notification["imageId"], status=status)
    _write_result(user, None)


def _post(url: str, secret: str, notification: Mapping[str, Any]) -> int:
    """Sends the notification and returns the HTTP status, which is 2xx.

    Raises:
        _DeliveryError: the webhook did not accept it.
    """
    body = ids.to_json({key: value for key, value in notification.items() if key not in _INTERNAL}).encode()
    headers = {
        "Content-Type": "application/json",
        signatures.HEADER: signatures.sign(secret, int(time.time()), body),
    }
    try:
        status = external.post(url, body, headers).status
    except external.AddressNotAllowedError:
        raise _DeliveryError(_MESSAGES[Reason.ADDRESS_NOT_ALLOWED], may_pass=False) from None
    except external.ExternalServiceError as error:
        raise _DeliveryError(_MESSAGES.get(error.reason, _UNREACHABLE), may_pass=True) from error
    if not 200 <= status < 300:
        raise _DeliveryError(f"It answered {status}.", status, may_pass=status >= 500 or status in (408, 429))
    return status


def _has_tries_left(message_id: str) -> bool:
    """Counts a failed try of the notification. We count, because Lambda does not say which try it is."""
    expires = {"ttl": int(time.time()) + _COUNTER_SECONDS}
    has_more, _ = limits.COUNTERS.count(f"notification#{message_id}", {"failures": TRIES - 1}, expires)
    return has_more


def _write_result(user: User, error: WebhookError | None) -> None:
    """Stores the result for the user's profile. A failure is logged: it must not repeat a delivery."""
    try:
        write_webhook_result(user, error)
    except Exception as failure:
        log.warning("WEBHOOK_NOT_NOTED", failure, userId=user.id)
