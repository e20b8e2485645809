"""Signed webhooks: what happened to an image, told to those of its owners who asked for it.

A webhook that does not answer is its owner's affair: it is tried TRIES times, then given up, and its owner reads why.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from chalicelib import external
from chalicelib.accounts import running_totals, users
from chalicelib.accounts.users import User, WebhookError
from chalicelib.core import ids, log
from chalicelib.core.http import limits, signatures
from chalicelib.external import Reason

# For ourselves: whose it is, and the work that it belongs to.
_OURS = {"userId", "correlationId"}
# The first, and Lambda's own further ones (infra/delivery.py).
TRIES = 3
# A notification waits an hour at most (the same place).
_COUNTED_SECONDS = 2 * 3600
_WORDS = {
    Reason.TIMEOUT: "It took too long to answer.",
    Reason.TOO_LARGE: "Its answer is too large.",
    Reason.JUNK: "Its answer is not HTTP.",
    Reason.ADDRESS_NOT_ALLOWED: "Its address is not allowed.",
}
_UNREACHABLE = "It could not be reached."


class NotTakenError(Exception):
    """A webhook did not take a notification; Lambda tries it again."""


class _Refusal(Exception):  # noqa: N818 - it is caught where it is raised, and says how a try ended
    """How a try failed: in words for the webhook's owner, perhaps the status that it answered."""

    def __init__(self, words: str, status: int | None = None, *, passing: bool) -> None:
        """`passing`: another try may end better."""
        super().__init__(words)
        self.words, self.status, self.passing = words, status, passing


def deliver(event: Mapping[str, Any]) -> None:
    """Delivers each of a topic's records to its user's webhook, if they named one.

    Raises:
        NotTakenError: a receiver did not take it, and has tries left: the topic sends it again.
    """
    for record in event["Records"]:
        _deliver(json.loads(record["Sns"]["Message"]), record["Sns"]["MessageId"])


def _deliver(notification: Mapping[str, Any], message_id: str) -> None:
    user = users.find(notification["userId"])
    webhook = None if user is None else user.preferences.get("webhook")
    if user is None or webhook is None or user.webhook_secret is None:
        return
    try:
        status = _post(webhook["url"], user.webhook_secret, notification)
    except _Refusal as refusal:
        if refusal.passing and _may_try_again(message_id):
            raise NotTakenError(refusal.words) from refusal
        log.info("WEBHOOK_GIVEN_UP", userId=user.id, imageId=notification["imageId"], reason=refusal.words)
        _note(user, WebhookError(ids.now(), refusal.words, refusal.status))
        return
    log.info("WEBHOOK_DELIVERED", userId=user.id, imageId=notification["imageId"], status=status)
    _note(user, None)


def _post(url: str, secret: str, notification: Mapping[str, Any]) -> int:
    """Sends the notification; the status of the answer that took it."""
    body = ids.to_json({key: value for key, value in notification.items() if key not in _OURS}).encode()
    headers = {
        "Content-Type": "application/json",
        signatures.HEADER: signatures.sign(secret, int(time.time()), body),
    }
    try:
        status = external.post(url, body, headers).status
    except external.AddressNotAllowedError:
        raise _Refusal(_WORDS[Reason.ADDRESS_NOT_ALLOWED], passing=False) from None
    except external.ExternalServiceError as error:
        raise _Refusal(_WORDS.get(error.reason, _UNREACHABLE), passing=True) from error
    if not 200 <= status < 300:
        raise _Refusal(f"It answered {status}.", status, passing=status >= 500 or status in (408, 429))
    return status


def _may_try_again(message_id: str) -> bool:
    """Counts a try of the notification that failed; False behind the last one. Lambda does not say which one it is."""
    expires = {"ttl": int(time.time()) + _COUNTED_SECONDS}
    again, _ = limits.COUNTERS.count(f"notification#{message_id}", {"failures": TRIES - 1}, expires)
    return again


def _note(user: User, error: WebhookError | None) -> None:
    """Shows the owner how it went; what goes wrong here keeps nobody from being told of their images."""
    try:
        running_totals.note_webhook(user, error)
    except Exception as fault:
        log.warning("WEBHOOK_NOT_NOTED", fault, userId=user.id)
