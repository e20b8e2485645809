"""Cognito's user pools: their identities, so that tokens stay valid, their users, their tokens and open sign-ins."""

import base64
import json
import time
from collections.abc import Collection, Mapping
from typing import Any

from moto.cognitoidp.models import CognitoIdpUser, UserStatus, cognitoidp_backends

from local.aws import ACCOUNT, REGION
from local.moto_patches.cognito_identities import IDENTITIES
from local.moto_patches.cognito_mfa import Issued
from local.state.part import Documents, Kept

IDENTITIES_KIND = "identities"
_USERS, _SIGN_INS = "users", "sign-ins"
_TOKENS = ("access_tokens", "id_tokens", "refresh_tokens")
_ATTRIBUTES = (
    *("id", "username", "password", "enabled", "attributes", "attribute_lookup", "sms_mfa_enabled"),
    *("software_token_mfa_enabled", "token_verified", "confirmation_code", "preferred_mfa_setting"),
    *("create_date", "last_modified_date"),
)
# What local/moto_patches/cognito_mfa.py adds to a user with an authenticator.
_OF_AUTHENTICATOR = ("secret", "new_secret", "last_step")


class UserPools:
    """A document for each user, token and open sign-in. A pool is named by its name, because its id is kept too."""

    service = "cognito-idp"
    kinds: tuple[str, ...] = (IDENTITIES_KIND, _USERS, _SIGN_INS, *_TOKENS)
    is_whole = True

    def restore(self, documents: Mapping[str, Documents]) -> None:
        """Put all back, but tokens that have expired."""
        backend = cognitoidp_backends[ACCOUNT][REGION]
        pools = {pool.name: pool for pool in backend.user_pools.values()}
        now = time.time()

        for kind in (_USERS, _SIGN_INS, *_TOKENS):
            for name, document in documents[kind].items():
                pool_name, key = json.loads(name)
                if pool_name not in pools:
                    continue
                if kind == _USERS:
                    _restore_user(pools[pool_name], document)
                elif kind == _SIGN_INS:
                    _restore_sign_in(pools[pool_name], key, document)
                elif kind == "refresh_tokens" or _expires_at(key) > now:
                    getattr(pools[pool_name], kind)[key] = None if document is None else tuple(document)

    def changed(self, names: Collection[Any]) -> Kept:
        """Everything."""
        backend = cognitoidp_backends[ACCOUNT][REGION]
        kept: Kept = {kind: {} for kind in self.kinds}
        for pool in backend.user_pools.values():
            kept[IDENTITIES_KIND][json.dumps([pool.name, None])] = {"id": pool.id, "secret": None}
            for client in pool.clients.values():
                name = json.dumps([pool.name, client.extended_config.get("ClientName")])
                kept[IDENTITIES_KIND][name] = {"id": client.id, "secret": client.secret}
            kept[_USERS] |= {json.dumps([pool.name, user.id]): _user(user) for user in pool.users.values()}
            for kind in _TOKENS:
                kept[kind] |= {json.dumps([pool.name, token]): each for token, each in getattr(pool, kind).items()}
        issued = backend.__dict__.get("issued_sessions", {})
        for session, (username, pool) in backend.sessions.items():
            if session in issued:
                kept[_SIGN_INS][json.dumps([pool.name, session])] = [username, *issued[session]]
        return kept


def take_identities(documents: Documents) -> None:
    """Let pools and clients be made with the ids and secrets that they had."""
    IDENTITIES.clear()
    for name, document in documents.items():
        pool_name, client_name = json.loads(name)
        IDENTITIES[pool_name, client_name] = (document["id"], document["secret"])


def _user(user: Any) -> dict[str, Any]:
    names = [*_ATTRIBUTES, *(name for name in _OF_AUTHENTICATOR if hasattr(user, name))]
    return {name: getattr(user, name) for name in names} | {"status": str(UserStatus(user.status).value)}


def _restore_user(pool: Any, document: Mapping[str, Any]) -> None:
    status = UserStatus(document["status"])
    user = CognitoIdpUser(pool.id, document["username"], document["password"], status, document["attributes"])
    user.__dict__ |= {name: document[name] for name in (*_ATTRIBUTES, *_OF_AUTHENTICATOR) if name in document}
    pool.users[user.username] = user


def _restore_sign_in(pool: Any, session: str, document: list[Any]) -> None:
    username, challenge, at = document
    pool.backend.sessions[session] = (username, pool)
    pool.backend.__dict__.setdefault("issued_sessions", {})[session] = Issued(challenge, at)


def _expires_at(token: str) -> float:
    claims = token.split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
