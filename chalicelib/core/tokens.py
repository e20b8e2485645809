"""Proof that an access token was issued by our user pool, from public keys that are kept through outages."""

import functools
import threading
import time
from collections.abc import Mapping
from typing import Any

import jwt
import requests

from chalicelib.core import config, log
from chalicelib.core.errors import NotAuthenticatedError, UnavailableError

# AWS rotates a pool's keys rarely and announces no schedule; five minutes is PyJWKClient's own default.
_FRESH_SECONDS = 300
# Neither an unknown key id nor an outage makes us ask more often than this.
_BETWEEN_FETCHES_SECONDS = 10
_FETCH_TIMEOUT_SECONDS = 3
_CLOCK_SKEW_SECONDS = 5


def verify(token: str) -> Mapping[str, Any]:
    """The claims of a genuine, unexpired access token of our pool and client.

    Raises:
        NotAuthenticatedError: it is anything else.
        UnavailableError: the keys were never fetched and cannot be now.
    """
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != "RS256":
            raise NotAuthenticatedError
        key = _keys(config.get("JWKS_URL")).find(str(header.get("kid")))
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=_issuer(),
            leeway=_CLOCK_SKEW_SECONDS,
            # Access tokens carry client_id where others have aud.
            options={"require": ["exp", "iat", "iss", "sub", "token_use", "client_id"], "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAuthenticatedError from error
    if claims["token_use"] != "access" or claims["client_id"] != config.get("COGNITO_CLIENT_ID"):
        raise NotAuthenticatedError
    return claims


def _issuer() -> str:
    return f"https://cognito-idp.{config.region()}.amazonaws.com/{config.get('COGNITO_USER_POOL_ID')}"


class KeySet:
    """The public keys behind a URL. The last good ones serve for as long as no newer ones can be had."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = threading.Lock()

    def find(self, key_id: str) -> jwt.PyJWK:
        """The key of that id.

        Raises:
            NotAuthenticatedError: the pool has no such key.
            UnavailableError: no keys were ever fetched, and none can be now.
        """
        with self._lock:
            now = time.monotonic()
            wanted = key_id not in self._keys or now - self._fetched_at > _FRESH_SECONDS
            if wanted and now - self._tried_at > _BETWEEN_FETCHES_SECONDS:
                self._tried_at = now
                self._fetch(now)
            if not self._keys:
                raise UnavailableError
            if key_id not in self._keys:
                raise NotAuthenticatedError
            return self._keys[key_id]

    def _fetch(self, now: float) -> None:
        try:
            answer = requests.get(self._url, timeout=_FETCH_TIMEOUT_SECONDS)
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        except (requests.RequestException, jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            log.warning("SIGNING_KEYS_NOT_FETCHED", error, kept=len(self._keys))
            return
        self._keys = {str(key.key_id): key for key in keys}
        self._fetched_at = now


@functools.cache
def _keys(url: str) -> KeySet:
    return KeySet(url)
