"""Signed webhooks: what happened to an image, told to those of its owners who asked for it."""

import json
import time
from collections.abc import Mapping
from typing import Any

from chalicelib import external, users
from chalicelib.core import log, records, signatures

# For ourselves: whose it is, and the work that it belongs to.
_OURS = {"userId", "correlationId"}


def deliver(event: Mapping[str, Any]) -> None:
    """Delivers each of a topic's records to its user's webhook, if they named one.

    Raises:
        external.ExternalServiceError: a receiver did not take it; the topic sends it again.
    """
    for record in event["Records"]:
        _deliver(json.loads(record["Sns"]["Message"]))


def _deliver(notification: Mapping[str, Any]) -> None:
    user = users.find(notification["userId"])
    webhook = None if user is None else user.preferences.get("webhook")
    if user is None or webhook is None or user.webhook_secret is None:
        return
    body = records.to_json({key: value for key, value in notification.items() if key not in _OURS}).encode()
    headers = {
        "Content-Type": "application/json",
        signatures.HEADER: signatures.sign(user.webhook_secret, int(time.time()), body),
    }
    try:
        answer = external.post(webhook["url"], body, headers)
    except external.AddressNotAllowedError as error:
        log.warning("WEBHOOK_REFUSED", error, userId=user.id, imageId=notification["imageId"])
        return
    if answer.status >= 500 or answer.status in (408, 429):
        raise external.ExternalServiceError(f"the webhook answered {answer.status}")
    log.info("WEBHOOK_DELIVERED", userId=user.id, imageId=notification["imageId"], status=answer.status)
