"""What X-Ray is sent of a run, by a process that runs as in Lambda; and that other runs send nothing."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="

RUN = """
import sys
from chalicelib.core.observing import tracking

@tracking.track_execution
def resize(event, context):
    if event.get("broken"):
        raise LookupError("the secret is hunter2")

try:
    resize({"correlationId": "work-1", "broken": %s}, None)
except LookupError:
    pass
print("xray" if "aws_xray_sdk" in sys.modules else "nothing", file=sys.stderr)
"""


class _Aws(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: Any) -> None:
        """Keeps the test's output clean."""


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """A server in place of AWS that accepts every call."""
    server = HTTPServer(("127.0.0.1", 0), _Aws)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def sent(aws: str, *, sampled: str | None, broken: bool = False) -> tuple[str, list[dict[str, Any]]]:
    """What a run in Lambda imported ("xray" or "nothing"), and the segments that it sent to the daemon."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.setblocking(False)
        environment = {
            "PATH": os.environ["PATH"],
            "STAGE": "test",
            "AWS_ENDPOINT_URL": aws,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": "darkroom-test-resize",
            "LAMBDA_TASK_ROOT": str(ROOT),
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
            "USAGE_METRICS_DYNAMO_TABLE": "darkroom-test-usage",
            "USAGE_KEEP_DAYS": "90",
            "CRITICAL_ERRORS_SQS_QUEUE_NAME": "darkroom-test-critical-errors.fifo",
        }
        if sampled is not None:
            environment["_X_AMZN_TRACE_ID"] = TRACE + sampled
        done = subprocess.run(
            [sys.executable, "-c", RUN % broken],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stderr.splitlines()[-1], list(_received(daemon))


def _received(daemon: socket.socket) -> Iterator[dict[str, Any]]:
    while True:
        try:
            _, _, document = daemon.recv(65536).partition(b"\n")
        except BlockingIOError:
            return
        yield json.loads(document)


def test_a_trace_shows_a_run_and_its_calls_to_aws(aws: str) -> None:
    imported, segments = sent(aws, sampled="1")
    assert imported == "xray"
    assert {each["trace_id"] for each in segments} == {"1-5759e988-bd862e3fe1be46a994272793"}
    (run,) = (each for each in segments if each["name"] == "## resize")
    assert run["parent_id"] == "53995c3f42cd8ad8"
    assert run["annotations"] == {"operation": "resize", "correlationId": "work-1"}
    (call,) = (each for each in segments if each["name"] == "dynamodb")
    assert (call["aws"]["operation"], call["aws"]["table_name"]) == ("PutItem", "darkroom-test-usage")


def test_a_trace_marks_a_failed_run_without_its_message(aws: str) -> None:
    _, segments = sent(aws, sampled="1", broken=True)
    (run,) = (each for each in segments if each["name"] == "## resize")
    assert run["fault"] is True
    assert run["annotations"]["errorType"] == "LookupError"
    assert "hunter2" not in json.dumps(segments)


@pytest.mark.parametrize("sampled", ["0", None])
def test_a_run_that_is_not_sampled_sends_nothing(aws: str, sampled: str | None) -> None:
    assert sent(aws, sampled=sampled) == ("nothing", [])
