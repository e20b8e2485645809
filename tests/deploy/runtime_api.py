"""Lambda's runtime API for one function, as its own client asks it (AWS Lambda, "Using the Lambda runtime API")."""

import json
import queue
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PATH = "/2018-06-01/runtime"
# A run that X-Ray keeps: its SDK then makes segments and sends them.
_TRACE = "Root=1-65f0c0de-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1"


class RuntimeApi(ThreadingHTTPServer):
    """Hands events to the client that asks for them, and takes their answers; a context manager."""

    def __init__(self, arn: str, seconds: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arn, self.seconds = arn, seconds
        self.events: queue.Queue[Any] = queue.Queue()
        self.answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.daemon_threads = True
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is ended leaves in the midst of its wait for the next event."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def invoke(self, event: Any, patience: float = 60) -> tuple[str, Any]:
        """How a run ended ("response" or "error"), and what the function gave."""
        self.events.put(event)
        return self.answers.get(timeout=patience)


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    # The client keeps its connection.
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        event = json.dumps(self.server.events.get()).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", str(uuid.uuid4()))
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + self.server.seconds) * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", self.server.arn)
        self.send_header("Lambda-Runtime-Trace-Id", _TRACE)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answers.put((self.path.removeprefix(_PATH).rpartition("/")[2], json.loads(body)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests print what matters."""
