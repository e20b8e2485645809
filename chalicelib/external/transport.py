"""One HTTP exchange through `requests`, over sockets that connect to checked addresses and obey limits."""

import contextlib
import functools
import http.client
import logging
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from chalicelib.core.deadline import Deadline
from chalicelib.external.addresses import Address, Target
from chalicelib.external.errors import ExternalServiceError, Reason
from chalicelib.external.messages import Request, Response

# The longest wait for one connection or one read.
MAX_WAIT_SECONDS = 10.0
# For headers and chunk framing: http.client bounds the length of lines, but not their number.
_MAX_OVERHEAD_BYTES = 1024 * 1024
_PIECE_BYTES = 64 * 1024
_CAUSES = {
    Reason.UNREACHABLE: "did not answer",
    Reason.TIMEOUT: "took too long",
    Reason.TOO_LARGE: "sent a response that is too large",
    Reason.JUNK: "does not speak HTTP",
}

# urllib3's warnings contain whole URLs, which may hold secrets.
logging.getLogger("urllib3").setLevel(logging.ERROR)


def exchange(request: Request, addresses: Sequence[Address], limits: "Limits") -> Response:
    """Sends one request to the first address that accepts a connection, and reads the whole response.

    Raises:
        ExternalServiceError: UNREACHABLE, TIMEOUT, TOO_LARGE or JUNK.
    """
    headers = {"Accept-Encoding": "identity", "Connection": "close", **request.headers}
    try:
        prepared = requests.Request(request.method, request.target.url, headers, data=request.body).prepare()
        # Without a Session there are no cookies, .netrc, proxies, redirects or settings from the environment.
        adapter = _PinnedAdapter(request.target, addresses, limits)
        with contextlib.closing(adapter), adapter.send(prepared, stream=True) as response:
            names = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status_code, _read(response, limits), names)
    except ValueError:
        raise limits.error(Reason.JUNK) from None
    except (requests.RequestException, HTTPError):
        # Their messages contain the whole URL.
        raise limits.error(Reason.UNREACHABLE) from None


def _read(response: requests.Response, limits: "Limits") -> bytes:
    announced = response.headers.get("content-length", "")
    if announced.isascii() and announced.isdecimal() and float(announced) > limits.max_bytes:
        raise limits.error(Reason.TOO_LARGE)
    body = bytearray()
    for piece in response.raw.stream(_PIECE_BYTES, decode_content=False):
        body += piece
        if len(body) > limits.max_bytes:
            raise limits.error(Reason.TOO_LARGE)
    return bytes(body)


class Limits:
    """What one exchange may use: time until the deadline, and bytes."""

    def __init__(self, host: str, deadline: Deadline, max_bytes: int) -> None:
        self._host = host
        self._deadline = deadline
        self.max_bytes = max_bytes
        self._wire_bytes_left = max_bytes + _MAX_OVERHEAD_BYTES

    def next_timeout(self) -> float:
        if self._deadline.is_over:
            raise TimeoutError
        return min(MAX_WAIT_SECONDS, self._deadline.seconds_left)

    def count_received(self, count: int) -> None:
        self._wire_bytes_left -= count
        if self._wire_bytes_left < 0:
            raise self.error(Reason.TOO_LARGE)

    def error(self, reason: Reason) -> ExternalServiceError:
        return ExternalServiceError(f"{self._host} {_CAUSES[reason]}", reason)

    @contextlib.contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raises ExternalServiceError for socket errors: urllib3 would wrap them, and ignore some."""
        try:
            yield
        except TimeoutError as error:
            raise self.error(Reason.TIMEOUT) from error
        except OSError as error:
            raise self.error(Reason.UNREACHABLE) from error


class _LimitedSocket:
    """Checks the limits at each read and write, so that a slow sender cannot outlast the deadline."""

    limits: Limits

    def recv_into(self, *args: Any) -> int:
        with self.limits.translate_errors():
            self.settimeout(self.limits.next_timeout())  # type: ignore[attr-defined]
            count: int = super().recv_into(*args)  # type: ignore[misc]
        self.limits.count_received(count)
        return count

    def send(self, *args: Any) -> int:
        with self.limits.translate_errors():
            self.settimeout(self.limits.next_timeout())  # type: ignore[attr-defined]
            sent: int = super().send(*args)  # type: ignore[misc]
        return sent

    def sendall(self, *args: Any) -> None:
        view = memoryview(args[0])
        while view:
            view = view[self.send(view) :]


class _PlainSocket(_LimitedSocket, socket.socket):
    pass


class _TlsSocket(_LimitedSocket, ssl.SSLSocket):
    pass


@functools.cache
def _tls_context() -> ssl.SSLContext:
    # The CA certificates that we ship: those of the system differ between machines.
    context = ssl.create_default_context(cafile=certifi.where())
    context.sslsocket_class = _TlsSocket
    return context


class _PinnedConnection(HTTPConnection):
    """Connects to the given addresses and never resolves a name. TLS still verifies the certificate for the name."""

    def __init__(self, *args: Any, addresses: Sequence[Address], limits: Limits, **options: Any) -> None:
        super().__init__(*args, **options)
        self._addresses = addresses
        self._limits = limits

    def connect(self) -> None:
        with self._limits.translate_errors():
            super().connect()
        self.sock.limits = self._limits  # type: ignore[union-attr]

    def _new_conn(self) -> socket.socket:
        failure: OSError = ConnectionRefusedError()
        for address in self._addresses:
            plain = _PlainSocket(address.family, socket.SOCK_STREAM)
            try:
                plain.settimeout(self._limits.next_timeout())
                plain.connect(address.sockaddr)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # This timeout bounds the TLS handshake as a whole.
                plain.settimeout(self._limits.next_timeout())
                return plain
            except OSError as error:
                plain.close()
                failure = error
        raise failure

    def getresponse(self) -> Any:
        try:
            return super().getresponse()
        except http.client.RemoteDisconnected:
            raise self._limits.error(Reason.UNREACHABLE) from None
        except (http.client.HTTPException, ValueError):
            # Their messages quote the response.
            raise self._limits.error(Reason.JUNK) from None


class _PinnedTlsConnection(_PinnedConnection, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PinnedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PinnedTlsConnection


def _pool(target: Target, **options: Any) -> HTTPConnectionPool:
    if target.scheme == "http":
        return _PlainPool(target.host, target.port, **options)
    return _TlsPool(target.host, target.port, ssl_context=_tls_context(), **options)


class _PinnedAdapter(HTTPAdapter):
    """Sends to checked addresses of one target. Every exchange has a new connection."""

    def __init__(self, target: Target, addresses: Sequence[Address], limits: Limits) -> None:
        super().__init__()
        self._target = target
        self._pool = _pool(target, addresses=addresses, limits=limits)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        """Closes the connection too, which urllib3 keeps if the server did not close it."""
        super().close()
        self._pool.close()

    def cert_verify(self, *_: Any) -> None:
        """Nothing: _tls_context() verifies certificates; the base class would load the CA file for every call."""

    def request_url(self, *_: Any) -> str:
        """The path that was checked: `requests` normalises URLs in its own way."""
        return self._target.path
