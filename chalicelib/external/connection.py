"""One HTTP exchange with a checked address: every byte of it within a deadline, and no more bytes than expected."""

import functools
import http.client
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import certifi

from chalicelib.external.addresses import Address, Target
from chalicelib.external.errors import ExternalServiceError, Reason

# The longest wait for one connection or one read.
TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 1024 * 1024
# All that a connection may bring: the body, its chunks' sizes, headers. http.client itself bounds lines and not
# totals (a chunk of size -1 makes it read to the end).
_MAX_WIRE_BYTES = 2 * MAX_ANSWER_BYTES


@dataclass(frozen=True)
class Answer:
    """What came back; `headers` by their names in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def exchange(
    method: str,
    target: Target,
    addresses: Sequence[Address],
    body: bytes | None,
    headers: Mapping[str, str],
    deadline: float,
) -> Answer:
    """Sends one request to the first address that takes a connection, and reads the answer to its end.

    `deadline` is a moment of time.monotonic().

    Raises:
        ExternalServiceError: UNREACHABLE, TIMEOUT, TOO_LARGE or JUNK.
    """
    connection = _Connection(target, addresses, deadline)
    try:
        connection.request(method, target.path, body, {"Connection": "close", **headers})
        with connection.getresponse() as answer:
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, _read(answer), headers)
    except TimeoutError as error:
        raise ExternalServiceError(f"{target.host} took too long", Reason.TIMEOUT) from error
    except _TooMuchError:
        raise _too_large(target) from None
    except (OSError, http.client.IncompleteRead) as error:
        raise ExternalServiceError(f"{target.host} did not answer", Reason.UNREACHABLE) from error
    except (http.client.HTTPException, ValueError):
        # These quote what they could not read.
        raise ExternalServiceError(f"{target.host} does not speak HTTP", Reason.JUNK) from None
    finally:
        connection.close()


class _TooMuchError(Exception):
    """More came than an answer may have."""


def _too_large(target: Target) -> ExternalServiceError:
    return ExternalServiceError(f"the answer of {target.host} is too large", Reason.TOO_LARGE)


def _read(answer: http.client.HTTPResponse) -> bytes:
    read = answer.read(MAX_ANSWER_BYTES + 1)
    if len(read) > MAX_ANSWER_BYTES:
        raise _TooMuchError
    if answer.length:
        # http.client says nothing of bytes that were announced and never came.
        raise http.client.IncompleteRead(read, answer.length)
    return read


class _Bounded:
    """A socket whose waits all end at the deadline, however slowly the other side drips."""

    deadline: float
    _left = _MAX_WIRE_BYTES

    def wait_no_longer(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(min(TIMEOUT_SECONDS, left))  # type: ignore[attr-defined]

    def recv_into(self, *args: Any) -> int:
        self.wait_no_longer()
        count: int = super().recv_into(*args)  # type: ignore[misc]
        self._left -= count
        if self._left < 0:
            raise _TooMuchError
        return count

    def send(self, *args: Any) -> int:
        self.wait_no_longer()
        sent: int = super().send(*args)  # type: ignore[misc]
        return sent

    def sendall(self, *args: Any) -> None:
        self.wait_no_longer()
        super().sendall(*args)  # type: ignore[misc]


class _PlainSocket(_Bounded, socket.socket):
    """Over TCP."""


class _SecureSocket(_Bounded, ssl.SSLSocket):
    """Over TLS. Its `sendall` calls `send` for each part, and each of those looks at the deadline."""


class _Connection(http.client.HTTPConnection):
    """Connects to checked addresses and to nothing else, and proves the host's name by TLS where the scheme asks."""

    def __init__(self, target: Target, addresses: Sequence[Address], deadline: float) -> None:
        self.default_port = 443 if target.scheme == "https" else 80
        super().__init__(target.host, target.port)
        self._target = target
        self._addresses = addresses
        self._deadline = deadline

    def connect(self) -> None:
        plain = self._first_that_connects()
        if self._target.scheme == "http":
            self.sock = plain
            return
        try:
            secure = _tls().wrap_socket(plain, server_hostname=self._target.host)
        except BaseException:
            plain.close()
            raise
        self.sock = cast(_SecureSocket, secure)
        self.sock.deadline = self._deadline

    def _first_that_connects(self) -> _PlainSocket:
        fault: OSError = ConnectionRefusedError()
        for address in self._addresses:
            plain = _PlainSocket(address.family, socket.SOCK_STREAM)
            plain.deadline = self._deadline
            try:
                plain.wait_no_longer()
                plain.connect(address.place)
                # A TLS handshake ends within the timeout that it finds here, as one whole.
                plain.wait_no_longer()
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return plain
            except OSError as error:
                plain.close()
                fault = error
        raise fault


@functools.cache
def _tls() -> ssl.SSLContext:
    # The bundle that we ship: what a machine itself trusts differs from one to the next.
    context = ssl.create_default_context(cafile=certifi.where())
    context.sslsocket_class = _SecureSocket
    return context
