"""The embedded AWS: moto's server in this process, patched, with keep-alive connections and without request logs."""

import http.server
import io
import logging
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import DechunkedInput, make_server

from local import background
from local.aws import HOST
from local.moto_patches import apply_moto_patches
from local.moto_patches.stepfunctions_progress import TASK_HEADER, note_answer, noted_answer
from local.patching import patch
from local.state.changes import CHANGES
from local.wsgi import Application, Environ, Headers

Middleware = Callable[[Application], Application]

# All servers in a process share moto's state. Their ports; moto itself calls the last one.
_ports: list[int] = []


class MotoServer:
    """moto's server on a socket that listens already."""

    def __init__(self, listening: socket.socket, middleware: Sequence[Middleware] = ()) -> None:
        _configure_moto()
        application: Application = DomainDispatcherApplication(create_backend_app)
        for layer in middleware:
            application = layer(application)
        self.port: int = listening.getsockname()[1]
        self._server = make_server(
            HOST, self.port, application, threaded=True, request_handler=_Handler, fd=listening.fileno()
        )
        # The server holds a duplicate. With this one closed, the port is free once the server has stopped.
        listening.close()
        patch(self._server, "daemon_threads", True)
        patch(self._server, "block_on_close", False)
        self._thread = background.Loop("moto server", lambda: self._server.serve_forever(0.05))

    def start(self) -> None:
        """Start to serve, with an empty AWS if no other server runs in this process."""
        if not _ports:
            moto_api_backend.reset()
        _ports.append(self.port)
        os.environ["MOTO_PORT"] = str(self.port)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        if self.port in _ports:
            _ports.remove(self.port)
        if _ports:
            os.environ["MOTO_PORT"] = str(_ports[-1])


def _configure_moto() -> None:
    default_user_config["stepfunctions"]["execute_state_machine"] = True
    # Otherwise every response allows every origin, and the buckets' own CORS rules have no effect.
    patch(werkzeug_app, "DISABLE_GLOBAL_CORS", True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    apply_moto_patches()


class _Handler(MotoRequestHandler):
    """Reads each request to its end and keeps the connection, which werkzeug's own handler closes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._read_body())
        environ.pop("wsgi.input_terminated", None)
        try:
            status, headers, body = _answer(self.server.app, environ)
        except Exception as error:
            logging.getLogger(__name__).exception("The embedded AWS failed on %s", self.path)
            status, headers, body = "500 Internal Server Error", [], str(error).encode()
        self._respond(status, headers, body)

    def handle(self) -> None:
        try:
            http.server.BaseHTTPRequestHandler.handle(self)
        except (ConnectionError, TimeoutError, ValueError) as error:
            self.connection_dropped(error)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are not logged."""

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body: bytes = DechunkedInput(self.rfile).read()  # type: ignore[arg-type]
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _respond(self, status: str, headers: Headers, body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        has_body = int(code) not in (204, 304)
        if has_body and "content-length" not in names:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body and self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


def _answer(application: Any, environ: Environ) -> tuple[str, Headers, bytes]:
    """The response. All changes that a request makes are kept together, with the note that its answer was given."""
    task = environ.get(f"HTTP_{TASK_HEADER.upper().replace('-', '_')}")
    with CHANGES.making():
        if CHANGES.are_refused:
            return "503 Service Unavailable", [], b"The machine is stopping."
        if task is None:
            return _run_wsgi_app(application, environ)
        if (noted := noted_answer(task)) is None:
            status, headers, body = _run_wsgi_app(application, environ)
            note_answer(task, noted := (status, headers, body.decode()))
        status, headers, text = noted
        return status, [(name, value) for name, value in headers], text.encode()


def _run_wsgi_app(application: Any, environ: Environ) -> tuple[str, Headers, bytes]:
    started: list[Any] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        started[:] = [status, headers]
        return parts.append

    parts: list[bytes] = []
    response = application(environ, start_response)
    try:
        parts.extend(response)
    finally:
        if hasattr(response, "close"):
            response.close()
    return started[0], started[1], b"".join(parts)
