"""The codes of authenticator apps (RFC 6238: SHA-1, steps of 30 seconds)."""

import base64
import hmac

STEP_SECONDS = 30


def code_at(secret: str, step: int, digits: int = 6) -> str:
    """The code of a time step (seconds since the epoch, divided by STEP_SECONDS). `secret` is in base32."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    # RFC 4226, section 5.3.
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}}"


def step_of(moment: float) -> int:
    """The time step that holds a moment (seconds since the epoch)."""
    return int(moment // STEP_SECONDS)
