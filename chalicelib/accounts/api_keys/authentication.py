"""The caller behind an API key."""

import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.accounts import users
from chalicelib.accounts.api_keys import secret as secrets
from chalicelib.accounts.api_keys.models import KEYS, ApiKey
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
        NotAuthenticatedError: no such key, or it has expired, was revoked, or was rotated too long ago. What cannot
            be a key of ours is refused unread.
    """
    if not secrets.is_well_formed(secret):
        raise NotAuthenticatedError
    key_hash = secrets.hashed(secret)
    item = KEYS.get(key_hash)
    # An anchor is no key, although it stands in the same table.
    if item is None or not hmac.compare_digest(item["keyHash"], key_hash) or "accessTypes" not in item:
        raise NotAuthenticatedError
    key = ApiKey.from_item(item)
    user = users.find(key.user_id) if key.is_good(ids.now()) else None
    if user is None:
        raise NotAuthenticatedError
    caller = user.as_caller()
    _note_use(key)
    return replace(caller, api_key_id=key.key_id, access_types=key.access_types, key_limits=key.limits)


def _note_use(key: ApiKey) -> None:
    """Writes when the key was last used, at most once a minute. A failure is logged and not raised."""
    now = datetime.now(UTC)
    if key.last_used_at is not None and key.last_used_at > ids.timestamp(now - _LAST_USED_EVERY):
        return
    try:
        KEYS.update(key.key_hash, when=Attr("keyHash").exists(), change={"lastUsedAt": ids.timestamp(now)})
    except Exception as error:
        log.warning("KEY_USE_NOT_NOTED", error, keyId=key.key_id)
