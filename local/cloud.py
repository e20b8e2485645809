"""The embedded AWS: moto's server in this process, quiet, kept alive between requests, its known gaps closed."""

import http.server
import io
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import DechunkedInput, make_server

from local.gaps import close_gaps
from local.models import patch

ACCOUNT = "123456789012"
REGION = "us-east-1"
HOST = "127.0.0.1"

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
Middleware = Callable[[Application], Application]

# moto's state is the process's. The ports that serve it now, the last one being the one that moto itself calls.
_serving: list[int] = []


class Cloud:
    """moto behind a socket that listens already."""

    def __init__(self, listening: socket.socket, middleware: Sequence[Middleware] = ()) -> None:
        _prepare()
        application: Application = DomainDispatcherApplication(create_backend_app)
        for layer in middleware:
            application = layer(application)
        self.port: int = listening.getsockname()[1]
        self._server = make_server(
            HOST, self.port, application, threaded=True, request_handler=_Handler, fd=listening.fileno()
        )
        # The server holds a duplicate: with this one closed too, the port is free once the server is.
        listening.close()
        patch(self._server, "daemon_threads", True)
        patch(self._server, "block_on_close", False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05], name="cloud", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        if not _serving:
            _forget()
        _serving.append(self.port)
        os.environ["MOTO_PORT"] = str(self.port)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        if self.port in _serving:
            _serving.remove(self.port)
        if _serving:
            os.environ["MOTO_PORT"] = str(_serving[-1])


def _prepare() -> None:
    default_user_config["stepfunctions"]["execute_state_machine"] = True
    # Every answer would allow every origin; the buckets' own rules are to be seen at work.
    patch(werkzeug_app, "DISABLE_GLOBAL_CORS", True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    close_gaps()


def _forget() -> None:
    """Begin with an empty AWS, whatever ran in this process before."""
    moto_api_backend.reset()


class _Handler(MotoRequestHandler):
    """werkzeug's handler reads a request to its end and keeps the connection; its own closes every one."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._body())
        environ.pop("wsgi.input_terminated", None)
        try:
            status, headers, body = _run(self.server.app, environ)
        except Exception as fault:
            logging.getLogger(__name__).exception("The embedded AWS failed on %s", self.path)
            status, headers, body = "500 Internal Server Error", [], str(fault).encode()
        self._answer(status, headers, body)

    def handle(self) -> None:
        try:
            http.server.BaseHTTPRequestHandler.handle(self)
        except (ConnectionError, TimeoutError, ValueError) as fault:
            self.connection_dropped(fault)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nobody wants a line a request."""

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body: bytes = DechunkedInput(self.rfile).read()  # type: ignore[arg-type]
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        named = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        bodiless = self.command == "HEAD" or int(code) in (204, 304)
        if "content-length" not in named and int(code) not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not bodiless:
            self.wfile.write(body)
        self.wfile.flush()


def _run(application: Any, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        started[:] = [status, headers]
        return parts.append

    parts: list[bytes] = []
    answer = application(environ, start_response)
    try:
        parts.extend(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    return started[0], started[1], b"".join(parts)
