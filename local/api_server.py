"""Inside the API's process: Chalice's local server, with what API Gateway adds around it."""

import contextlib
import functools
import json
import os
import socket
import sys
import threading
import traceback
import uuid
from collections.abc import Iterator
from http.server import HTTPServer
from types import ModuleType
from typing import Any

from chalice.app import Chalice
from chalice.cli.factory import CLIFactory
from chalice.deploy.validate import validate_routes
from chalice.local import (
    ChaliceRequestHandler,
    LocalDevServer,
    ThreadedHTTPServer,
    create_local_server,
)

from chalicelib.core.http import responses
from local import frames, host_check, iam_enforcement
from local.api_process import READY

# API Gateway takes no larger request, and Lambda no larger event ("Lambda quotas").
LARGEST_BODY = 10 * 1024 * 1024
LARGEST_EVENT = 6 * 1024 * 1024
LONGEST_LINE = 65536
# In seconds: how long a process that has been replaced works on its last requests.
LONGEST_FINISH = 30.0

# What API Gateway refuses before any function runs: status, error type, code and message.
Refusal = tuple[int, str, str, str]
BAD_REQUEST: Refusal = (400, "InvalidRequestError", "INVALID_REQUEST", "The request is not valid.")
MISDIRECTED: Refusal = (
    host_check.MISDIRECTED,
    "MisdirectedRequestError",
    "MISDIRECTED_REQUEST",
    "This machine does not answer to that Host: ask it as localhost, 127.0.0.1 or [::1].",
)
# For an unknown path or method API Gateway reads an Authorization header as an AWS signature.
UNSIGNED: Refusal = (403, "InvalidRequestError", "INVALID_REQUEST", "The request is not valid.")
NOT_FOUND: Refusal = (404, "NotFoundError", "NOT_FOUND", "There is no such route.")
TOO_LARGE: Refusal = (413, "TooLargeError", "TOO_LARGE", "The request is too large.")
BROKEN: Refusal = (500, "UnexpectedError", "UNKNOWN_ERROR", "Something went wrong on our side.")


class RefusedError(Exception):
    """A request that is refused before it is routed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal[2])
        self.refusal = refusal


class _Requests:
    """The requests that are being answered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self.are_last = False

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Count a request while it is answered."""
        with self._changed:
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def wait_for_last(self) -> None:
        """Connections are closed from now on after their request; wait until none is being answered."""
        self.are_last = True
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, LONGEST_FINISH)


_requests = _Requests()


class Handler(ChaliceRequestHandler):
    """Chalice's handler, with API Gateway's refusals, HEAD without a body, and no traces of lost connections."""

    # Without these two a keep-alive client waits 40 ms for each response.
    disable_nagle_algorithm = True
    wbufsize = 65536

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().finish()

    def handle_expect_100(self) -> bool:
        # Otherwise "100 Continue" stays in the buffer, and curl waits a second for it before a large body.
        continues: bool = super().handle_expect_100()
        self.wfile.flush()
        return continues

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The application logs its own requests."""

    def _generic_handle(self) -> None:
        with _requests.one():
            self._handle_request()
            self.wfile.flush()
            if _requests.are_last:
                self.close_connection = True

    def _handle_request(self) -> None:
        try:
            if not host_check.is_local(self.headers.get("Host")):
                raise RefusedError(MISDIRECTED)
            self._payload = dict(self.headers), self._read_body()
            self._check_event()
        except RefusedError as refused:
            # The rest of the request is unread: the connection cannot be used for another one.
            self.close_connection = True
            self._refuse(refused.refusal)
            return
        if not self._is_route():
            self._refuse(UNSIGNED if "Authorization" in self.headers else NOT_FOUND)
            return
        try:
            super()._generic_handle()
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            traceback.print_exc()
            self.close_connection = True
            self._refuse(BROKEN)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = _generic_handle  # noqa: N815

    def __getattr__(self, name: str) -> Any:
        """A method that HTTP does not have either is refused as any other without a route."""
        if name.startswith("do_"):
            return self._generic_handle
        raise AttributeError(name)

    def _parse_payload(self) -> tuple[dict[str, Any], bytes | None]:
        return self._payload

    def _read_body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            raise RefusedError(BAD_REQUEST)
        if int(length) > LARGEST_BODY:
            raise RefusedError(TOO_LARGE)
        return self.rfile.read(int(length)) or None

    def _read_chunks(self) -> bytes | None:
        body = bytearray()
        try:
            while size := int(self.rfile.readline(100).partition(b";")[0], 16):
                if size < 0 or len(body) + size > LARGEST_BODY:
                    raise RefusedError(TOO_LARGE)
                body += self.rfile.read(size)
                self.rfile.readline(3)
        except ValueError:
            raise RefusedError(BAD_REQUEST) from None
        while self.rfile.readline(LONGEST_LINE).strip():
            """Trailers are ignored."""
        return bytes(body) or None

    def _check_event(self) -> None:
        """Refuses what Lambda would refuse: in the function's event the body is a JSON text, and headers are twice."""
        headers, body = self._payload
        text = json.dumps((body or b"").decode(errors="replace"), ensure_ascii=False)
        if len(text.encode()) + 2 * len(json.dumps(headers)) > LARGEST_EVENT:
            raise RefusedError(TOO_LARGE)

    def _is_route(self) -> bool:
        """Whether the API has this path with this method: API Gateway matches both together."""
        try:
            matched = self.local_gateway.event_converter._route_matcher.match_route(self.path)
        except ValueError:
            return False
        return self.command in ("OPTIONS", *self.local_gateway._app_object.routes[matched.route])

    def _refuse(self, refusal: Refusal) -> None:
        status, kind, code, message = refusal
        request_id = str(uuid.uuid4())
        error = {"type": kind, "code": code}
        body = {"success": False, "message": message, "error": error, "requestId": request_id}
        headers = {
            "Content-Type": "application/json",
            **responses.DEFAULT_HEADERS,
            "Access-Control-Allow-Origin": os.environ.get("CORS_ORIGIN", "*"),
            "x-amzn-RequestId": request_id,
        }
        if self.close_connection:
            headers["Connection"] = "close"
        self._send_http_response(status, headers, json.dumps(body).encode())

    def send_header(self, keyword: str, value: str) -> None:
        """API Gateway renames WWW-Authenticate ("Amazon API Gateway important notes")."""
        renamed = keyword.lower() == "www-authenticate"
        super().send_header(f"x-amzn-Remapped-{keyword}" if renamed else keyword, value)

    def _send_http_response_with_body(self, code: int, headers: dict[str, Any], body: str | bytes) -> None:
        if self.command != "HEAD":
            super()._send_http_response_with_body(code, headers, body)
            return
        # A response to HEAD has a length and no body.
        length = len(body if isinstance(body, bytes) else body.encode())
        self.send_response(code)
        self._send_headers({"Content-Type": "application/json"} | headers | {"Content-Length": str(length)})


class _Server(ThreadedHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def run(application: ModuleType, spec: frames.Message, listening: socket.socket, lifeline: socket.socket) -> None:
    """Serve on a listening socket until the local machine closes its end of the lifeline."""
    if spec["grants"] is not None:
        iam_enforcement.enforce(spec["grants"])
    server = _make_server(application.app, spec, listening)
    threading.Thread(target=_stop_with, args=[lifeline, server.server], daemon=True).start()
    lifeline.send(READY)
    server.server.serve_forever(poll_interval=0.05)
    _requests.wait_for_last()


def _make_server(app: Chalice, spec: frames.Message, listening: socket.socket) -> LocalDevServer:
    config = CLIFactory(spec["project"], environ=os.environ).create_config_obj(spec["stage"])
    validate_routes(app.routes)
    # Chalice always binds a port itself: it binds a free one, which is then replaced by our socket.
    server = create_local_server(app, config, "127.0.0.1", 0)
    server.server.server_close()
    handler: Any = functools.partial(Handler, app_object=app, config=config)
    server.server = _Server(listening.getsockname(), handler, bind_and_activate=False)
    server.server.socket.close()
    server.server.socket = listening
    return server


def _stop_with(lifeline: socket.socket, server: HTTPServer) -> None:
    lifeline.recv(1)
    server.shutdown()
