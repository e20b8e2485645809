"""The fake API: takes work, reports its progress, lists customers, and misbehaves on demand."""

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from local.fake_api.customers import Customers, page_number
from local.fake_api.faults import AFTER_WORK, Fault, FaultPlan, PlannedFault
from local.fake_api.http_server import Connection, Server
from local.fake_api.messages import ReceivedRequest, RefusedError, Response, json_response

ENDPOINTS = ("/file-processor/upload", "/report-generator/create", "/data-exporter/queue", "/generic-processor")
CUSTOMERS = "/customers"

# One byte more than the platform reads of a response.
HUGE = 1024 * 1024 + 1


@dataclass
class Work:
    """What one POST asked for. `status`: queued, processing, then the outcome."""

    id: str
    endpoint: str
    status: str
    payload: Any

    def as_response(self) -> dict[str, Any]:
        return {"id": self.id, "status": self.status}


class FakeApi:
    """An HTTP server on 127.0.0.1; a context manager. Tests read what it received and did.

    `outcome` is the final status of work; with `done_at_once` the first response has it. It sends no callbacks: tests
    sign them with `callback_secret`.
    """

    def __init__(self, *, customers: int = 250) -> None:
        self.api_key = secrets.token_urlsafe(24)
        self.callback_secret = secrets.token_urlsafe(24)
        self.customers = Customers(customers)
        self.outcome = "completed"
        self.done_at_once = False
        self.received: list[ReceivedRequest] = []
        self.work: dict[str, Work] = {}
        self._by_idempotency_key: dict[str, str] = {}
        self._plan = FaultPlan()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="fake api")

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop at once, whatever is in progress; no thread is left."""
        self._closing.set()
        if self._serving.is_alive():
            self._server.shutdown()
            self._serving.join()
        self._server.close_connections()
        self._server.server_close()

    @property
    def secret(self) -> str:
        """The value of the secret in Secrets Manager that points the platform to this API."""
        return json.dumps({"base_url": self.url, "api_key": self.api_key, "callback_secret": self.callback_secret})

    # ------------------------------------------------------------ faults

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
        """Plan a fault for the next `times` requests (None: all) to `path`; `path/*` is for all directly below it."""
        self._plan.add(path, PlannedFault(fault, times, seconds, retry_after, page))

    def clear_faults(self) -> None:
        """Forget every planned fault."""
        self._plan.clear()

    def rotate_key(self) -> str:
        """Make a new key; the old one is refused from now on."""
        self.api_key = secrets.token_urlsafe(24)
        return self.api_key

    # ---------------------------------------------------------------- requests

    def serve(self, request: ReceivedRequest, connection: Connection) -> None:
        """Answer one request, or misbehave as planned."""
        self.received.append(request)
        planned = self._plan.take(request.path, page_number(request.query))
        if planned is None:
            connection.send(_respond(self._answer, request))
        elif planned.fault not in AFTER_WORK:
            if (response := _failure(planned, request)) is not None:
                connection.send(response)
        else:
            self._send_badly(planned, _respond(self._answer, request), connection)

    def _send_badly(self, planned: PlannedFault, response: Response, connection: Connection) -> None:
        if planned.fault in (Fault.TRICKLE, Fault.TRICKLE_HEAD):
            pause = 1.0 if planned.seconds is None else planned.seconds
            connection.trickle(response, self._closing, pause, with_head=planned.fault is Fault.TRICKLE_HEAD)
            return
        if planned.fault is Fault.SLOW:
            self._closing.wait(planned.seconds)
        if not self._closing.is_set():
            connection.send(response, cut_off=planned.fault is Fault.CUT_OFF)

    def _answer(self, request: ReceivedRequest) -> Response:
        if request.headers.get("Authorization") != f"Bearer {self.api_key}":
            raise RefusedError(401, "unknown key")
        endpoint, _, work_id = request.path.rpartition("/")
        if request.method == "POST" and request.path in ENDPOINTS:
            return self._take_work(request)
        if request.method == "GET" and endpoint in ENDPOINTS:
            return self._report_progress(endpoint, work_id)
        if request.method == "GET" and request.path == CUSTOMERS:
            return self._list_customers(request)
        raise RefusedError(404, "nothing here")

    def _list_customers(self, request: ReceivedRequest) -> Response:
        try:
            return json_response(200, self.customers.page(request.query))
        except ValueError as error:
            raise RefusedError(400, str(error)) from None

    def _take_work(self, request: ReceivedRequest) -> Response:
        try:
            payload = request.json()
        except ValueError:
            raise RefusedError(400, "not JSON") from None
        if not isinstance(payload, dict):
            raise RefusedError(400, "not an object")
        key = request.headers.get("Idempotency-Key") or secrets.token_hex(8)
        with self._lock:
            known = self._by_idempotency_key.get(key)
            if known is not None:
                return json_response(200, self.work[known].as_response())
            status = self.outcome if self.done_at_once else "queued"
            work = Work(f"work-{len(self.work) + 1:06d}", request.path, status, payload)
            self.work[work.id] = work
            self._by_idempotency_key[key] = work.id
        return json_response(202, work.as_response())

    def _report_progress(self, endpoint: str, work_id: str) -> Response:
        """Each request moves the work one status on, so that tests see all of them without waiting."""
        with self._lock:
            work = self.work.get(work_id)
            if work is None or work.endpoint != endpoint:
                raise RefusedError(404, "no such work")
            response = json_response(200, work.as_response())
            work.status = {"queued": "processing", "processing": self.outcome}.get(work.status, work.status)
        return response


def _respond(answer: Callable[[ReceivedRequest], Response], request: ReceivedRequest) -> Response:
    try:
        return answer(request)
    except RefusedError as refused:
        return refused.response


def _failure(planned: PlannedFault, request: ReceivedRequest) -> Response | None:
    """The response of a fault that does no work; None closes the connection."""
    match planned.fault:
        case Fault.RATE_LIMITED:
            return json_response(429, {"error": "too many requests"}, **{"Retry-After": planned.retry_after})
        case Fault.ERROR:
            return json_response(500, {"error": "out of order"})
        case Fault.WRONG_KEY:
            return json_response(401, {"error": "unknown key"})
        case Fault.REFUSED:
            return json_response(422, {"error": "that is not taken"})
        case Fault.JUNK:
            return Response(200, b"<html>It works!</html>", {"Content-Type": "text/html"})
        case Fault.HUGE:
            return Response(200, b" " * HUGE, {"Content-Type": "application/json"})
        case Fault.REDIRECT_LOOP:
            return Response(307, b"", {"Location": request.path})
        case Fault.REDIRECT_INSIDE:
            return Response(307, b"", {"Location": "http://169.254.169.254/latest/meta-data/"})
        case _:
            return None
