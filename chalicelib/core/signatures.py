"""The signature of what we send to others and of what they send to us: when it was sent, and by whom."""

import hashlib
import hmac
import re

HEADER = "X-Darkroom-Signature"
# So old may a signed message be, or so far ahead a clock: who records one can send it again for no longer.
TOLERANCE_SECONDS = 300
_FORM = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def sign(secret: str, sent_at: int, body: bytes) -> str:
    """`t=<epoch seconds>,v1=<hex HMAC-SHA256 of "t.body">`: the receiver computes it again with their secret."""
    return f"t={sent_at},v1={_digest(secret, str(sent_at), body)}"


def verify(secret: str, header: str, body: bytes, now: float) -> bool:
    """Whether the header was made of this body by one who knows the secret, within five minutes of `now`.

    `now` is in seconds since 1970. An empty secret verifies nothing.
    """
    parts = _FORM.fullmatch(header)
    if parts is None or not secret:
        return False
    sent_at, given = parts.groups()
    same = hmac.compare_digest(_digest(secret, sent_at, body), given)
    return same and abs(now - int(sent_at)) <= TOLERANCE_SECONDS


def _digest(secret: str, sent_at: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
