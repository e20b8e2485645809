"""Signatures of messages that we send and receive: when one was sent, by whom, and about what."""

import hashlib
import hmac
import re

from chalicelib.core.schemas import text

HEADER = "X-Darkroom-Signature"
# The header of a callback to us, and of a webhook of ours.
CALLBACK = text(
    "`t=<seconds>,v2=<hex>`: the HMAC-SHA256 of `<seconds>.<actionId>.<body>` under the service's callback_secret. The "
    "seconds are since 1970, at most 300 from now. `v1`, of `<seconds>.<body>`, is taken too if the body has the "
    "`actionId`.",
    f"t=1764309600,v2={'3c' * 32}",
    pattern="^t=[0-9]{1,12},(v1|v2)=[0-9a-f]{64}$",
)
WEBHOOK = text(
    "`t=<seconds>,v1=<hex>`: the HMAC-SHA256 of `<seconds>.<body>` under your profile's `webhookSecret`. Refuse a "
    "signature that is wrong, or older than five minutes.",
    f"t=1764309600,v1={'3c' * 32}",
    pattern="^t=[0-9]{1,12},v1=[0-9a-f]{64}$",
)
# How old a signed message may be, or how far ahead a clock; it limits how long a recorded message can be replayed.
TOLERANCE_SECONDS = 300
# v1 signs the time and the body; v2 also what the message is about, which its URL names.
_FORM = re.compile(r"t=([0-9]{1,12}),(v1|v2)=([0-9a-f]{64})")


def sign(secret: str, sent_at: int, body: bytes, about: str | None = None) -> str:
    """`t=<epoch seconds>,v1=<hex HMAC-SHA256 of "t.body">`, or with `about` `t=…,v2=<… of "t.about.body">`.

    The receiver computes it again with the secret. With `about` the body cannot be reused for another subject.
    """
    version = "v1" if about is None else "v2"
    return f"t={sent_at},{version}={_digest(secret, str(sent_at), body, about)}"


def verify(secret: str, header: str, body: bytes, now: float, about: str | None = None) -> bool:
    """Whether `sign` made the header of the same values, within five minutes of `now` (epoch seconds).

    An empty secret verifies nothing.
    """
    parts = _FORM.fullmatch(header)
    if parts is None or parts[2] != ("v1" if about is None else "v2") or not secret:
        return False
    is_same = hmac.compare_digest(_digest(secret, parts[1], body, about), parts[3])
    return is_same and abs(now - int(parts[1])) <= TOLERANCE_SECONDS


def _digest(secret: str, sent_at: str, body: bytes, about: str | None) -> str:
    signed = ".".join([sent_at] if about is None else [sent_at, about]).encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
