"""Proof that an access token was issued by our user pool, from public keys that are kept through outages.

PyJWT, cryptography and requests are imported with the first token: every function imports app.py, and only the API
ever sees one.
"""

from __future__ import annotations

import base64
import contextvars
import functools
import re
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chalicelib.core import config, log
from chalicelib.core.errors import DarkroomError, NotAuthenticatedError, UnavailableError
from chalicelib.core.http import payload

if TYPE_CHECKING:
    import jwt
    import requests

# Cognito's access tokens have 1 to 2 KB, and API Gateway takes 10,240 bytes of headers in all (its quotas page).
MAX_TOKEN_BYTES = 8192
# The compact form alone (RFC 7515, section 7.1): no padding, no white space, nothing but ASCII.
_FORM = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}")
# Cognito's key ids are base 64.
_KEY_ID = re.compile(r"[A-Za-z0-9+/=_-]{1,128}")
# A user pool's access tokens live five minutes at least and a day at most (Cognito, "Quotas").
_LONGEST_LIFE_SECONDS = 86_400
_CLOCK_SKEW_SECONDS = 5
_TEXTS = ("iss", "sub", "token_use", "client_id", "username")
_MAX_SUBJECT = 100

# Of the tokens seen last.
_PROOFS_KEPT = 1024

# AWS rotates a pool's keys rarely and announces no schedule; five minutes is PyJWKClient's own default.
_FRESH_SECONDS = 300
# Neither an unknown key id nor an outage makes us ask more often than this.
_BETWEEN_FETCHES_SECONDS = 10
_FETCH_TIMEOUT_SECONDS = 3
# How long the one request that finds its key stale waits for a newer one: an answer usually takes a tenth of that.
_PATIENCE_SECONDS = 0.5
# A pool's answer has 1 KB, for its two keys.
_MAX_KEYS_BYTES = 64 * 1024
_MIN_KEY_BITS = 2048


def verify(token: str) -> Mapping[str, Any]:
    """The claims of a genuine, unexpired access token of our pool and of a client of ours.

    `sub` (of 100 characters at most) and `username` are texts, `iat` and `exp` are whole epoch seconds.

    Raises:
        NotAuthenticatedError: it is anything else.
        UnavailableError: its key is not known, and the pool's keys cannot be fetched now.
    """
    key = _keys(config.get("JWKS_URL")).find(_key_id(token))
    claims = _proven(token, key, _issuer(), _clients())
    # It was good when it was proven.
    if claims["exp"] <= time.time() - _CLOCK_SKEW_SECONDS:
        raise NotAuthenticatedError
    return claims


# A client sends the same token with each request for an hour; its signature does not change meanwhile. Keys that are
# fetched anew are other objects, so that nothing is taken for proven by a key that the pool has withdrawn.
@functools.lru_cache(maxsize=_PROOFS_KEPT)
def _proven(token: str, key: jwt.PyJWK, issuer: str, clients: frozenset[str]) -> Mapping[str, Any]:
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=issuer,
            leeway=_CLOCK_SKEW_SECONDS,
            # Access tokens carry client_id where others have aud.
            options={"require": ["exp", "iat", *_TEXTS], "verify_aud": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise NotAuthenticatedError from error
    if not (_is_well_typed(claims) and _is_for_us(claims, clients)):
        raise NotAuthenticatedError
    return MappingProxyType(claims)


@functools.lru_cache(maxsize=_PROOFS_KEPT)
def _key_id(token: str) -> str:
    """The key that a token of the right form names: strict JSON in its first two parts, RS256, and an id like ours.

    All else that a header may say (jku, x5u, jwk, x5c) is never read.
    """
    if len(token) > MAX_TOKEN_BYTES or not _FORM.fullmatch(token):
        raise NotAuthenticatedError
    try:
        header, claims = (_parsed(part) for part in token.split(".")[:2])
    except (DarkroomError, ValueError) as error:
        raise NotAuthenticatedError from error
    # What is critical would have to be understood, and we understand no extension (RFC 7515, section 4.1.11).
    if not isinstance(claims, dict) or not isinstance(header, dict) or not header.keys().isdisjoint({"crit", "b64"}):
        raise NotAuthenticatedError
    if header.get("alg") != "RS256" or not _is_key_id(header.get("kid")):
        raise NotAuthenticatedError
    return str(header["kid"])


def _parsed(part: str) -> Any:
    return payload.parse(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _is_key_id(value: Any) -> bool:
    return isinstance(value, str) and _KEY_ID.fullmatch(value) is not None


def _is_well_typed(claims: Mapping[str, Any]) -> bool:
    """Whether the claims have their own types; PyJWT takes "5", 5.5 and true for moments as well."""
    moments = [claims[name] for name in ("exp", "iat", "nbf") if name in claims]
    return all(type(moment) is int for moment in moments) and all(isinstance(claims[name], str) for name in _TEXTS)


def _is_for_us(claims: Mapping[str, Any], clients: frozenset[str]) -> bool:
    return (
        claims["token_use"] == "access"
        and claims["client_id"] in clients
        and 0 < len(claims["sub"]) <= _MAX_SUBJECT
        and claims["exp"] - claims["iat"] <= _LONGEST_LIFE_SECONDS
    )


def _clients() -> frozenset[str]:
    """The user pool's client, and the one that the stage had before, while its tokens are still good."""
    return frozenset({config.get("COGNITO_CLIENT_ID"), config.get("COGNITO_FORMER_CLIENT_ID")} - {""})


def _issuer() -> str:
    return f"https://cognito-idp.{config.region()}.amazonaws.com/{config.get('COGNITO_USER_POOL_ID')}"


# --------------------------------------------------------------------- the keys


class KeySet:
    """The public keys behind a URL. The last good ones serve for as long as no newer ones can be had.

    A fetch runs in a thread of its own, so that nobody need wait for one that hangs; it is one answer of 64 KB at
    most, from that very URL (no redirect, no proxy of the environment). RSA keys for signatures are taken, of 2048
    bits or more; an answer without any such key counts as none.
    """

    def __init__(
        self, url: str, clock: Callable[[], float] = time.monotonic, timeout: float = _FETCH_TIMEOUT_SECONDS
    ) -> None:
        """`clock` gives seconds from any origin; `timeout` is what a fetch may take, in seconds."""
        self._url = url
        self._clock = clock
        self._timeout = timeout
        self._keys: Mapping[str, jwt.PyJWK] = {}
        # When the attempt began that brought these keys, and when the last one did.
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._attempt: threading.Thread | None = None
        # Never held during a fetch.
        self._lock = threading.Lock()

    def find(self, key_id: str) -> jwt.PyJWK:
        """The key of that id.

        Raises:
            NotAuthenticatedError: the pool has no such key, or had none ten seconds ago.
            UnavailableError: no such key is known, and the last attempt to fetch keys has brought none.
        """
        is_known = key_id in self._keys
        attempt = self._refreshing(key_id)
        if attempt is not None:
            attempt.join(min(_PATIENCE_SECONDS, self._timeout) if is_known else self._timeout)
        with self._lock:
            key = self._keys.get(key_id)
            is_out = self._fetched_at < self._tried_at
        if key is None:
            raise UnavailableError if is_out else NotAuthenticatedError
        return key

    def _refreshing(self, key_id: str) -> threading.Thread | None:
        """The attempt to wait for: a new one where one is due, the last one where the key is not known."""
        with self._lock:
            now = self._clock()
            if key_id in self._keys and now - self._fetched_at <= _FRESH_SECONDS:
                return None
            if now - self._tried_at >= _BETWEEN_FETCHES_SECONDS:
                # The thread's log lines belong to the request that began it.
                task = functools.partial(contextvars.copy_context().run, self._refresh, now)
                self._attempt = threading.Thread(target=task, name="signing keys", daemon=True)
                self._tried_at = now
                self._attempt.start()
                return self._attempt
            return None if key_id in self._keys else self._attempt

    def _refresh(self, began: float) -> None:
        try:
            keys = _usable(_fetched(self._url, self._timeout))
            if not keys:
                raise ValueError("the answer holds no key that we can use")
        except Exception as error:
            # Whatever is wrong with the answer, the keys at hand are no worse for it.
            log.warning("SIGNING_KEYS_NOT_FETCHED", error, kept=len(self._keys))
            return
        with self._lock:
            # An attempt that hung may end after a later one.
            if began > self._fetched_at:
                self._keys, self._fetched_at = keys, began


def _fetched(url: str, timeout: float) -> Any:
    """What stands at the URL, as JSON."""
    import requests

    deadline = time.monotonic() + timeout
    with requests.Session() as session:
        session.trust_env = False
        headers = {"User-Agent": f"Darkroom/{config.VERSION}", "Accept-Encoding": "identity"}
        with session.get(url, headers=headers, timeout=timeout, allow_redirects=False, stream=True) as answer:
            if answer.status_code != 200:
                raise ValueError(f"the answer's status is {answer.status_code}")
            return payload.parse(_read(answer, deadline))


def _read(answer: requests.Response, deadline: float) -> bytes:
    read = bytearray()
    # As it comes, so that neither drops nor a bomb of compressed bytes can pass the bounds.
    while part := answer.raw.read1(_MAX_KEYS_BYTES, decode_content=False):
        read += part
        if len(read) > _MAX_KEYS_BYTES:
            raise ValueError("the answer is too large")
        if time.monotonic() > deadline:
            raise ValueError("the answer took too long")
    return bytes(read)


def _usable(answer: Any) -> dict[str, jwt.PyJWK]:
    """The keys by id, without those that are broken or for something else."""
    found = (_key(shown) for shown in answer["keys"])
    return {str(key.key_id): key for key in found if key is not None}


def _key(shown: Any) -> jwt.PyJWK | None:
    import jwt
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not isinstance(shown, dict) or not _is_key_id(shown.get("kid")):
        return None
    if (shown.get("kty"), shown.get("use", "sig"), shown.get("alg", "RS256")) != ("RSA", "sig", "RS256"):
        return None
    try:
        key = jwt.PyJWK(shown, algorithm="RS256")
    except Exception as error:
        # One that is broken takes no good one with it.
        log.warning("SIGNING_KEY_BROKEN", error, keyId=shown["kid"])
        return None
    is_strong = isinstance(key.key, RSAPublicKey) and key.key.key_size >= _MIN_KEY_BITS
    return key if is_strong else None


@functools.cache
def _keys(url: str) -> KeySet:
    return KeySet(url)
