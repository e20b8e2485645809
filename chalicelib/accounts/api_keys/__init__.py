"""API keys: issued, listed, rotated with grace, revoked; and the caller behind one. Owns API_KEYS_TABLE.

A key's secret is shown once. What is stored is an item under its SHA-256 that holds all a request needs, so that one
consistent read decides; and an anchor under "userId#keyId" that names the hashes, so that a rotation or a revocation
reaches all of them, in one transaction and with the next request.
"""

from chalicelib.accounts.api_keys.authentication import authenticate
from chalicelib.accounts.api_keys.models import MAX_KEYS, ApiKey, current_keys
from chalicelib.accounts.api_keys.rotation import MAX_SECRETS, REPLAY, rotate
from chalicelib.accounts.api_keys.schemas import CREATE, ISSUED, ONE, PAGE, ROTATE
from chalicelib.accounts.api_keys.secret import PREFIX
from chalicelib.accounts.api_keys.service import create, erase_all, listed, revoke

__all__ = [
    "CREATE",
    "ISSUED",
    "MAX_KEYS",
    "MAX_SECRETS",
    "ONE",
    "PAGE",
    "PREFIX",
    "REPLAY",
    "ROTATE",
    "ApiKey",
    "authenticate",
    "create",
    "current_keys",
    "erase_all",
    "listed",
    "revoke",
    "rotate",
]
