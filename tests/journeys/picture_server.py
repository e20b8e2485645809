"""Somebody's web server with pictures: it answers each path as a test says, and misbehaves on demand."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from local.fake_api.http_server import Connection, Server
from local.fake_api.messages import ReceivedRequest, Response

Answer = Callable[[BaseHTTPRequestHandler], None]


class PictureServer:
    """A context manager on 127.0.0.1. `answers` says what each path gets; `asked` are the paths that were asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()
        self._server = Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="pictures")

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._serving.join()
        self._server.close_connections()
        self._server.server_close()

    def serve(self, request: ReceivedRequest, connection: Connection) -> None:
        self.asked.append(urlsplit(connection.path).path)
        self.answers.get(request.path, gives(b"nothing here", 404))(connection)

    def put(self, path: str, answer: Answer) -> str:
        """From now on the path gets that answer; its URL."""
        self.answers[path] = answer
        return self.url + path

    def drips(self, data: bytes, seconds: float = 0.05) -> Answer:
        """Sends a byte at a time until the test ends."""

        def answer(connection: BaseHTTPRequestHandler) -> None:
            assert isinstance(connection, Connection)
            connection.trickle(Response(200, data), self.closing, seconds, with_head=False)

        return answer

    def waits(self, release: threading.Event, data: bytes) -> Answer:
        """Answers once `release` is set."""

        def answer(connection: BaseHTTPRequestHandler) -> None:
            while not release.wait(0.02):
                if self.closing.is_set():
                    return
            gives(data)(connection)

        return answer


def gives(body: bytes, status: int = 200, *, announced: int | None = None, **headers: str) -> Answer:
    """A whole answer. `announced` is a false Content-Length."""

    def answer(connection: BaseHTTPRequestHandler) -> None:
        connection.send_response(status)
        for name, value in headers.items():
            connection.send_header(name.replace("_", "-"), value)
        connection.send_header("Content-Length", str(len(body) if announced is None else announced))
        connection.end_headers()
        connection.wfile.write(body)

    return answer


def gives_chunks(body: bytes, size: int = 1000, *, times: int = 1) -> Answer:
    """The body in chunks, without its length; all of it `times` times."""

    def answer(connection: BaseHTTPRequestHandler) -> None:
        connection.protocol_version = "HTTP/1.1"
        connection.send_response(200)
        connection.send_header("Transfer-Encoding", "chunked")
        connection.end_headers()
        for _ in range(times):
            for start in range(0, len(body), size):
                piece = body[start : start + size]
                connection.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        connection.wfile.write(b"0\r\n\r\n")

    return answer


def redirects(location: str, status: int = 302) -> Answer:
    return gives(b"", status, Location=location)
