"""Signatures of messages that we send and receive: when one was sent, by whom, and about what."""

import hashlib
import hmac
import re

HEADER = "X-Darkroom-Signature"
# How old a signed message may be, or how far ahead a clock; it limits how long a recorded message can be replayed.
TOLERANCE_SECONDS = 300
# v1 signs the time and the body; v2 also what the message is about, which stands in its URL.
_FORM = re.compile(r"t=([0-9]{1,12}),(v1|v2)=([0-9a-f]{64})")


def sign(secret: str, sent_at: int, body: bytes) -> str:
    """`t=<epoch seconds>,v1=<hex HMAC-SHA256 of "t.body">`: the receiver computes it again with their secret."""
    return f"t={sent_at},v1={_digest(secret, f'{sent_at}.', body)}"


def sign_about(secret: str, sent_at: int, about: str, body: bytes) -> str:
    """`t=<epoch seconds>,v2=<hex HMAC-SHA256 of "t.about.body">`: the body cannot be reused for another subject."""
    return f"t={sent_at},v2={_digest(secret, f'{sent_at}.{about}.', body)}"


def verify(secret: str, header: str, body: bytes, now: float) -> bool:
    """Whether `sign` made the header for this body and secret, within five minutes of `now` (epoch seconds).

    An empty secret verifies nothing.
    """
    return _is_valid(secret, header, "v1", "", body, now)


def verify_about(secret: str, header: str, about: str, body: bytes, now: float) -> bool:
    """As `verify`, for `sign_about`."""
    return _is_valid(secret, header, "v2", f"{about}.", body, now)


def _is_valid(secret: str, header: str, version: str, before: str, body: bytes, now: float) -> bool:
    parts = _FORM.fullmatch(header)
    if parts is None or parts[2] != version or not secret:
        return False
    sent_at, digest = parts[1], parts[3]
    same = hmac.compare_digest(_digest(secret, f"{sent_at}.{before}", body), digest)
    return same and abs(now - int(sent_at)) <= TOLERANCE_SECONDS


def _digest(secret: str, before: str, body: bytes) -> str:
    return hmac.new(secret.encode(), before.encode() + body, hashlib.sha256).hexdigest()
