"""The HTTP server of the fake API: one thread a connection, all ended and joined when it closes."""

import contextlib
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from local.fake_api.messages import ReceivedRequest, Response


class Service(Protocol):
    """What answers the requests."""

    def serve(self, request: ReceivedRequest, connection: "Connection") -> None: ...


class Server(ThreadingHTTPServer):
    """Keeps track of its connections, so that `close_connections` can end every thread."""

    daemon_threads = False

    def __init__(self, service: Service) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._closed = False
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
            if self._closed:
                connection.shutdown(socket.SHUT_RDWR)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End every connection now and in future, so that no thread waits for the other side."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Lost connections are not reported."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Connection(BaseHTTPRequestHandler):
    """One request and its response, which may be cut off or slow."""

    server: Server
    wbufsize = 65_536  # head and body in one packet

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(parts.query))
        self.server.service.serve(ReceivedRequest(self.command, parts.path, query, dict(self.headers), body), self)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    def send(self, response: Response, *, cut_off: bool = False) -> None:
        self._send_head(response)
        self.wfile.write(response.body[: len(response.body) // 2] if cut_off else response.body)

    def trickle(self, response: Response, closing: threading.Event, pause: float, *, with_head: bool) -> None:
        """Send the response a byte at a time until it ends or the server closes; `pause` is in seconds."""
        if not with_head:
            self._send_head(response)
        for byte in (b"HTTP/1.0 200 OK\r\n\r\n" if with_head else b"") + response.body:
            if closing.wait(pause):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def _send_head(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Requests are not logged."""
