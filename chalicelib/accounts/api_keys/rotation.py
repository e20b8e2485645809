"""A new secret for an API key, while the replaced ones still work for their grace.

A creation or rotation that is sent again under its Idempotency-Key cannot get the same secret: secrets are not stored,
and none can be derived from what is stored. It gets a new secret of the same key. The one of the first response is
replaced and keeps working for its grace, in case that response did arrive. The other secrets' grace does not change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.accounts.api_keys import secrets
from chalicelib.accounts.api_keys.models import KEYS, Anchor, ApiKey, ApiKeyNotFoundError, InGrace, read_anchor
from chalicelib.core import ids, log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import ConditionFailedError, transact
from chalicelib.core.errors import ConflictError, raises
from chalicelib.core.http.operations import Caller, Replay

DEFAULT_GRACE_SECONDS = 86_400
# The secret in use, the one of a lost response, and three more tries.
MAX_SECRETS = 5


class ChangedError(ConflictError):
    message = "The key has just been rotated or revoked."


class RotatedSinceError(ConflictError):
    message = "The key has been rotated since this request came first; ask for a new rotation."


class TooManySecretsError(ConflictError):
    """Five secrets of the key work already: rotate it with `graceSeconds` 0, or revoke it."""

    code = "TOO_MANY_SECRETS"


@dataclass(frozen=True)
class _Rotation:
    secret: str
    key: ApiKey
    grace_end: str

    def as_response(self, grace_end: str) -> dict[str, Any]:
        return {"keyId": self.key.key_id, "key": self.secret, "apiKey": self.key.shown(), "graceEnd": grace_end}


@required_env_vars(
    {
        "API_KEYS_TABLE": [
            DynamoDBOperation.GET_ITEM,
            DynamoDBOperation.PUT_ITEM,
            DynamoDBOperation.UPDATE_ITEM,
            DynamoDBOperation.DELETE_ITEM,
        ]
    }
)
@raises(ApiKeyNotFoundError, ChangedError, TooManySecretsError)
def rotate_key(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """Gives the key a new secret. The current one works for `graceSeconds` more, earlier ones until their grace ends.

    Raises:
        ApiKeyNotFoundError: the caller has no such key.
        ChangedError: another request rotated or revoked it meanwhile.
        TooManySecretsError: more than MAX_SECRETS secrets of the key would work.
    """
    rotation = _replace_secret(read_anchor(user.id, data["keyId"]), _grace(data))
    return rotation.as_response(rotation.grace_end)


@raises(ApiKeyNotFoundError, ChangedError, RotatedSinceError, TooManySecretsError)
def _issue_again(user: Caller, data: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The response to a creation or rotation that is sent again: the same key, a new secret.

    `graceEnd` is the one of the first response; after a creation, the one of the secret in that response.

    Raises:
        ApiKeyNotFoundError: the key was revoked since then.
        RotatedSinceError: another request has rotated it since then.
        ChangedError, TooManySecretsError: see `rotate_key`.
    """
    anchor = read_anchor(user.id, stored["keyId"])
    if anchor.issued != stored["issued"]:
        raise RotatedSinceError
    rotation = _replace_secret(anchor, _grace(data), issued=anchor.issued)
    return rotation.as_response(stored.get("graceEnd", rotation.grace_end))


def _without_secret(response: Mapping[str, Any]) -> dict[str, Any]:
    """What may be stored of a response: the hash of the secret, which the key's row has too."""
    grace_end = {"graceEnd": response["graceEnd"]} if "graceEnd" in response else {}
    return {"keyId": response["keyId"], "issued": secrets.hash_of(response["key"]), **grace_end}


REPLAY = Replay(stores=_without_secret, rebuild=_issue_again)


def _grace(data: Mapping[str, Any]) -> timedelta:
    return timedelta(seconds=data.get("graceSeconds", DEFAULT_GRACE_SECONDS))


def _replace_secret(anchor: Anchor, grace: timedelta, issued: str | None = None) -> _Rotation:
    """Replaces the current secret. `issued` is given if the request is sent again: see `Anchor`."""
    item = KEYS.get(anchor.current)
    if item is None:
        raise ChangedError
    now = datetime.now(UTC)
    grace_end = ids.timestamp(now + grace)
    key, secret = ApiKey.from_item(item), secrets.generate()
    fresh = replace(key, key_hash=secrets.hash_of(secret), last_used_at=None)
    replaced = [*anchor.in_grace, InGrace(key.key_hash, grace_end)]
    in_grace = tuple(each for each in replaced if each.grace_end > ids.timestamp(now))
    _refuse_too_many(in_grace)
    after = replace(anchor, current=fresh.key_hash, issued=issued or fresh.key_hash, in_grace=in_grace)
    ended = set(anchor.hashes) - set(after.hashes)
    writes = [
        KEYS.to_create(fresh.to_item()),
        KEYS.to_update(
            KEYS.key(anchor.name),
            after.to_change(),
            where={"current": anchor.current},
            remove=[] if after.in_grace else ["previous"],
        ),
        *(KEYS.to_delete(KEYS.key(key_hash)) for key_hash in sorted(ended)),
    ]
    if key.key_hash not in ended:
        where = {"keyHash": key.key_hash}
        writes.append(KEYS.to_update(KEYS.key(key.key_hash), {"graceEnd": grace_end}, where=where))
    try:
        transact(*writes)
    except ConditionFailedError:
        raise ChangedError from None
    log.info("KEY_ROTATED", userId=key.user_id, keyId=key.key_id)
    return _Rotation(secret, fresh, grace_end)


def _refuse_too_many(in_grace: tuple[InGrace, ...]) -> None:
    if len(in_grace) >= MAX_SECRETS:
        first = min(each.grace_end for each in in_grace)
        raise TooManySecretsError(
            f"{MAX_SECRETS} secrets of this key work; the first of them ends at {first}. "
            "Ask with graceSeconds 0 to end the present one at once, or revoke the key to end all."
        )
