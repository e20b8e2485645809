"""Forged tokens: the attacks of RFC 8725 on the real API are all refused, with the usual error shape."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
import requests

from tests.journeys.forge import (
    THEIR_CURVE,
    THEIR_KEY,
    Forge,
    own_certificate,
    part,
    public_key_forms,
    with_rsa,
)
from tests.journeys.user import User
from tests.key_server import KeyServer, jwk

Attack = Callable[[Forge], bytes]


@pytest.fixture(scope="module")
def place() -> Iterator[KeyServer]:
    """A server of the forger's own keys, to notice a verifier that fetches them."""
    with KeyServer(jwk(THEIR_KEY, "theirs"), jwk(THEIR_KEY, "dummy")) as serving:
        yield serving


@pytest.fixture(scope="module")
def forge(ann: User, place: KeyServer) -> Forge:
    return Forge(ann.tokens["accessToken"], place.url)


def asked(url: str, *authorizations: bytes, path: str = "/auth/validate") -> tuple[int, bytes]:
    """The status and body of an answer to a request with those Authorization headers, byte for byte."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.putrequest("GET", path)
        for authorization in authorizations:
            connection.putheader("Authorization", authorization)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def assert_refused(status: int, body: bytes) -> None:
    """Asserts a 401 in the usual error shape that reveals nothing."""
    assert status == 401, body
    shown = json.loads(body)
    assert shown["requestId"]
    assert shown == {
        "success": False,
        "message": "A valid access token is needed.",
        "error": {"type": "NotAuthenticatedError", "code": "NOT_AUTHENTICATED"},
        "requestId": shown["requestId"],
    }


# ----------------------------------------------------------------- the signature

ALGORITHMS: dict[str, Attack] = {
    **{
        f"alg {algorithm!r}, signature {signature!r}": lambda f, a=algorithm, s=signature: f.unsigned(a, s)  # type: ignore[misc]
        for algorithm in ("none", "None", "NONE", "nOnE", " none", "none\x00", "", None, 0, ["none"], {"a": 1}, "RS256")
        for signature in (b"", b"AA")
    },
    "alg none, signed by the pool's key": lambda f: f.pool({**f.header, "alg": "none"}),
    "alg none, with the genuine signature": lambda f: f.unsigned("none", f.segments[2]),
    "no alg": lambda f: f.pool({"kid": "dummy"}),
    "alg rs256": lambda f: f.pool({**f.header, "alg": "rs256"}),
    "alg a list": lambda f: f.pool({**f.header, "alg": ["RS256"]}),
    **{
        f"{algorithm} with the {form} as secret": lambda f, a=algorithm, s=secret: f.with_public_key_as_secret(s, a)  # type: ignore[misc]
        for form, secret in public_key_forms().items()
        for algorithm in ("HS256", "HS512")
    },
    **{
        f"{algorithm} by their key": lambda f, a=algorithm: f.with_algorithm(a, THEIR_KEY)  # type: ignore[misc]
        for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS512")
    },
    "ES256 by their key": lambda f: f.with_algorithm("ES256", THEIR_CURVE),
    "ES256 of zeros": lambda f: f.unsigned("ES256", part(bytes(64))),
    "RS384 over the genuine claims": lambda f: f.pool({**f.header, "alg": "RS384"}),
    "RS256 of zeros": lambda f: f.unsigned("RS256", part(bytes(256))),
    "RS256 of one": lambda f: f.unsigned("RS256", part(bytes(255) + b"\x01")),
    "another token's signature": lambda f: b".".join([f.segments[0], part({**f.claims, "sub": "x"}), f.segments[2]]),
}

OWN_HEADERS: dict[str, Attack] = {
    **{
        f"{name} of their own{', kid theirs' if key_id == 'theirs' else ''}": lambda f, n=name, k=key_id: f.own(  # type: ignore[misc]
            kid=k, **{n: f.place}
        )
        for name in ("jku", "x5u", "jwks_uri", "iss", "kid_url", "url", "sub_jwk")
        for key_id in ("dummy", "theirs")
    },
    "jwk of their own": lambda f: f.own(jwk=jwk(THEIR_KEY, "dummy")),
    "jwk of their own, kid theirs": lambda f: f.own(jwk=jwk(THEIR_KEY, "theirs"), kid="theirs"),
    "x5c of their own": lambda f: f.own(x5c=[own_certificate()]),
    "x5c and x5t": lambda f: f.own(x5c=[own_certificate()], x5t="AA", kid=None),
    "crit, genuine": lambda f: f.pool({**f.header, "crit": ["exp"], "exp": 1}),
    "crit jku": lambda f: f.own(crit=["jku"], jku=f.place),
    "crit b64": lambda f: f.pool({**f.header, "crit": ["b64"], "b64": False}),
    "b64 false": lambda f: f.pool({**f.header, "b64": False}),
    "zip": lambda f: f.own(zip="DEF"),
    "encrypted": lambda f: part({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "dummy"}) + b".AA.AA.AA.AA",
}

KEY_IDS: dict[str, Attack] = {
    **{
        f"kid {str(key_id)[:40]!r}": lambda f, k=key_id: f.own(kid=k)  # type: ignore[misc]
        for key_id in (
            "unknown",
            "DUMMY",
            "dummy ",
            "dummy\x00",
            "",
            "../../../../../../dev/null",
            "..\\..\\windows\\win.ini",
            "/proc/self/environ",
            "file:///etc/passwd",
            "' OR '1'='1",
            "' UNION SELECT 'secret' --",
            "$(curl http://127.0.0.1)",
            "|sleep 10",
            "{{7*7}}",
            "__proto__",
            "ключ",
            "k" * 4000,
            0,
            True,
            1.5,
            ["dummy"],
            {"kid": "dummy"},
        )
    },
    "no kid": lambda f: f.own(kid=None),
    "no kid, signed by the pool's key": lambda f: f.pool({"alg": "RS256"}),
    "kid null, signed by the pool's key": lambda f: f.pool({"alg": "RS256", "kid": None}),
    "kid a list, signed by the pool's key": lambda f: f.pool({"alg": "RS256", "kid": ["dummy"]}),
    "kid their URL": lambda f: f.own(kid=f.place),
    "kid their URL with ours in it": lambda f: f.own(kid=f"{f.place}#dummy"),
}

# ---------------------------------------------------- claims, signed by the pool's key

NOW = int(time.time())
CLAIMS: dict[str, dict[str, Any]] = {
    "another pool": {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"},
    "another issuer": {"iss": "https://accounts.google.com"},
    "issuer without its scheme": {"iss": "cognito-idp.us-east-1.amazonaws.com/us-east-1_other"},
    "issuer a list": {"iss": ["https://accounts.google.com"]},
    "another client": {"client_id": "another"},
    "client in aud only": {"client_id": None, "aud": "another"},
    "an ID token": {"token_use": "id"},
    "a refresh token": {"token_use": "refresh"},
    "use in capitals": {"token_use": "ACCESS"},
    "expired": {"exp": NOW - 60, "iat": NOW - 3660},
    "expired an age ago": {"exp": 1, "iat": 0},
    "expires below zero": {"exp": -1},
    "expires as text": {"exp": str(NOW + 3600)},
    "expires as a fraction": {"exp": NOW + 3600.5},
    "expires in truth": {"exp": True},
    "expires in a list": {"exp": [NOW + 3600]},
    "expires in an object": {"exp": {"at": NOW + 3600}},
    "expires never": {"exp": 10**40},
    "expires in a thousand years": {"exp": NOW + 1000 * 31_536_000},
    "expires at 1e308": {"exp": 1e308},
    "expires at infinity": {"exp": float("inf")},
    "expires at no number": {"exp": float("nan")},
    "not yet valid": {"nbf": NOW + 86_400},
    "nbf as text": {"nbf": "tomorrow"},
    "issued tomorrow": {"iat": NOW + 86_400, "exp": NOW + 90_000},
    "issued in a text": {"iat": str(NOW)},
    **{f"without {name}": {name: None} for name in ("exp", "iat", "iss", "sub", "token_use", "client_id", "username")},
    **{
        f"sub {str(odd)[:20]!r}": {"sub": odd}
        for odd in (["a"], 5, 1.5, True, {"S": "a"}, "", "nobody", "x" * 3000, "\x00", "a#b", "ann' OR 1=1", "*")
    },
    "username a list": {"username": ["a"]},
    "aud of lists, 40 deep": {"aud": json.loads("[" * 40 + "]" * 40)},
}

# --------------------------------------------------------------------------- form

FORMS: dict[str, Attack] = {
    "over 8 KB, genuine": lambda f: f.claiming(scope="x" * 9000),
    "60 KB": lambda f: b"x" * 60_000,
    "60 KB of points": lambda f: b"." * 60_000,
    "60 KB header": lambda f: part({**f.header, "x": "y" * 40_000}) + b"." + f.segments[1] + b"." + f.segments[2],
    "not ASCII": lambda f: "ünï.cødé.tøken".encode(),
    "not UTF-8": lambda f: b"\xff\xfe." + f.segments[1] + b"." + f.segments[2],
    "full-width letters": lambda f: "ｅｙＪ".encode() + f.genuine.encode()[3:],
    "a null byte behind": lambda f: f.genuine.encode() + b"\x00",
    "a null byte within": lambda f: f.segments[0] + b"\x00." + f.segments[1] + b"." + f.segments[2],
    "padding": lambda f: f.genuine.encode() + b"==",
    "plain base 64 signature": lambda f: f.genuine.encode().replace(b"-", b"+").replace(b"_", b"/") + b"+",
    "a space within": lambda f: f.segments[0] + b". " + f.segments[1] + b"." + f.segments[2],
    "a tab within": lambda f: f.genuine.encode()[:50] + b"\t" + f.genuine.encode()[50:],
    "quoted": lambda f: b'"' + f.genuine.encode() + b'"',
    "a segment before": lambda f: b"e30." + f.genuine.encode(),
    "a segment behind": lambda f: f.genuine.encode() + b".e30",
    "an empty segment behind": lambda f: f.genuine.encode() + b".",
    "two tokens": lambda f: f.genuine.encode() + b"." + f.genuine.encode(),
    "two tokens and a space": lambda f: f.genuine.encode() + b" " + f.genuine.encode(),
    "two segments": lambda f: b".".join(f.segments[:2]),
    "three empty segments": lambda f: b"..",
    "segments in another order": lambda f: b".".join(f.segments[::-1]),
    "JSON serialization": lambda f: json.dumps({"payload": "e30", "signatures": [{"signature": "AA"}]}).encode(),
    "claims twice": lambda f: f.pool(claims=b'{"sub": "x", ' + json.dumps(f.claims).encode()[1:]),
    "claims twice, the wrong one last": lambda f: f.pool(claims=json.dumps(f.claims).encode()[:-1] + b', "sub": "x"}'),
    "alg twice": lambda f: f.pool(b'{"alg": "none", ' + json.dumps(f.header).encode()[1:]),
    "header a list": lambda f: f.pool([f.header]),
    "header null": lambda f: f.pool(b"null"),
    "header empty": lambda f: b"." + f.segments[1] + b"." + f.segments[2],
    "claims a list": lambda f: f.pool(claims=[f.claims]),
    "claims a text": lambda f: f.pool(claims=b'"x"'),
    "claims no JSON": lambda f: f.pool(claims=b"{"),
    "claims in UTF-16": lambda f: f.pool(claims=json.dumps(f.claims).encode("utf-16")),
    "a byte order mark": lambda f: f.pool(claims=b"\xef\xbb\xbf" + json.dumps(f.claims).encode()),
    "half a surrogate pair": lambda f: f.pool(claims=json.dumps({**f.claims, "odd": "\ud800"}).encode()),
    "brackets, 5000 deep": lambda f: part(b"[" * 5000) + b".e30.AA",
    "objects, 1000 deep": lambda f: f.pool(claims=b'{"a":' * 1000 + b"1" + b"}" * 1000),
    "a number of 5000 digits": lambda f: part(b'{"alg": ' + b"9" * 5000 + b"}") + b".e30.AA",
    "the ID token's own claims": lambda f: f.pool(claims={**f.claims, "token_use": "id", "aud": f.claims["client_id"]}),
    "the signature over other bytes": lambda f: (
        f.genuine.encode()[: -len(f.segments[2])] + part(with_rsa(b"", THEIR_KEY))
    ),
}

ATTACKS = {
    **ALGORITHMS,
    **OWN_HEADERS,
    **KEY_IDS,
    **{f"claims: {name}": lambda f, c=changed: f.claiming(**c) for name, changed in CLAIMS.items()},  # type: ignore[misc]
    **FORMS,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_forged_tokens_are_refused(forge: Forge, place: KeyServer, ann: User, attack: Attack) -> None:
    token = attack(forge)
    assert token != forge.genuine.encode()
    assert_refused(*asked(ann.url, b"Bearer " + token))
    assert place.asked == 0, "nothing was fetched from where the token says"


def test_the_forgers_token_passes_when_it_is_signed_with_the_pools_key(forge: Forge, ann: User) -> None:
    """This proves that each refusal above has the one reason that is tested."""
    for right in (forge.pool(), forge.claiming(scope="another"), forge.claiming(nbf=NOW - 60)):
        assert asked(ann.url, b"Bearer " + right)[0] == 200


def test_the_listener_notices_a_request(place: KeyServer) -> None:
    with KeyServer(jwk(THEIR_KEY, "theirs")) as another:
        assert jwt.PyJWKClient(another.url).get_signing_keys()[0].key_id == "theirs"
        assert another.asked == 1
    assert place.asked == 0


def test_incomplete_tokens_are_refused(forge: Forge, ann: User) -> None:
    genuine = forge.genuine.encode()
    points = [at for at, byte in enumerate(genuine) if byte == ord(".")]
    places = {*range(0, len(genuine), 37), *range(len(genuine) - 8, len(genuine))}
    for at in sorted(places | {each + step for each in points for step in (-1, 0, 1)}):
        assert_refused(*asked(ann.url, b"Bearer " + genuine[:at]))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [b""],
        [b" "],
        [b"Bearer"],
        [b"Bearer "],
        [b"Bearer \t "],
        [b"%s"],
        [b"Bearer%s"],
        [b"Bearer:%s"],
        [b"Bearer=%s"],
        [b"Bearer\t%s"],
        [b"Bearer Bearer %s"],
        [b"Bearer, %s"],
        [b"Bearer token=%s"],
        [b"Bearer %s, Bearer %s"],
        [b"Bearer %s; charset=utf-8"],
        [b"Basic %s"],
        [b"Basic dXNlcjpwYXNzd29yZA=="],
        [b"Token %s"],
        [b"JWT %s"],
        [b"DPoP %s"],
        [b"Negotiate %s"],
        [b"B\xc3\xa9arer %s"],
        [b"Basic x", b"Bearer %s"],
        [b"", b"Bearer %s"],
        [b"Bearer junk", b"Bearer %s"],
        [b"Bearer junk", b"Bearer junk"],
        [b"Bearer None"],
        [b"Bearer null"],
        [b"Bearer undefined"],
        [b"Bearer [object Object]"],
    ],
    ids=repr,
)
def test_other_authorization_headers_are_refused(forge: Forge, ann: User, headers: list[bytes]) -> None:
    """`%s` stands for a valid token."""
    assert_refused(*asked(ann.url, *(header.replace(b"%s", forge.genuine.encode()) for header in headers)))


def test_the_bearer_scheme_is_accepted_in_any_case(forge: Forge, ann: User) -> None:
    for scheme in (b"bearer ", b"BEARER ", b"Bearer   "):
        assert asked(ann.url, scheme + forge.genuine.encode())[0] == 200


@pytest.mark.parametrize("name", ["access_token", "accessToken", "api_key", "apiKey", "authorization", "key", "token"])
def test_tokens_and_keys_in_a_query_cookie_or_body_are_ignored(ann: User, name: str) -> None:
    issued = ann.post("/keys", name="a key", accessTypes=["full_access"]).json()
    for secret in (ann.tokens["accessToken"], issued["key"]):
        for value in (secret, f"Bearer {secret}"):
            found = requests.get(f"{ann.url}/images", params={name: value}, timeout=30)
            assert_refused(found.status_code, found.content)
            found = requests.get(f"{ann.url}/images", headers={"Cookie": f"{name}={secret}"}, timeout=30)
            assert_refused(found.status_code, found.content)
            found = requests.post(f"{ann.url}/upload", json={name: value}, timeout=30)
            assert_refused(found.status_code, found.content)
    assert ann.request("DELETE", f"/keys/{issued['keyId']}").status_code == 200
