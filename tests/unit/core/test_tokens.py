"""Which tokens pass, and what an outage of the keys changes: nothing."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.core import tokens
from chalicelib.core.errors import NotAuthenticatedError, UnavailableError

POOL, CLIENT = "us-east-1_pool", "client"
ISSUER = f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FOREIGN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(key: rsa.RSAPrivateKey, key_id: str) -> dict[str, Any]:
    shown = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**shown, "kid": key_id, "alg": "RS256", "use": "sig"}


@dataclass
class Pool:
    """The pool's key address: what it answers, and how often it was asked."""

    url: str = ""
    body: bytes = field(default_factory=lambda: json.dumps({"keys": [jwk(KEY, "one")]}).encode())
    status: int = 200
    asked: int = 0


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    serving = Pool()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            serving.asked += 1
            self.send_response(serving.status)
            self.end_headers()
            self.wfile.write(serving.body)

        def log_message(self, *args: Any) -> None:
            """Nothing: the test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    serving.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    for name, value in {
        "JWKS_URL": serving.url,
        "COGNITO_USER_POOL_ID": POOL,
        "COGNITO_CLIENT_ID": CLIENT,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    tokens._keys.cache_clear()
    yield serving
    server.shutdown()
    server.server_close()


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"sub": "u1", "iss": ISSUER, "client_id": CLIENT, "token_use": "access", "iat": now, "exp": now + 600}
    return {name: value for name, value in {**made, **changed}.items() if value is not None}


def signed(key: Any = KEY, key_id: str = "one", algorithm: str = "RS256", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers={"kid": key_id})


def unsigned(header: dict[str, Any]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims())]
    return ".".join([*parts, ""])


def test_a_genuine_token_gives_its_claims(pool: Pool) -> None:
    assert tokens.verify(signed())["sub"] == "u1"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "junk",
        "a.b.c",
        "..",
        "é.é.é",
        unsigned({"alg": "none", "kid": "one"}),
        unsigned({"alg": "RS256", "kid": "one"}),
        unsigned({"alg": "RS256", "kid": {"deep": 1}}),
        signed(FOREIGN_KEY),
        signed("a shared secret of thirty-two bytes or more", algorithm="HS256"),
        signed(algorithm="RS512"),
        signed(key_id="another"),
        signed(exp=int(time.time()) - 60),
        signed(exp=None),
        signed(iat=None),
        signed(iat=int(time.time()) + 3600),
        signed(sub=None),
        signed(iss="https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"),
        signed(iss=None),
        signed(client_id="another"),
        signed(client_id=None, aud=CLIENT),
        signed(token_use="id"),
        signed(token_use=None),
        signed()[:-6] + "AAAAAA",
        "." + signed(),
    ],
)
def test_no_other_token_passes(pool: Pool, token: str) -> None:
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(token)


def test_the_last_good_keys_serve_through_an_outage_and_junk(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tokens.verify(signed())["sub"] == "u1"
    later = time.monotonic()
    for minutes, (status, body) in enumerate([(500, b""), (200, b"not json"), (200, b"[]"), (200, b'{"keys": 5}')], 1):
        pool.status, pool.body = status, body
        monkeypatch.setattr(time, "monotonic", lambda shift=minutes * 3600: later + shift)
        assert tokens.verify(signed())["sub"] == "u1"
    assert pool.asked == 5, "the keys were asked for again each time, in vain"


def test_keys_that_were_never_had_are_an_outage_and_not_a_refusal(pool: Pool) -> None:
    pool.status = 500
    with pytest.raises(UnavailableError):
        tokens.verify(signed())


def test_an_unknown_key_id_fetches_at_most_once_in_ten_seconds(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(50):
        with pytest.raises(NotAuthenticatedError):
            tokens.verify(signed(key_id="new"))
    assert pool.asked == 1
    pool.body = json.dumps({"keys": [jwk(KEY, "new")]}).encode()
    later = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert tokens.verify(signed(key_id="new"))["sub"] == "u1"
