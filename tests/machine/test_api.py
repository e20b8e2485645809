"""The API's server: API Gateway's refusals in our format, connections that stay usable, a process that is replaced."""

import os
import signal
import socket

import pytest
import requests

from chalicelib.core.http import payload
from tests.conftest import Eventually
from tests.machine.conftest import Tiny


def _send_raw(tiny: Tiny, *requests_on_one_connection: bytes) -> bytes:
    """All that the server sends until it closes the connection."""
    host, port = tiny.machine.api_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"".join(requests_on_one_connection))
        received = bytearray()
        while part := connection.recv(65536):
            received += part
    return bytes(received)


LAST = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def test_an_unknown_route_answers_in_our_format(tiny: Tiny) -> None:
    response = requests.post(f"{tiny.machine.api_url}/nowhere/at/all", data=b"ignored")
    assert response.status_code == 404
    body = response.json()
    assert body.pop("requestId") == response.headers["x-amzn-RequestId"]
    assert body == {
        "success": False,
        "message": "There is no such route.",
        "error": {"type": "NotFoundError", "code": "NOT_FOUND"},
    }
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("token", [b"Bearer x", "Bearer \xe4".encode("latin-1")])
@pytest.mark.parametrize(("method", "path"), [("POST", "/nowhere/at/all"), ("DELETE", "/echo/x")])
def test_a_token_on_an_unknown_route_is_read_as_a_signature(tiny: Tiny, token: bytes, method: str, path: str) -> None:
    response = requests.request(method, f"{tiny.machine.api_url}{path}", headers={"Authorization": token})
    assert response.status_code == 403
    assert response.json()["success"] is False


def test_head_has_no_body_and_the_connection_stays_usable(tiny: Tiny) -> None:
    received = _send_raw(tiny, b"HEAD /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", LAST)
    assert received.startswith(b"HTTP/1.1 404")
    assert received.count(b"HTTP/1.1 ") == 2
    assert b"There is no such route" not in received
    assert received.endswith(b'{"success":true}')


def test_a_chunked_body_is_read(tiny: Tiny) -> None:
    response = requests.post(
        f"{tiny.machine.api_url}/echo/chunks",
        data=iter([b'{"a":', b" 1}"]),
        headers={"Content-Type": "application/json"},
    )
    assert response.json() == {"word": "chunks", "body": {"a": 1}}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: many\r\n", b"400"),
        (b"Content-Length: -1\r\n", b"400"),
        (b"Content-Length: 10485761\r\n", b"413"),
        (b"Transfer-Encoding: chunked\r\n", b"400"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(tiny: Tiny, head: bytes, status: bytes) -> None:
    request = b"POST /echo/x HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\nzzz\r\n"
    received = _send_raw(tiny, request)
    assert received.startswith(b"HTTP/1.1 " + status)
    assert b'"success": false' in received


def test_a_client_that_asks_first_is_told_to_go_on(tiny: Tiny) -> None:
    host, port = tiny.machine.api_url.removeprefix("http://").split(":")
    head = b"POST /echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_request_whose_event_would_be_too_large_for_lambda_is_refused(tiny: Tiny) -> None:
    def status(body: bytes) -> int:
        headers = {"Content-Type": "application/json"}
        return requests.post(f"{tiny.machine.api_url}/echo/x", data=body, headers=headers, timeout=30).status_code

    assert status(b'"' + b"a" * (payload.MOST_BODY_BYTES - 2) + b'"') == 200
    assert status(b'"' + b"a" * payload.MAX_EVENT_BYTES + b'"') == 413
    assert status(b"[" + b'"",' * 1_600_000 + b"0]") == 413, "each quote is escaped in the event"


@pytest.mark.parametrize("host", [b"Host: rebound.example\r\n", b"Host: localhost.example\r\n", b""])
def test_a_request_for_another_host_is_refused(tiny: Tiny, host: bytes) -> None:
    received = _send_raw(tiny, b"GET /health HTTP/1.1\r\n" + host + b"\r\n")
    assert received.startswith(b"HTTP/1.1 421")
    assert b"MISDIRECTED_REQUEST" in received


def test_an_api_that_dies_is_started_again(tiny: Tiny, eventually: Eventually) -> None:
    fork_server, api, *_ = tiny.machine.processes()
    os.kill(api, signal.SIGKILL)
    eventually(lambda: tiny.machine.processes()[1] != api)
    assert requests.get(f"{tiny.machine.api_url}/health", timeout=10).status_code == 200
    assert tiny.machine.processes()[0] == fork_server
