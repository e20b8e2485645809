"""The user pool's keys: how soon a new one works, and that known keys survive an outage of their address."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib import external
from chalicelib.core.errors import NotAuthenticatedError, UnavailableError
from chalicelib.core.http import tokens
from chalicelib.core.http.tokens import KeySet
from tests.key_server import KeyServer, jwk
from tests.waiting import wait_for

KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
ONE, TWO = jwk(KEYS[0], "one"), jwk(KEYS[1], "two")
HOUR = 3600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with KeyServer(ONE) as serving:
        yield serving


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(server: KeyServer, clock: Clock) -> KeySet:
    """The keys behind the server; "one" is known."""
    found = KeySet(server.url, external.fetch, clock)
    assert found.find("one").key_id == "one"
    return found


def test_a_new_key_works_within_thirty_seconds(server: KeyServer, keys: KeySet, clock: Clock) -> None:
    with pytest.raises(NotAuthenticatedError):
        keys.find("two")
    server.publish(ONE, TWO)
    clock.now += 30
    assert keys.find("two").key_id == "two"
    assert keys.find("one").key_id == "one"


def test_requests_with_random_key_ids_do_not_block_a_new_key(server: KeyServer, keys: KeySet, clock: Clock) -> None:
    server.publish(ONE, TWO)
    for second in range(30):
        clock.now += 1
        with pytest.raises(NotAuthenticatedError):
            keys.find(f"junk-{second}")
    assert keys.find("two").key_id == "two"
    assert server.asked <= 1 + 30 / 10


def test_a_withdrawn_key_is_refused(server: KeyServer, keys: KeySet, clock: Clock) -> None:
    server.publish(TWO)
    assert keys.find("one").key_id == "one"
    clock.now += 301
    with pytest.raises(NotAuthenticatedError):
        keys.find("one")


def test_random_key_ids_cause_one_fetch_in_ten_seconds(server: KeyServer, keys: KeySet, clock: Clock) -> None:
    for _ in range(3):
        asked = server.asked
        clock.now += 10
        for number in range(50):
            with pytest.raises(NotAuthenticatedError):
                keys.find(f"junk-{number}")
        assert server.asked == asked + 1


def test_concurrent_requests_share_one_fetch(server: KeyServer, clock: Clock) -> None:
    server.hangs = True
    keys = KeySet(server.url, external.fetch, clock)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(keys.find, "one") for _ in range(8)]
        wait_for(lambda: server.asked, "the fetch")
        server.go_on()
        assert {each.result(30).key_id for each in found} == {"one"}
    assert server.asked == 1


# ------------------------------------------------------------------ outages

SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
CURVE = {"kty": "EC", "crv": "P-256", "kid": "two", "use": "sig", "x": "A" * 43, "y": "A" * 43}
NONE_USABLE: list[Any] = [
    [],
    5,
    None,
    {"one": ONE},
    [None, 5, "one", []],
    [{**TWO, "kty": "oct", "k": "c2VjcmV0"}],
    [{**TWO, "use": "enc"}],
    [{**TWO, "alg": "RS512"}],
    [{**TWO, "alg": "HS256"}],
    [{**TWO, "kid": None}],
    [{**TWO, "kid": ""}],
    [{**TWO, "kid": ["two"]}],
    [{**TWO, "n": "!"}],
    [{**TWO, "n": 5}],
    [{**TWO, "e": "AQ"}],
    [{"kty": "RSA", "kid": "two"}],
    [CURVE],
    [jwk(SMALL, "two")],
]
JUNK: list[tuple[int, dict[str, str], bytes]] = [
    (500, {}, b""),
    (503, {}, json.dumps({"keys": [TWO]}).encode()),
    (404, {}, b"{}"),
    (204, {}, b""),
    (200, {}, b""),
    (200, {}, b"not json"),
    (200, {}, b"[]"),
    (200, {}, b"5"),
    (200, {}, b"\xff\xfe"),
    (200, {}, b"{}"),
    (200, {}, b"[" * 5000),
    (200, {"Content-Length": "9999"}, json.dumps({"keys": [TWO]}).encode()[:-9]),
    (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"),
    (200, {}, json.dumps({"keys": [TWO], "more": "x" * 70_000}).encode()),
    *((200, {}, json.dumps({"keys": listed}).encode()) for listed in NONE_USABLE),
]


@pytest.mark.parametrize(("status", "headers", "body"), JUNK)
def test_an_answer_without_a_usable_key_is_an_outage(
    server: KeyServer, keys: KeySet, clock: Clock, status: int, headers: dict[str, str], body: bytes
) -> None:
    server.status, server.headers, server.body = status, headers, body
    clock.now += HOUR
    assert keys.find("one").key_id == "one"
    assert server.asked == 2
    with pytest.raises(UnavailableError):
        keys.find("two")

    server.status, server.headers = 200, {}
    server.publish(ONE, TWO)
    clock.now += 10
    assert keys.find("two").key_id == "two", "it is over as soon as the address answers"


def test_an_unreachable_key_address_is_an_outage(server: KeyServer, keys: KeySet, clock: Clock) -> None:
    server.__exit__(None, None, None)
    clock.now += HOUR
    assert keys.find("one").key_id == "one"
    with pytest.raises(UnavailableError):
        keys.find("two")
    with pytest.raises(UnavailableError):
        KeySet(server.url, external.fetch, clock).find("one")


def test_a_good_key_is_used_whatever_stands_beside_it(server: KeyServer, clock: Clock) -> None:
    broken = [each for listed in NONE_USABLE if isinstance(listed, list) for each in listed]
    curve = {**CURVE, "x": "", "kid": ec.SECP256R1.name}
    server.publish(*broken, curve, ONE, *broken)
    keys = KeySet(server.url, external.fetch, clock)
    assert keys.find("one").key_id == "one"
    with pytest.raises(NotAuthenticatedError):
        keys.find("two")


# ------------------------------------------------------------------- hanging


def test_a_hanging_key_address_does_not_delay_tokens_with_a_known_key(server: KeyServer, clock: Clock) -> None:
    # The fetch outlasts the test, so a caller that waits for it fails the test.
    keys = KeySet(server.url, external.fetch, clock, timeout=60)
    assert keys.find("one").key_id == "one"
    server.hangs = True
    clock.now += HOUR
    with ThreadPoolExecutor(9) as pool:
        unknown = pool.submit(keys.find, "two")
        wait_for(lambda: server.asked == 2, "the fetch that hangs")
        known = [pool.submit(keys.find, "one") for _ in range(8)]
        assert {each.result(30).key_id for each in known} == {"one"}
        assert not unknown.done()
        server.publish(ONE, TWO)
        server.go_on()
        assert unknown.result(30).key_id == "two"
    assert server.asked == 2


def test_a_hanging_key_address_does_not_delay_the_request_that_refreshes_a_stale_key(
    server: KeyServer, clock: Clock
) -> None:
    keys = KeySet(server.url, external.fetch, clock, timeout=60)
    keys.find("one")
    server.hangs = True
    clock.now += HOUR
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(keys.find, "one").result(30).key_id == "one"
    assert (server.asked, server.ended) == (2, 1), "the fetch still hangs"


def test_a_fetch_that_times_out_is_an_outage(server: KeyServer, clock: Clock) -> None:
    server.hangs = True
    keys = KeySet(server.url, external.fetch, clock, timeout=0.2)
    with pytest.raises(UnavailableError):
        keys.find("one")
    server.go_on()
    clock.now += 10
    assert keys.find("one").key_id == "one"


def test_an_endlessly_slow_answer_is_an_outage(server: KeyServer, clock: Clock) -> None:
    stopped = threading.Event()

    def drip(out: Any) -> None:
        try:
            while not stopped.wait(0.02):
                out.write(b" ")
                out.flush()
        except OSError:
            stopped.set()

    server.send = drip
    keys = KeySet(server.url, external.fetch, clock, timeout=0.2)
    with pytest.raises(UnavailableError):
        keys.find("one")
    wait_for(stopped.is_set, "the fetch to hang up")


def test_an_endless_answer_is_cut_off(server: KeyServer, clock: Clock) -> None:
    hung_up = threading.Event()

    def flood(out: Any) -> None:
        try:
            while True:
                out.write(b" " * 65_536)
        except OSError:
            hung_up.set()

    server.send = flood
    with pytest.raises(UnavailableError):
        KeySet(server.url, external.fetch, clock, timeout=60).find("one")
    wait_for(hung_up.is_set, "the fetch to hang up")


def test_without_a_fetcher_no_token_is_accepted(server: KeyServer, clock: Clock) -> None:
    with pytest.raises(UnavailableError):
        KeySet(server.url, tokens._Setup().fetch, clock).find("one")
    assert server.asked == 0


# -------------------------------------------------------------- redirects and proxies


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: KeyServer, clock: Clock, status: int) -> None:
    with KeyServer(TWO) as elsewhere:
        server.status, server.headers = status, {"Location": elsewhere.url}
        with pytest.raises(UnavailableError):
            KeySet(server.url, external.fetch, clock).find("two")
        assert elsewhere.asked == 0


def test_proxies_of_the_environment_are_not_used(
    server: KeyServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeyServer(TWO) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert KeySet(server.url, external.fetch, clock).find("one").key_id == "one"
        assert proxy.asked == 0
