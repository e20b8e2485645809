"""Calls to third parties over real sockets: allowed addresses, redirects, TLS, deadlines and sizes."""

import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import external
from chalicelib.core.deadline import Deadline
from chalicelib.external import transport
from chalicelib.external.errors import Reason
from local.fake_api import FakeApi
from local.fake_api.faults import Fault
from tests.breadth import examples
from tests.unit.external.scripted_server import Scripted, answer

UPLOAD = "/file-processor/upload"


@pytest.fixture(autouse=True)
def no_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "false")


@pytest.fixture
def private_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "true")


@pytest.fixture(scope="module")
def fake_api() -> Iterator[FakeApi]:
    with FakeApi() as started:
        yield started


def resolving_to(*addresses: str) -> Any:
    """A resolver that gives every name these addresses."""

    def resolver(host: str, port: int) -> Sequence[tuple[Any, ...]]:
        families = {4: 2, 6: 10}
        return [(families[ipaddress.ip_address(each).version], 1, 6, "", (each, port)) for each in addresses]

    return resolver


def reason_of(url: str, **options: Any) -> Reason:
    with pytest.raises(external.ExternalServiceError) as fault:
        external.request("GET", url, trusted=True, **options)
    return fault.value.reason


# ------------------------------------------------------------------- addresses


PRIVATE_URLS = [
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://ｌｏｃａｌｈｏｓｔ:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@example.com/",
    "http://example.com\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::1%25lo]/",
    "http://[fec0::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "http://[bad",
    "http://a..b/",
    "http://h:99999/",
    "http://h:0/",
]
# In a redirect these would be relative URLs.
INVALID_URLS = ["", "/path", "//127.0.0.1:{port}/", "http:///nowhere", "http:"]


@pytest.mark.parametrize("url", PRIVATE_URLS + INVALID_URLS)
def test_urls_that_lead_to_private_addresses_are_refused(url: str) -> None:
    with Scripted(answer(200)) as inside:
        with pytest.raises(external.AddressNotAllowedError):
            external.post(url.format(port=inside.port), b"{}", {})
        assert inside.asked == []


@pytest.mark.parametrize("url", PRIVATE_URLS)
def test_redirects_to_private_addresses_are_refused(url: str) -> None:
    with Scripted(answer(200)) as inside:
        location = url.format(port=inside.port).encode().decode("latin-1")
        redirect = b"HTTP/1.1 302 Found\r\nLocation: " + location.encode("latin-1") + b"\r\nContent-Length: 0\r\n\r\n"
        with Scripted(redirect) as outside, pytest.raises(external.RedirectNotAllowedError):
            external.request("GET", outside.url, trusted=True)
        assert inside.asked == []


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["fd00::1"], ["2606:2800::1", "::ffff:10.0.0.1"], ["2001::1"]],
)
def test_a_name_with_any_private_address_is_refused(addresses: list[str]) -> None:
    with pytest.raises(external.AddressNotAllowedError):
        external.request("GET", "http://innocent.example/", resolver=resolving_to(*addresses))


@given(st.ip_addresses(v=4))
def test_a_private_address_wrapped_in_ipv6_stays_private(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    wrapped = [f"::ffff:{address}", f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}"]
    wrapped.append(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1")
    if address.is_global and not address.is_multicast:
        return
    for each in [str(address), *wrapped]:
        with pytest.raises(external.AddressNotAllowedError):
            external.request("GET", "http://innocent.example/", resolver=resolving_to(each))


@pytest.mark.usefixtures("private_allowed")
@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254"])
def test_the_cloud_metadata_address_is_refused_in_every_stage(address: str) -> None:
    with pytest.raises(external.AddressNotAllowedError):
        external.request("GET", "http://innocent.example/", trusted=True, resolver=resolving_to(address))


def test_the_connection_uses_the_address_that_was_checked() -> None:
    resolved: list[str] = []
    with Scripted(answer(200, b"here")) as server:

        def resolver(host: str, port: int) -> Sequence[tuple[Any, ...]]:
            resolved.append(host)
            return [(2, 1, 6, "", ("127.0.0.1" if len(resolved) == 1 else "127.0.0.9", port))]

        url = f"http://partner.example:{server.port}/a b?q=ü&r=%2F"
        assert external.request("GET", url, trusted=True, resolver=resolver).body == b"here"
        head = server.asked[0].decode()
    assert resolved == ["partner.example"]
    assert head.startswith("GET /a%20b?q=%C3%BC&r=%2F HTTP/1.1\r\n")
    assert f"Host: partner.example:{server.port}\r\n" in head
    assert "User-Agent: Darkroom/" in head


def test_each_address_of_a_host_is_tried() -> None:
    with Scripted(answer(200, b"here")) as server:
        url = f"http://partner.example:{server.port}/"
        found = resolving_to("127.0.0.9", "127.0.0.1")
        assert external.request("GET", url, trusted=True, resolver=found).body == b"here"


# ------------------------------------------------------------------ redirects


def test_a_redirect_to_the_same_origin_keeps_the_key_and_with_307_the_body() -> None:
    with Scripted(answer(307, Location="/there"), answer(200, b"done")) as server:
        headers = {"Authorization": "Bearer secret", "Content-Type": "text/plain"}
        done = external.request("POST", f"{server.url}/here", body=b"work", headers=headers, trusted=True)
        assert done.body == b"done"
        assert server.asked[1].startswith(b"POST /there ")
        assert b"Authorization: Bearer secret" in server.asked[1]
        assert server.asked[1].endswith(b"\r\n\r\nwork")


@pytest.mark.usefixtures("private_allowed")
def test_the_key_is_not_sent_on_a_redirect_to_another_origin() -> None:
    with Scripted(answer(200)) as other, Scripted(answer(308, Location=f"{other.url}/x")) as first:
        external.request("POST", first.url, body=b"work", headers={"authorization": "Bearer secret", "Cookie": "c"})
        assert b"Bearer secret" in first.asked[0]
        assert b"secret" not in other.asked[0]
        assert b"Cookie" not in other.asked[0]
        assert other.asked[0].endswith(b"work")


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirected_post_becomes_a_get_as_the_standard_says(status: int) -> None:
    with Scripted(answer(status, Location="there"), answer(200)) as server:
        external.request("POST", f"{server.url}/a/b", body=b"work", headers={"Content-Type": "x/y"}, trusted=True)
        assert server.asked[1].startswith(b"GET /a/there ")
        assert b"work" not in server.asked[1]
        assert b"Content-Type" not in server.asked[1]


def test_a_trusted_url_is_no_longer_trusted_after_a_redirect_to_another_origin() -> None:
    with Scripted(answer(200)) as other, Scripted(answer(302, Location=other.url)) as first:
        with pytest.raises(external.RedirectNotAllowedError):
            external.request("GET", first.url, trusted=True)
        assert other.asked == []


def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    redirect = answer(302, Location="/again")
    with Scripted(redirect, redirect, redirect, answer(200, b"home")) as server:
        assert external.request("GET", server.url, trusted=True).body == b"home"
    with Scripted(redirect) as server:
        assert reason_of(server.url) is Reason.TOO_MANY_REDIRECTS
        assert len(server.asked) == 4


def test_a_webhook_follows_no_redirect() -> None:
    with Scripted(answer(302, Location="/again")) as server:
        assert external.post(server.url, b"{}", {}, trusted=True).status == 302
        assert len(server.asked) == 1


# ------------------------------------------------------------------------ TLS


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """The TLS of a server that is partner.example, and whose issuer we trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "partner.example")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("partner.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = tmp_path / "trusted.pem", tmp_path / "private.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    monkeypatch.setattr(certifi, "where", lambda: str(trusted))
    transport._tls_context.cache_clear()
    yield context
    transport._tls_context.cache_clear()


def test_tls_certificates_are_checked_against_the_name_and_not_the_address(tls: ssl.SSLContext) -> None:
    with Scripted(answer(200, b"secret " * 9000), tls=tls) as server:
        here = resolving_to("127.0.0.1")
        found = external.request("GET", f"https://partner.example:{server.port}/", trusted=True, resolver=here)
        assert found.body == b"secret " * 9000
        assert reason_of(f"https://somebody.example:{server.port}/", resolver=here) is Reason.UNREACHABLE
        assert len(server.asked) == 1


def test_an_unknown_issuer_is_not_trusted(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "false")
    with Scripted(answer(200), tls=tls) as server:
        url = f"https://partner.example:{server.port}/"
        assert reason_of(url, resolver=resolving_to("127.0.0.1")) is Reason.UNREACHABLE
        assert server.asked == []


@pytest.mark.usefixtures("private_allowed")
def test_a_redirect_from_https_to_http_is_refused(tls: ssl.SSLContext) -> None:
    with Scripted(answer(200)) as plain, Scripted(answer(302, Location=plain.url), tls=tls) as secure:
        url = f"https://partner.example:{secure.port}/"
        with pytest.raises(external.RedirectNotAllowedError, match="from https to http"):
            external.request("GET", url, resolver=resolving_to("127.0.0.1"))
        assert plain.asked == []


# ------------------------------------------------------------------- isolation


def test_nothing_of_the_environment_changes_a_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret\n")
    with Scripted(answer(200, b"proxy")) as proxy, Scripted(answer(200, b"here")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NETRC", str(netrc))
        assert external.request("GET", server.url, trusted=True).body == b"here"
        assert proxy.asked == []
        assert b"Authorization" not in server.asked[0]


def test_a_cookie_is_not_kept() -> None:
    with Scripted(answer(302, Location="/again", Set_Cookie="a=b"), answer(200)) as server:
        external.request("GET", server.url, trusted=True)
        external.request("GET", server.url, trusted=True)
        assert not any(b"Cookie" in asked for asked in server.asked)


def test_responses_are_not_decompressed() -> None:
    packed = gzip.compress(b"x" * 5_000_000)
    with Scripted(answer(200, packed, Content_Encoding="gzip")) as server:
        assert external.request("GET", server.url, trusted=True).body == packed
        assert b"Accept-Encoding: identity\r\n" in server.asked[0]


def test_a_path_is_sent_as_it_was_checked() -> None:
    with Scripted(answer(200)) as server:
        external.request("GET", f"{server.url}/a/../b//c/%7Ed?x=%2F#part", trusted=True)
        assert server.asked[0].startswith(b"GET /a/../b//c/%7Ed?x=%2F HTTP/1.1\r\n")


def test_a_broken_header_puts_no_url_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with Scripted(b"HTTP/1.1 200 OK\r\nX: 1\r\nno header\r\nContent-Length: 0\r\n\r\n") as server:
        external.request("GET", f"{server.url}/secret", trusted=True)
    assert "secret" not in caplog.text


# ----------------------------------------------------------- deadlines and sizes


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.TRICKLE, Fault.TRICKLE_HEAD])
def test_a_slow_answer_is_ended_by_the_deadline(fake_api: FakeApi, fault: Fault) -> None:
    headers = {"Authorization": f"Bearer {fake_api.api_key}"}
    # The whole answer would arrive after the deadline, while no single read would time out.
    fake_api.fail("/customers", fault, seconds=3 if fault is Fault.SLOW else 0.1)
    url = f"{fake_api.url}/customers?limit=1"
    assert reason_of(url, headers=headers, deadline=Deadline.within(0.5)) is Reason.TIMEOUT
    fake_api.clear_faults()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_silent_server_is_left_at_the_deadline(scheme: str) -> None:
    # Connections wait in the backlog; nothing answers a request or a TLS handshake, or takes in a large body.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/"
        for body in (None, b"x" * 30_000_000):
            assert reason_of(url, body=body, deadline=Deadline.within(0.3)) is Reason.TIMEOUT


def test_a_silent_resolver_is_left_at_the_deadline() -> None:
    asked, closing = threading.Event(), threading.Event()

    def resolver(host: str, port: int) -> Sequence[tuple[Any, ...]]:
        asked.set()
        closing.wait(30)
        return []

    try:
        assert reason_of("http://partner.example/", resolver=resolver, deadline=Deadline.within(0.1)) is Reason.TIMEOUT
        assert asked.is_set()
    finally:
        closing.set()


def test_no_call_starts_after_its_deadline() -> None:
    with Scripted(answer(200)) as server:
        assert reason_of(server.url, deadline=Deadline.within(-1)) is Reason.TIMEOUT
        assert server.asked == []


def test_an_answer_that_announces_too_much_is_not_read() -> None:
    """The server never sends a body: who waited for it would find the connection lost."""
    with Scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n") as server:
        assert reason_of(server.url) is Reason.TOO_LARGE


def test_an_answer_of_a_megabyte_is_accepted_and_a_larger_one_refused() -> None:
    with Scripted(answer(200, b"x" * 1024 * 1024)) as server:
        assert len(external.request("GET", server.url, trusted=True).body) == 1024 * 1024
    with Scripted(answer(200, b"x" * (1024 * 1024 + 1))) as server:
        assert reason_of(server.url) is Reason.TOO_LARGE


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        CHUNKED + b"200001\r\n" + b"x" * 0x200001,
        CHUNKED + b"1000\r\n" * 1 + (b"x" * 0x1000 + b"\r\n1000\r\n") * 300,
        # http.client reads a chunk of that size to the end of the connection.
        CHUNKED + b"-1\r\n" + b"x" * 4_000_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000,
    ],
    ids=["one chunk", "many chunks", "a negative chunk", "no length", "an endless prelude"],
)
def test_an_endless_answer_is_refused(raw: bytes) -> None:
    with Scripted(raw) as server:
        assert reason_of(server.url) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.UNREACHABLE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Reason.UNREACHABLE),
        (CHUNKED + b"10\r\nhalf", Reason.UNREACHABLE),
        (CHUNKED + b"-5\r\nhalf", Reason.JUNK),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Reason.JUNK),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", Reason.JUNK),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n", Reason.JUNK),
    ],
    ids=[
        "nothing",
        "cut off",
        "a chunk cut off",
        "a negative chunk",
        "another protocol",
        "a long header",
        "many headers",
    ],
)
def test_an_incomplete_answer_is_refused(raw: bytes, reason: Reason) -> None:
    with Scripted(raw) as server:
        assert reason_of(server.url) is reason


@examples(60)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", CHUNKED, b"HTTP/1.1 302 Found\r\nLocation:"])
)
def test_any_bytes_received_give_an_answer_or_one_of_our_errors(junk: bytes, start: bytes) -> None:
    with Scripted(start + junk) as server:
        try:
            found = external.request("GET", server.url, trusted=True)
            assert 100 <= found.status <= 999
        except (external.ExternalServiceError, external.AddressNotAllowedError):
            pass


def test_a_missing_host_is_unreachable() -> None:
    with Scripted(answer(200)) as server:
        url = server.url
    assert reason_of(url) is Reason.UNREACHABLE
    assert reason_of("http://no-such-host.invalid/") is Reason.UNREACHABLE
