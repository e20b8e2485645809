"""Verifies access tokens of our user pool, with public keys that are kept through outages.

PyJWT and cryptography are imported with the first token: every function imports app.py, but only the API gets tokens.
"""

from __future__ import annotations

import base64
import contextvars
import functools
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chalicelib.core import config, log
from chalicelib.core.errors import DarkroomError, NotAuthenticatedError, UnavailableError
from chalicelib.core.http import payload
from chalicelib.core.settings import Settings

if TYPE_CHECKING:
    import jwt

# Takes a URL, a timeout in seconds and a size in bytes. Returns the body at the URL; raises if there is none.
Fetch = Callable[[str, float, int], bytes]

# Cognito's access tokens have 1 to 2 KB. API Gateway accepts 10,240 bytes of headers in all (its quotas page).
MAX_TOKEN_BYTES = 8192
# The compact form (RFC 7515, section 7.1) without padding or white space.
_COMPACT_FORM = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}")
# Cognito's key ids are base64.
_KEY_ID = re.compile(r"[A-Za-z0-9+/=_-]{1,128}")
# An access token is valid for a day at most (Cognito, "Quotas").
_MAX_LIFETIME_SECONDS = 86_400
_CLOCK_SKEW_SECONDS = 5
_TEXT_CLAIMS = ("iss", "sub", "token_use", "client_id", "username")
_MAX_SUBJECT_CHARACTERS = 100

_CACHED_TOKENS = 1024

# The default of PyJWKClient. AWS rotates a pool's keys rarely and announces no schedule.
_FRESH_SECONDS = 300
# The least time between two fetches, during an outage and for unknown key ids too.
_FETCH_INTERVAL_SECONDS = 10
_FETCH_TIMEOUT_SECONDS = 3
# How long a request with a stale key waits for a newer one. A fetch usually takes a tenth of that.
_STALE_WAIT_SECONDS = 0.5
# A pool's key set has about 1 KB.
_MAX_KEY_SET_BYTES = 64 * 1024
_MIN_KEY_BITS = 2048


def _fetch_nothing(url: str, seconds: float, max_bytes: int) -> bytes:
    raise RuntimeError("setup_tokens() was not called")


@dataclass
class _Setup:
    fetch: Fetch = _fetch_nothing


_setup = _Setup()


def setup_tokens(fetch: Fetch) -> None:
    """Sets how key sets are fetched. Their URL is our own setting, so `fetch` must accept private addresses for it."""
    _setup.fetch = fetch


def verify(token: str) -> Mapping[str, Any]:
    """The claims of a valid access token of our user pool and of one of our clients.

    `sub` (100 characters at most) and `username` are strings, `iat` and `exp` are integers in epoch seconds.

    Raises:
        NotAuthenticatedError: the token is not valid.
        UnavailableError: its key is not known, and the pool's keys cannot be fetched now.
    """
    key = _key_set(Settings.JWKS_URL.get(), _setup.fetch).find(_key_id(token))
    claims = _verified_claims(token, key, _issuer(), _client_ids())
    # The claims may come from the cache.
    if claims["exp"] <= time.time() - _CLOCK_SKEW_SECONDS:
        raise NotAuthenticatedError
    return claims


# Clients send the same token with each request. Fetched keys are new objects: a withdrawn key finds no cached claims.
@functools.lru_cache(maxsize=_CACHED_TOKENS)
def _verified_claims(token: str, key: jwt.PyJWK, issuer: str, client_ids: frozenset[str]) -> Mapping[str, Any]:
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=issuer,
            leeway=_CLOCK_SKEW_SECONDS,
            # Access tokens of Cognito have client_id instead of aud.
            options={"require": ["exp", "iat", *_TEXT_CLAIMS], "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise NotAuthenticatedError from error
    if not (_is_well_typed(claims) and _is_for_us(claims, client_ids)):
        raise NotAuthenticatedError
    return MappingProxyType(claims)


@functools.lru_cache(maxsize=_CACHED_TOKENS)
def _key_id(token: str) -> str:
    """The key id in a token's header; checks the token's form. Other key sources (jku, x5u, jwk, x5c) are ignored."""
    if len(token) > MAX_TOKEN_BYTES or not _COMPACT_FORM.fullmatch(token):
        raise NotAuthenticatedError
    try:
        header, claims = (_parse_part(part) for part in token.split(".")[:2])
    except (DarkroomError, ValueError) as error:
        raise NotAuthenticatedError from error
    # We support no extension, so we must refuse critical ones (RFC 7515, section 4.1.11).
    if not isinstance(claims, dict) or not isinstance(header, dict) or not header.keys().isdisjoint({"crit", "b64"}):
        raise NotAuthenticatedError
    if header.get("alg") != "RS256" or not _is_key_id(header.get("kid")):
        raise NotAuthenticatedError
    return str(header["kid"])


def _parse_part(part: str) -> Any:
    return payload.parse(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _is_key_id(value: Any) -> bool:
    return isinstance(value, str) and _KEY_ID.fullmatch(value) is not None


def _is_well_typed(claims: Mapping[str, Any]) -> bool:
    """Whether the claims have the right types. PyJWT accepts "5", 5.5 and true as times too."""
    times = [claims[name] for name in ("exp", "iat", "nbf") if name in claims]
    return all(type(each) is int for each in times) and all(isinstance(claims[name], str) for name in _TEXT_CLAIMS)


def _is_for_us(claims: Mapping[str, Any], client_ids: frozenset[str]) -> bool:
    return (
        claims["token_use"] == "access"
        and claims["client_id"] in client_ids
        and 0 < len(claims["sub"]) <= _MAX_SUBJECT_CHARACTERS
        and claims["exp"] - claims["iat"] <= _MAX_LIFETIME_SECONDS
    )


def _client_ids() -> frozenset[str]:
    """The user pool's client, and the stage's former one, whose tokens may still be valid."""
    return frozenset({Settings.COGNITO_CLIENT_ID.get(), Settings.COGNITO_FORMER_CLIENT_ID.get()} - {""})


def _issuer() -> str:
    return f"https://cognito-idp.{config.region()}.amazonaws.com/{Settings.COGNITO_USER_POOL_ID.get()}"


# --------------------------------------------------------------------- the keys


class KeySet:
    """The public keys at a URL. During an outage the last fetched keys stay in use.

    Keys are fetched in a thread, so that requests with a known key do not wait for a slow fetch. Only RSA keys for
    signatures with 2048 bits or more are used; a key set without one counts as a failed fetch.
    """

    def __init__(
        self,
        url: str,
        fetch: Fetch,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = _FETCH_TIMEOUT_SECONDS,
    ) -> None:
        """`timeout` bounds one fetch, in seconds."""
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._timeout = timeout
        self._keys: Mapping[str, jwt.PyJWK] = {}
        # The start of the fetch that these keys came from, and of the last fetch.
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._refresh_thread: threading.Thread | None = None
        # Never held during a fetch.
        self._lock = threading.Lock()

    def find(self, key_id: str) -> jwt.PyJWK:
        """The key with that id.

        Raises:
            NotAuthenticatedError: the pool has no such key, or had none ten seconds ago.
            UnavailableError: no such key is known, and the last fetch failed.
        """
        is_known = key_id in self._keys
        refresh = self._refresh_to_await(key_id)
        if refresh is not None:
            refresh.join(min(_STALE_WAIT_SECONDS, self._timeout) if is_known else self._timeout)
        with self._lock:
            key = self._keys.get(key_id)
            is_outage = self._fetched_at < self._tried_at
        if key is None:
            raise UnavailableError if is_outage else NotAuthenticatedError
        return key

    def _refresh_to_await(self, key_id: str) -> threading.Thread | None:
        """The fetch to wait for: a new one if one is due, else the last one if the key is not known."""
        with self._lock:
            now = self._clock()
            if key_id in self._keys and now - self._fetched_at <= _FRESH_SECONDS:
                return None
            if now - self._tried_at >= _FETCH_INTERVAL_SECONDS:
                # The thread logs with the ids of the request that started it.
                task = functools.partial(contextvars.copy_context().run, self._refresh, now)
                self._refresh_thread = threading.Thread(target=task, name="signing keys", daemon=True)
                self._tried_at = now
                self._refresh_thread.start()
                return self._refresh_thread
            return None if key_id in self._keys else self._refresh_thread

    def _refresh(self, started_at: float) -> None:
        try:
            keys = _usable_keys(payload.parse(self._fetch(self._url, self._timeout, _MAX_KEY_SET_BYTES)))
            if not keys:
                raise ValueError("the key set has no usable key")
        except Exception as error:
            # Whatever failed, the keys that we have stay valid.
            log.warning("SIGNING_KEYS_NOT_FETCHED", error, kept=len(self._keys))
            return
        with self._lock:
            # A slow fetch may end after a later one.
            if started_at > self._fetched_at:
                self._keys, self._fetched_at = keys, started_at


def _usable_keys(key_set: Any) -> dict[str, jwt.PyJWK]:
    """The keys by id, without those that are invalid or have another purpose."""
    keys = (_parse_key(jwk) for jwk in key_set["keys"])
    return {str(key.key_id): key for key in keys if key is not None}


def _parse_key(jwk: Any) -> jwt.PyJWK | None:
    import jwt
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not isinstance(jwk, dict) or not _is_key_id(jwk.get("kid")):
        return None
    if (jwk.get("kty"), jwk.get("use", "sig"), jwk.get("alg", "RS256")) != ("RSA", "sig", "RS256"):
        return None
    try:
        key = jwt.PyJWK(jwk, algorithm="RS256")
    except Exception as error:
        # The other keys are still usable.
        log.warning("SIGNING_KEY_BROKEN", error, keyId=jwk["kid"])
        return None
    is_strong = isinstance(key.key, RSAPublicKey) and key.key.key_size >= _MIN_KEY_BITS
    return key if is_strong else None


@functools.cache
def _key_set(url: str, fetch: Fetch) -> KeySet:
    return KeySet(url, fetch)
