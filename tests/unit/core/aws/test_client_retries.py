"""Calls to AWS are retried, but never after the end of their run."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore import exceptions

from chalicelib.core import clients


class Context:
    """Lambda's context of a run that has so many milliseconds left."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Broken(ThreadingHTTPServer):
    """A service that answers each call with 500, and counts them."""

    calls = 0


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Broken)
        self.server.calls += 1
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broken]:
    with Broken(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # Clients are kept for the life of the process: this one calls only this server.
        monkeypatch.setattr(clients, "_clients", {})
        # The pauses between retries.
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield server
        server.shutdown()


FAULTS = (clients.ClientError, exceptions.ReadTimeoutError)


def ask() -> None:
    clients.client("stepfunctions").describe_state_machine(stateMachineArn="arn:aws:states:us-east-1:1:stateMachine:m")


@pytest.mark.parametrize(("left", "calls"), [(20_000, 3), (11_000, 1), (0, 1), (None, 3)])
def test_a_call_is_retried_only_while_the_run_has_time_left(broken: Broken, left: int | None, calls: int) -> None:
    with (
        clients.run_deadline(None if left is None else Context(left)),
        pytest.raises(Exception, match=r"500|timeout") as error,
    ):
        ask()
    assert broken.calls == calls
    assert clients.is_transient(error.value)


def test_the_deadline_of_one_run_does_not_apply_to_the_next(broken: Broken) -> None:
    with clients.run_deadline(Context(0)):
        pass
    with pytest.raises(clients.ClientError):
        ask()
    assert broken.calls == 3
