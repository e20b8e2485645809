"""A server that answers with exactly the bytes it is given, over TCP or TLS, and keeps the requests."""

import contextlib
import socket
import ssl
import threading
from types import TracebackType
from typing import Self


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A complete HTTP response; underscores in header names stand for hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} Whatever", *lines, f"Content-Length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body


class Scripted:
    """Answers each connection with the next of `answers` (the last one repeats) and closes it."""

    def __init__(self, *answers: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._converse(connection)

    def _converse(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        with connection:
            self.asked.append(_request(connection))
            connection.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            connection.shutdown(socket.SHUT_WR)
            try:
                # Closing with unread bytes would reset the connection and lose the answer.
                while connection.recv(65_536):
                    pass
            except TimeoutError:
                raise AssertionError("the client left its connection open") from None


def _request(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read and (part := connection.recv(65_536)):
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length and (part := connection.recv(65_536)):
        body += part
    return head + b"\r\n\r\n" + body
