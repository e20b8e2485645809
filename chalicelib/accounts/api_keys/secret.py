"""A key's secret: made, told from junk, and hashed, which is all that is ever stored of it."""

import base64
import hashlib
import re
import secrets
import zlib

PREFIX = "drk_"
# 256 bits: what SHA-256 can hold, and more than anyone can guess. In base 64 they have 43 characters; a checksum of
# six follows, so that junk is told apart without a look at the table, and scanners for leaked keys see no others.
_SECRET_BYTES = 32
_SECRET_FORM = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}")


def new() -> str:
    start = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    return start + _checksum(start)


def is_well_formed(secret: str) -> bool:
    return _SECRET_FORM.fullmatch(secret) is not None and _checksum(secret[:-6]) == secret[-6:]


def hashed(secret: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(start: str) -> str:
    """CRC-32 of all that stands before it, in base 64: six characters."""
    return base64.urlsafe_b64encode(zlib.crc32(start.encode()).to_bytes(4, "big")).decode().rstrip("=")
