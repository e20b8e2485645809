"""The caller behind an API key."""

import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.accounts.api_keys import secrets
from chalicelib.accounts.api_keys.models import KEYS, ApiKey
from chalicelib.accounts.models import find_user
from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Attr
from chalicelib.core.errors import NotAuthenticatedError
from chalicelib.core.http.operations import Caller

_LAST_USED_EVERY = timedelta(minutes=1)


@required_env_vars(
    {
        "API_KEYS_TABLE": [DynamoDBOperation.GET_ITEM, DynamoDBOperation.UPDATE_ITEM],
        "USERS_TABLE": [DynamoDBOperation.GET_ITEM],
    }
)
def authenticate(secret: str) -> Caller:
    """The caller behind a key.

    Raises:
        NotAuthenticatedError: there is no such key, or it has expired, was revoked, or its grace is over. A text that
            cannot be a secret is refused without a read.
    """
    if not secrets.is_well_formed(secret):
        raise NotAuthenticatedError
    key_hash = secrets.hash_of(secret)
    item = KEYS.get(key_hash)
    # The table also holds anchors, which are not keys.
    if item is None or not hmac.compare_digest(item["keyHash"], key_hash) or "accessTypes" not in item:
        raise NotAuthenticatedError
    key = ApiKey.from_item(item)
    user = find_user(key.user_id) if key.is_valid_at(ids.now()) else None
    if user is None:
        raise NotAuthenticatedError
    _write_last_use(key)
    return replace(user.as_caller(), api_key_id=key.key_id, access_types=key.access_types, key_limits=key.limits)


def _write_last_use(key: ApiKey) -> None:
    """Writes when the key was last used, at most once a minute. A failure is logged and not raised."""
    now = datetime.now(UTC)
    if key.last_used_at is not None and key.last_used_at > ids.timestamp(now - _LAST_USED_EVERY):
        return
    try:
        KEYS.update(key.key_hash, when=Attr("keyHash").exists(), change={"lastUsedAt": ids.timestamp(now)})
    except Exception as error:
        log.warning("KEY_USE_NOT_NOTED", error, keyId=key.key_id)
