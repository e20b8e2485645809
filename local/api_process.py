"""The API's process as the local machine sees it: started on a bound port, watched, started again when it ends."""

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from local import frames
from local.errors import MachineError
from local.fork_client import ForkClient, plain_environment
from local.worker import API_HANDLER

READY_WITHIN = 30.0
# What a process sends when it serves. It sends nothing else.
READY = b"+"
# Requests straight to the address, without the proxy that the developer's environment may name.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def api_spec(description: frames.Message) -> frames.Message:
    """What the API's process takes from the application's description."""
    function = next(each for each in description["functions"] if each["name"] == API_HANDLER)
    environment = plain_environment() | function["environment"]
    return {"module": "api_server", "environment": environment, "grants": function["grants"]}


class _Served:
    """One process. It stops serving when the other end of its lifeline is closed, and ends after its last request."""

    def __init__(self, fork_server: ForkClient, spec: frames.Message, listening: socket.socket) -> None:
        self._fork_server = fork_server
        self._lifeline, theirs = socket.socketpair()
        with theirs:
            self.pid = fork_server.fork(spec, [listening, theirs])

    def wait_until_ready(self) -> bool:
        """False if it ended before."""
        return self._lifeline.recv(1) == READY

    def wait_until_ended(self) -> None:
        """Returns when it has ended."""
        while self._lifeline.recv(1):
            """It has become ready."""
        self._lifeline.close()
        with contextlib.suppress(frames.DisconnectedError):
            self._fork_server.end_process(self.pid)

    def finish(self) -> None:
        """Let it end after its last request."""
        self._lifeline.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        with contextlib.suppress(frames.DisconnectedError):
            self._fork_server.end_process(self.pid)


class ApiProcess:
    """The process that serves the API, replaced if it ends or if there is other code."""

    def __init__(self, fork_server: ForkClient, spec: frames.Message, listening: socket.socket) -> None:
        host, port = listening.getsockname()
        self.url = f"http://{host}:{port}"
        self._fork_server = fork_server
        self._spec = spec
        self._listening = listening
        self._stopping = False
        self._served: _Served | None = None
        self._watchers: list[threading.Thread] = []

    @property
    def pid(self) -> int:
        """The id of the process; 0: it has not started."""
        return 0 if self._served is None else self._served.pid

    def start(self) -> None:
        """Start the process; returns once it serves. Raises MachineError."""
        served = self._start_process()
        if not served.wait_until_ready():
            served.kill()
            raise MachineError("The API's process ended before it was ready.")
        self._watch(served)

    def wait_until_healthy(self) -> None:
        """Returns once GET /health answers. Raises MachineError."""
        deadline = time.monotonic() + READY_WITHIN
        while (problem := self._problem()) is not None:
            if time.monotonic() > deadline:
                raise MachineError(f"The API does not become ready: {problem}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the process and close the port."""
        self._stopping = True
        if self._served is not None:
            self._served.kill()
        for each in self._watchers:
            each.join()
        self._listening.close()

    def use(self, fork_server: ForkClient, spec: frames.Message) -> None:
        """Serve other code; returns once it is served. The process before ends after its last request."""
        before, self._fork_server, self._spec = self._served, fork_server, self._spec | spec
        served = self._start_process()
        served.wait_until_ready()
        self._watch(served)
        if before is not None:
            before.finish()

    def set_grants(self, grants: frames.Message | None) -> None:
        """Replace the process by a new one with these grants; returns once it answers."""
        self._spec["grants"] = grants
        if self._served is not None:
            self._served.kill()
        # Requests wait at the open socket meanwhile. A path without a route is answered without any function.
        with contextlib.suppress(urllib.error.HTTPError):
            DIRECT.open(f"{self.url}/no-route", timeout=READY_WITHIN).close()

    def _start_process(self) -> _Served:
        self._served = _Served(self._fork_server, self._spec, self._listening)
        return self._served

    def _watch(self, served: _Served) -> None:
        self._watchers = [each for each in self._watchers if each.is_alive()]
        self._watchers.append(threading.Thread(target=self._replace_when_ended, args=[served], daemon=True))
        self._watchers[-1].start()

    def _replace_when_ended(self, served: _Served) -> None:
        while True:
            served.wait_until_ended()
            if self._stopping or served is not self._served:
                return
            try:
                served = self._start_process()
            except frames.DisconnectedError:
                return

    def _problem(self) -> Any:
        try:
            with DIRECT.open(f"{self.url}/health", timeout=READY_WITHIN):
                return None
        except urllib.error.HTTPError as error:
            # The API answers. What it says is the result of the last health check, perhaps of an earlier run.
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                return None
            return f"GET /health answers {error.code}: {error.read(500).decode(errors='replace')}"
        except OSError as error:
            return error


@contextlib.contextmanager
def running_api(fork_server: ForkClient, spec: frames.Message, listening: socket.socket) -> Iterator[ApiProcess]:
    """The API, which runs as long as the block."""
    api = ApiProcess(fork_server, spec, listening)
    try:
        api.start()
        yield api
    finally:
        api.stop()
