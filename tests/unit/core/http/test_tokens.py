"""Which tokens are accepted: those that the pool's key signed for us, unchanged to the last byte."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import external
from chalicelib.core.errors import NotAuthenticatedError
from chalicelib.core.http import tokens
from tests.key_server import KeyServer, jwk

POOL, CLIENT = "us-east-1_pool", "client"
ISSUER = f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FOREIGN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def pool() -> Iterator[KeyServer]:
    with pytest.MonkeyPatch.context() as environment, KeyServer(jwk(KEY, "one")) as serving:
        for name, value in {
            "JWKS_URL": serving.url,
            "COGNITO_USER_POOL_ID": POOL,
            "COGNITO_CLIENT_ID": CLIENT,
            "COGNITO_FORMER_CLIENT_ID": "",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            environment.setenv(name, value)
        tokens.setup_tokens(external.fetch)
        yield serving


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "sub": "u1",
        "username": "u1",
        "iss": ISSUER,
        "client_id": CLIENT,
        "token_use": "access",
        "iat": now,
        "exp": now + 600,
    }
    return {name: value for name, value in {**made, **changed}.items() if value is not None}


def signed(key: Any = KEY, key_id: Any = "one", algorithm: str = "RS256", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers={"kid": key_id})


def signed_raw(header: bytes, body: bytes) -> str:
    """A token of exactly these bytes, signed by the pool's key; no JSON library would write it."""
    head, payload = (base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, body))
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(head + b"." + payload, KEY)
    return b".".join([head, payload, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def with_header(**more: Any) -> str:
    return signed_raw(json.dumps({"alg": "RS256", "kid": "one", **more}).encode(), json.dumps(claims()).encode())


def unsigned(header: dict[str, Any]) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims())]
    return ".".join([*parts, ""])


HEADER = b'{"alg": "RS256", "kid": "one"}'


@pytest.mark.parametrize(
    "make",
    [
        signed,
        lambda: with_header(typ="JWT"),
        # Further fields of a header are never read, so they do no harm in a token that our pool signed.
        lambda: with_header(jku="https://example.com/jwks.json"),
        lambda: signed(nbf=int(time.time())),
        lambda: signed(exp=int(time.time()) + 86_400),
    ],
    ids=["usual", "typ", "jku", "nbf now", "exp in a day"],
)
def test_a_genuine_token_gives_its_claims(pool: KeyServer, make: Callable[[], str]) -> None:
    assert tokens.verify(make())["sub"] == "u1"


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: "junk",
        lambda: "a.b.c",
        lambda: "..",
        lambda: "é.é.é",
        lambda: "." + signed(),
        lambda: signed() + "==",
        lambda: signed() + "\n",
        lambda: signed()[:-6] + "AAAAAA",
        lambda: unsigned({"alg": "none", "kid": "one"}),
        lambda: unsigned({"alg": "RS256", "kid": "one"}),
        lambda: signed(FOREIGN_KEY),
        lambda: signed("a shared secret of thirty-two bytes or more", algorithm="HS256"),
        lambda: signed(algorithm="RS512"),
        lambda: signed(algorithm="PS256"),
        lambda: signed(key_id="another"),
        lambda: with_header(kid={"deep": 1}),
        lambda: with_header(kid=None),
        lambda: with_header(crit=["exp"]),
        lambda: with_header(crit=[]),
        lambda: with_header(b64=True),
        lambda: signed_raw(b'{"alg": "none", "alg": "RS256", "kid": "one"}', json.dumps(claims()).encode()),
        lambda: signed_raw(HEADER, b'{"sub": "u2",' + json.dumps(claims()).encode()[1:]),
        lambda: signed_raw(HEADER, b"[1]"),
        lambda: signed_raw(HEADER, b"[" * 3000),
        lambda: signed_raw(HEADER, json.dumps(claims()).encode("utf-16")),
        lambda: signed_raw(HEADER, json.dumps(claims()).encode()[:-1] + b', "odd": NaN}'),
    ],
    ids=[
        "empty",
        "one word",
        "three letters",
        "two dots",
        "not ASCII",
        "leading dot",
        "padding",
        "newline",
        "wrong signature",
        "no algorithm",
        "no signature",
        "foreign key",
        "shared secret",
        "RS512",
        "PS256",
        "unknown key id",
        "key id is an object",
        "key id is null",
        "critical exp",
        "critical nothing",
        "b64",
        "algorithm twice",
        "subject twice",
        "claims are a list",
        "claims nested too deep",
        "claims in UTF-16",
        "claims with NaN",
    ],
)
def test_tokens_of_another_form_or_signature_are_refused(pool: KeyServer, make: Callable[[], str]) -> None:
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(make())


def test_tokens_of_a_former_client_are_accepted_while_it_is_named(
    pool: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_before = signed(client_id="former")
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(of_before)
    monkeypatch.setenv("COGNITO_FORMER_CLIENT_ID", "former")
    assert tokens.verify(of_before)["client_id"] == "former"
    assert tokens.verify(signed())["client_id"] == CLIENT
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(signed(client_id=""))


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: None} for name in ("sub", "username", "iss", "client_id", "token_use", "iat", "exp")),
        *({name: odd} for name in ("sub", "username", "iss", "client_id") for odd in (["u1"], {"a": 1}, 1, True)),
        {"sub": ""},
        {"sub": "x" * 101},
        {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"client_id": "another"},
        {"client_id": [CLIENT]},
        {"client_id": None, "aud": CLIENT},
        {"token_use": "id"},
        {"token_use": ["access"]},
    ],
    ids=repr,
)
def test_a_token_with_any_wrong_claim_is_refused(pool: KeyServer, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(signed_raw(HEADER, json.dumps(claims(**wrong)).encode()))


@pytest.mark.parametrize(
    "moments",
    [
        lambda now: {"exp": now - 60},
        lambda now: {"exp": 0},
        lambda now: {"exp": -1},
        lambda now: {"exp": str(now + 60)},
        lambda now: {"exp": now + 60.5},
        lambda now: {"exp": True},
        lambda now: {"exp": [now + 60]},
        lambda now: {"exp": now + 86_401},
        lambda now: {"exp": 10**30},
        lambda now: {"exp": 1e300},
        lambda now: {"iat": now + 3600, "exp": now + 7200},
        lambda now: {"iat": str(now)},
        lambda now: {"iat": False},
        lambda now: {"iat": -(10**30)},
        lambda now: {"nbf": now + 3600},
        lambda now: {"nbf": "0"},
    ],
    ids=[
        "exp a minute ago",
        "exp zero",
        "exp negative",
        "exp is text",
        "exp is a fraction",
        "exp is true",
        "exp is a list",
        "exp too far away",
        "exp is huge",
        "exp is a huge float",
        "iat in the future",
        "iat is text",
        "iat is false",
        "iat is hugely negative",
        "nbf in the future",
        "nbf is text",
    ],
)
def test_a_token_is_refused_before_and_after_its_time(
    pool: KeyServer, moments: Callable[[int], dict[str, Any]]
) -> None:
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(signed_raw(HEADER, json.dumps(claims(**moments(int(time.time())))).encode()))


def test_a_valid_token_of_more_than_eight_kilobytes_is_refused(pool: KeyServer) -> None:
    def of(length: int) -> str:
        """A valid token of at most that length, and close to it."""
        return signed(scope="x" * ((length - len(signed(scope=""))) * 3 // 4))

    assert tokens.verify(of(tokens.MAX_TOKEN_BYTES))["sub"] == "u1"
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(of(tokens.MAX_TOKEN_BYTES + 8))


def test_malformed_tokens_are_refused_without_fetching_keys(pool: KeyServer) -> None:
    asked = pool.asked
    for junk in ("x" * 9000, "a.b.c", unsigned({"alg": "none"}), signed(key_id="../../etc/passwd")):
        with pytest.raises(NotAuthenticatedError):
            tokens.verify(junk)
    assert pool.asked == asked


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """One to three changes of single bytes, at any place."""
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from(["flip", "insert", "delete"]), st.floats(0, 1), st.integers(0, 255)),
            min_size=1,
            max_size=3,
        )
    )

    def mutate(token: bytes) -> bytes:
        for kind, place, value in steps:
            at = int(place * (len(token) - 1))
            put = b"" if kind == "delete" else bytes([value])
            token = token[:at] + put + token[at + (kind != "insert") :]
        return token

    return mutate


GENUINE = signed(exp=int(time.time()) + 86_000).encode()


@given(mutate=mutations())
def test_a_token_with_a_changed_byte_is_refused(pool: KeyServer, mutate: Callable[[bytes], bytes]) -> None:
    token = mutate(GENUINE)
    if token == GENUINE:
        assert tokens.verify(token.decode())["sub"] == "u1"
        return
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(token.decode("latin-1"))


@given(at=st.integers(0, len(GENUINE) - 1), bit=st.integers(0, 7))
def test_a_token_with_a_flipped_bit_is_refused(pool: KeyServer, at: int, bit: int) -> None:
    changed = bytearray(GENUINE)
    changed[at] ^= 1 << bit
    with pytest.raises(NotAuthenticatedError):
        tokens.verify(changed.decode("latin-1"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "sub", "exp", "iat", "nbf", "iss", "aud", "jti"])
objects = st.dictionaries(names | st.text(max_size=5), json_values, max_size=6)


@given(header=objects, body=objects)
def test_any_signed_token_is_refused_or_has_correct_claims(
    pool: KeyServer, header: dict[str, Any], body: dict[str, Any]
) -> None:
    for head in (header, {**header, "alg": "RS256", "kid": "one"}):
        try:
            shown = tokens.verify(signed_raw(json.dumps(head).encode(), json.dumps({**claims(), **body}).encode()))
        except NotAuthenticatedError:
            continue
        assert head["alg"] == "RS256"
        assert (shown["iss"], shown["client_id"], shown["token_use"]) == (ISSUER, CLIENT, "access")
        assert isinstance(shown["sub"], str)
        assert type(shown["exp"]) is type(shown["iat"]) is int
        assert shown["iat"] - 5 <= time.time() < shown["exp"] + 5
