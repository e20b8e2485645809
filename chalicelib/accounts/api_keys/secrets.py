"""The secret of a key: generation, form and hash. Only the hash is stored."""

import base64
import hashlib
import re
import secrets
import zlib

PREFIX = "drk_"
# 256 bits are 43 characters in base 64. A checksum of six follows: it refuses junk without a read of the table, and
# scanners for leaked keys find no false ones.
_SECRET_BYTES = 32
_SECRET_FORM = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}[A-Za-z0-9_-]{6}")


def generate() -> str:
    start = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    return start + _checksum(start)


def is_well_formed(secret: str) -> bool:
    return _SECRET_FORM.fullmatch(secret) is not None and _checksum(secret[:-6]) == secret[-6:]


def hash_of(secret: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(start: str) -> str:
    """CRC-32 of the text before it, in base 64: six characters."""
    return base64.urlsafe_b64encode(zlib.crc32(start.encode()).to_bytes(4, "big")).decode().rstrip("=")
