"""A new secret for an API key, while those before it work on for a while.

A rotation or a creation that is sent again under its Idempotency-Key cannot be given its secret once more: a secret is
never stored, and none is derived from what is stored, or who reads our tables could make it. So it gets a fresh
secret of the same key, in place of the one whose answer was lost. That one works on for its grace, in case
its answer did arrive, and the grace of every other secret stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.accounts.api_keys import secret as secrets
from chalicelib.accounts.api_keys.models import KEYS, Anchor, ApiKey, InGrace, own_anchor
from chalicelib.core import ids, log
from chalicelib.core.aws.tables import ConditionFailedError, transact
from chalicelib.core.errors import ConflictError
from chalicelib.core.http.operations import Caller, Replay

DEFAULT_GRACE_SECONDS = 86_400
# The deployed secret, the one of an answer that was lost, and three more tries to get it.
MAX_SECRETS = 5


class ChangedError(ConflictError):
    message = "The key has just been rotated or revoked."


class RotatedSinceError(ConflictError):
    message = "The key has been rotated since this request came first; ask for a new rotation."


class TooManySecretsError(ConflictError):
    code = "TOO_MANY_SECRETS"


@dataclass(frozen=True)
class _Rotated:
    secret: str
    key: ApiKey
    grace_end: str

    def answer(self, grace_end: str) -> dict[str, Any]:
        return {"keyId": self.key.key_id, "key": self.secret, "apiKey": self.key.shown(), "graceEnd": grace_end}


def rotate(user: Caller, data: Mapping[str, Any]) -> dict[str, Any]:
    """A new secret for the key; the present one works on for `graceSeconds`, and earlier ones until their grace ends.

    Raises:
        ApiKeyNotFoundError: the caller has no such key.
        ChangedError: it was rotated or revoked meanwhile.
        TooManySecretsError: MAX_SECRETS of its secrets would work.
    """
    rotated = _rotated(own_anchor(user.id, data["keyId"]), _grace(data))
    return rotated.answer(rotated.grace_end)


def _issued_again(user: Caller, data: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a creation or a rotation that is sent again: its id, and a fresh secret.

    `graceEnd` stays that of the secret which the rotation replaced. Of a creation, it is that of its first answer's.

    Raises:
        ApiKeyNotFoundError: the key was revoked since.
        RotatedSinceError: another request has rotated it since.
        ChangedError, TooManySecretsError: as `rotate`.
    """
    anchor = own_anchor(user.id, kept["keyId"])
    if anchor.issued != kept["issued"]:
        raise RotatedSinceError
    rotated = _rotated(anchor, _grace(data), issued=anchor.issued)
    return rotated.answer(kept.get("graceEnd", rotated.grace_end))


def _kept(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Of the answer, what may be stored: of the secret its hash, as in the key's own row."""
    grace_end = {"graceEnd": answer["graceEnd"]} if "graceEnd" in answer else {}
    return {"keyId": answer["keyId"], "issued": secrets.hashed(answer["key"]), **grace_end}


REPLAY = Replay(stores=_kept, rebuild=_issued_again)


def _grace(data: Mapping[str, Any]) -> timedelta:
    return timedelta(seconds=data.get("graceSeconds", DEFAULT_GRACE_SECONDS))


def _rotated(anchor: Anchor, grace: timedelta, issued: str | None = None) -> _Rotated:
    """Replaces the current secret. `issued` is of the first answer, where the request is sent again."""
    item = KEYS.get(anchor.current)
    if item is None:
        raise ChangedError
    now = datetime.now(UTC)
    grace_end = ids.timestamp(now + grace)
    key, secret = ApiKey.from_item(item), secrets.new()
    fresh = replace(key, key_hash=secrets.hashed(secret), last_used_at=None)
    before = [*anchor.in_grace, InGrace(key.key_hash, grace_end)]
    in_grace = tuple(each for each in before if each.grace_end > ids.timestamp(now))
    _refuse_too_many(in_grace)
    after = replace(anchor, current=fresh.key_hash, issued=issued or fresh.key_hash, in_grace=in_grace)
    ended = set(anchor.hashes) - set(after.hashes)
    gone = [] if after.in_grace else ["previous"]
    writes = [
        KEYS.to_create(fresh.to_item()),
        KEYS.to_update(KEYS.key(anchor.name), after.change(), where={"current": anchor.current}, remove=gone),
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
    return _Rotated(secret, fresh, grace_end)


def _refuse_too_many(in_grace: tuple[InGrace, ...]) -> None:
    if len(in_grace) >= MAX_SECRETS:
        first = min(each.grace_end for each in in_grace)
        raise TooManySecretsError(
            f"{MAX_SECRETS} secrets of this key work; the first of them ends at {first}. "
            "Ask with graceSeconds 0 to end the present one at once, or revoke the key to end all."
        )
