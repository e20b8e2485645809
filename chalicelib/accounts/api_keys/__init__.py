"""API keys: creation, list, rotation with grace, revocation, and the caller behind a key. Owns API_KEYS_TABLE.

A key's secret is shown once. One row under its SHA-256 holds all that a request needs, so one consistent read decides.
An anchor row under "userId#keyId" names the hashes of all the key's secrets, so a rotation or a revocation reaches all
of them in one transaction, and applies to the next request.
"""

from chalicelib.accounts.api_keys.authentication import authenticate
from chalicelib.accounts.api_keys.models import MAX_KEYS, ApiKey, current_keys
from chalicelib.accounts.api_keys.rotation import REPLAY, rotate_key
from chalicelib.accounts.api_keys.schemas import CREATE, ISSUED, ONE, PAGE, ROTATE
from chalicelib.accounts.api_keys.secrets import PREFIX
from chalicelib.accounts.api_keys.service import create_key, erase_all, list_keys, revoke_key
