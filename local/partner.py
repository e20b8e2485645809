"""A stand-in for the external services: takes work, tells how it stands, calls back, and misbehaves on demand."""

import contextlib
import hashlib
import hmac
import http.client
import json
import secrets
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from local.customers import Customers, page_number
from local.faults import ANSWERED, Fault, Plan, Planned

ENDPOINTS = ("/file-processor/upload", "/report-generator/create", "/data-exporter/queue", "/generic-processor")
CUSTOMERS = "/customers"
CONTROL = "/_faults"

# One byte more than the platform takes of an answer is enough to be refused.
HUGE = 1024 * 1024 + 1
CALLBACK_SECONDS = 2.0


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Work:
    """What one POST asked for, and how it stands: queued, processing, then the outcome."""

    id: str
    endpoint: str
    status: str
    payload: Any

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "status": self.status}


@dataclass(frozen=True)
class _Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class _RefusedError(Exception):
    """A request that the partner does not take."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = _json(status, {"error": message})


def _json(status: int, value: Any, **headers: str) -> _Reply:
    return _Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class Partner:
    """An HTTP server on 127.0.0.1; use it in a `with`. What it received and did stays to be looked at.

    `outcome` is where work ends; `done_at_once` ends it before the answer. `callback_delay` is in seconds.
    """

    def __init__(
        self, port: int = 0, *, api_key: str | None = None, callback_secret: str | None = None, customers: int = 250
    ) -> None:
        """`port` 0 is any free one; keys are made where none are given."""
        self.api_key = api_key or secrets.token_urlsafe(24)
        self.callback_secret = callback_secret or secrets.token_urlsafe(24)
        self.customers = Customers(customers)
        self.outcome = "completed"
        self.done_at_once = False
        self.callback_delay = 0.0
        self.received: list[Received] = []
        self.work: dict[str, Work] = {}
        self.callbacks: list[tuple[str, int | None]] = []
        self._by_idempotency_key: dict[str, str] = {}
        self._plan = Plan()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._releases = 0
        self._callers: list[threading.Thread] = []
        self._server = _Server(self, port)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="partner")

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops at once, whatever is under way; no thread is left."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        if self._serving.is_alive():
            self._server.shutdown()
            self._serving.join()
        self._server.hang_up()
        self._server.server_close()
        for caller in self._callers:
            caller.join()

    @property
    def secret(self) -> str:
        """What belongs in Secrets Manager for this partner."""
        return json.dumps({"base_url": self.url, "api_key": self.api_key, "callback_secret": self.callback_secret})

    # ------------------------------------------------------------ misbehaviour

    def fail(
        self,
        path: str,
        fault: Fault,
        *,
        times: int | None = 1,
        seconds: float | None = None,
        retry_after: str = "1",
        page: int = 1,
    ) -> None:
        """Plans a fault for the next `times` requests (None: all) to `path`; `path/*` is for all right below it."""
        self._plan.add(path, Planned(fault, times, seconds, retry_after, page))

    def behave(self) -> None:
        """Forgets every planned fault, and lets go of what is held."""
        self._plan.clear()
        self.release()

    def release(self) -> None:
        """Lets go of every request that a SLOW fault holds now."""
        with self._changed:
            self._releases += 1
            self._changed.notify_all()

    def rotate_key(self) -> str:
        """A new key; the old one is refused from now on."""
        self.api_key = secrets.token_urlsafe(24)
        return self.api_key

    # ---------------------------------------------------------------- requests

    def serve(self, asked: Received, connection: "_Handler") -> None:
        """Answers one request, or misbehaves as planned."""
        if asked.path == CONTROL:
            connection.reply(self._guarded(self._control, asked))
            return
        self.received.append(asked)
        planned = self._plan.due(asked.path, page_number(asked.query))
        fault = planned.fault if planned else None
        if planned is None or planned.fault in ANSWERED:
            reply: _Reply | None = self._guarded(self._answer, asked)
        else:
            reply = self._refusal(planned, asked)
        if reply is None:
            return
        if planned is not None and fault is Fault.SLOW:
            self._hold(planned.seconds)
            if self._closing.is_set():
                return
        if planned is not None and fault in (Fault.TRICKLE, Fault.TRICKLE_HEAD):
            pause = 1.0 if planned.seconds is None else planned.seconds
            connection.drip(reply, self._closing, pause, from_the_head=fault is Fault.TRICKLE_HEAD)
        else:
            connection.reply(reply, cut_off=fault is Fault.CUT_OFF)

    def _guarded(self, answer: Any, asked: Received) -> _Reply:
        try:
            reply: _Reply = answer(asked)
        except _RefusedError as refused:
            return refused.reply
        return reply

    def _refusal(self, planned: Planned, asked: Received) -> _Reply | None:
        match planned.fault:
            case Fault.RATE_LIMITED:
                return _json(429, {"error": "too many requests"}, **{"Retry-After": planned.retry_after})
            case Fault.ERROR:
                return _json(500, {"error": "out of order"})
            case Fault.WRONG_KEY:
                return _json(401, {"error": "unknown key"})
            case Fault.REFUSED:
                return _json(422, {"error": "that is not taken"})
            case Fault.JUNK:
                return _Reply(200, b"<html>It works!</html>", {"Content-Type": "text/html"})
            case Fault.HUGE:
                return _Reply(200, b" " * HUGE, {"Content-Type": "application/json"})
            case Fault.REDIRECT_LOOP:
                return _Reply(307, b"", {"Location": asked.path})
            case Fault.REDIRECT_INSIDE:
                return _Reply(307, b"", {"Location": "http://169.254.169.254/latest/meta-data/"})
            case _:
                return None

    def _hold(self, seconds: float | None) -> None:
        with self._changed:
            seen = self._releases
            self._changed.wait_for(lambda: self._releases != seen or self._closing.is_set(), seconds)

    def _control(self, asked: Received) -> _Reply:
        """POST plans a fault by the names of `fail` (`{"fault": "rotate_key"}` gives the new key); DELETE ends all."""
        if asked.method == "DELETE":
            self.behave()
            return _json(200, {})
        try:
            order = {"retry_after" if name == "retryAfter" else name: value for name, value in asked.json().items()}
            if order.get("fault") == "rotate_key":
                return _json(200, {"apiKey": self.rotate_key()})
            self.fail(str(order.pop("path")), Fault(order.pop("fault")), **order)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _RefusedError(400, f"{type(error).__name__}: {error}") from None
        return _json(200, {})

    def _answer(self, asked: Received) -> _Reply:
        if asked.headers.get("Authorization") != f"Bearer {self.api_key}":
            raise _RefusedError(401, "unknown key")
        endpoint, _, work_id = asked.path.rpartition("/")
        if asked.method == "POST" and asked.path in ENDPOINTS:
            return self._take(asked)
        if asked.method == "GET" and endpoint in ENDPOINTS:
            return self._progress(endpoint, work_id)
        if asked.method == "GET" and asked.path == CUSTOMERS:
            return self._customers(asked)
        raise _RefusedError(404, "nothing here")

    def _customers(self, asked: Received) -> _Reply:
        try:
            return _json(200, self.customers.page(asked.query))
        except ValueError as error:
            raise _RefusedError(400, str(error)) from None

    def _take(self, asked: Received) -> _Reply:
        try:
            order = asked.json()
        except ValueError:
            raise _RefusedError(400, "not JSON") from None
        if not isinstance(order, dict):
            raise _RefusedError(400, "not an object")
        key = asked.headers.get("Idempotency-Key") or secrets.token_hex(8)
        with self._changed:
            known = self._by_idempotency_key.get(key)
            if known is not None:
                return _json(200, self.work[known].shown())
            status = self.outcome if self.done_at_once else "queued"
            work = Work(f"work-{len(self.work) + 1:06d}", asked.path, status, order)
            self.work[work.id] = work
            self._by_idempotency_key[key] = work.id
        shown = work.shown()
        if order.get("callbackUrl"):
            caller = threading.Thread(target=self._call_back, args=(work, str(order["callbackUrl"])), name="callback")
            self._callers.append(caller)
            caller.start()
        return _json(202, shown)

    def _progress(self, endpoint: str, work_id: str) -> _Reply:
        """Each look moves work one state on, so that a test sees all of them without waiting."""
        with self._changed:
            work = self.work.get(work_id)
            if work is None or work.endpoint != endpoint:
                raise _RefusedError(404, "no such work")
            shown = work.shown()
            work.status = {"queued": "processing", "processing": self.outcome}.get(work.status, work.status)
        return _json(200, shown)

    def _call_back(self, work: Work, url: str) -> None:
        if self._closing.wait(self.callback_delay):
            return
        work.status = self.outcome
        body = json.dumps(work.shown()).encode()
        sent_at = int(time.time())
        signed = f"{sent_at}.{work.payload.get('actionId')}.".encode() + body
        digest = hmac.new(self.callback_secret.encode(), signed, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Darkroom-Signature": f"t={sent_at},v2={digest}"}
        self.callbacks.append((work.id, self._send(url, body, headers)))

    def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        """The status of the answer to a callback; None where none came."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=CALLBACK_SECONDS)
        try:
            connection.connect()
            self._server.opened(connection.sock)
            connection.request("POST", parts.path or "/", body, dict(headers))
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            self._server.closed(connection.sock)
            connection.close()


class _Server(ThreadingHTTPServer):
    """One thread a connection, all of them joined when it closes."""

    daemon_threads = False

    def __init__(self, partner: Partner, port: int) -> None:
        self.partner = partner
        self._open: set[socket.socket] = set()
        self._ended = False
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.opened(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.closed(request)
        super().shutdown_request(request)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            if self._ended:
                connection.shutdown(socket.SHUT_RDWR)

    def closed(self, connection: socket.socket | None) -> None:
        with self._lock:
            if connection is not None:
                self._open.discard(connection)

    def hang_up(self) -> None:
        """Ends every connection, so that no thread waits for the other side."""
        with self._lock:
            self._ended = True
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of callers who hang up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    wbufsize = 65_536  # head and body in one packet

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Received(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers), body)
        self.server.partner.serve(asked, self)

    def reply(self, reply: _Reply, *, cut_off: bool = False) -> None:
        self._head(reply)
        self.wfile.write(reply.body[: len(reply.body) // 2] if cut_off else reply.body)

    def drip(self, reply: _Reply, closing: threading.Event, pause: float, *, from_the_head: bool) -> None:
        """The answer a byte at a time, until it ends or the partner closes."""
        if not from_the_head:
            self._head(reply)
        for drop in (b"HTTP/1.0 200 OK\r\n\r\n" if from_the_head else b"") + reply.body:
            if closing.wait(pause):
                return
            self.wfile.write(bytes([drop]))
            self.wfile.flush()

    def _head(self, reply: _Reply) -> None:
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing: the console is the machine's."""
