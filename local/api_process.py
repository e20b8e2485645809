"""The API's process as the local machine sees it: started on a bound port, watched, started again when it ends."""

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from local import frames
from local.errors import MachineError
from local.fork_client import ForkClient

READY_WITHIN = 30.0
# Requests straight to the address, without the proxy that the developer's environment may name.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ApiProcess:
    """One process that serves the API, replaced if it ends."""

    def __init__(self, fork_server: ForkClient, spec: frames.Message, listening: socket.socket) -> None:
        host, port = listening.getsockname()
        self.url = f"http://{host}:{port}"
        self.pid = 0
        self._fork_server = fork_server
        self._spec = spec
        self._listening = listening
        self._stopping = False
        self._lifeline: socket.socket | None = None
        self._watcher = threading.Thread(target=self._watch, name="api process", daemon=True)

    def start(self) -> None:
        """Start the process; returns once GET /health succeeds."""
        self._lifeline = self._fork()
        self._watcher.start()
        self._wait_until_healthy()

    def stop(self) -> None:
        """End the process and close the port."""
        self._stopping = True
        if self.pid:
            self._fork_server.end_process(self.pid)
        if self._watcher.is_alive():
            self._watcher.join()
        self._listening.close()

    def set_grants(self, grants: frames.Message | None) -> None:
        """Replace the process by a new one with these grants; returns once it answers."""
        self._spec["grants"] = grants
        self._fork_server.end_process(self.pid)
        # Requests wait at the open socket meanwhile. A path without a route is answered without any function.
        with contextlib.suppress(urllib.error.HTTPError):
            DIRECT.open(self.url, timeout=READY_WITHIN).close()

    def _fork(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self.pid = self._fork_server.fork(self._spec, [self._listening, theirs])
        return ours

    def _watch(self) -> None:
        while self._lifeline is not None:
            # The process never sends anything: recv returns when it ends.
            self._lifeline.recv(1)
            self._lifeline.close()
            if self._stopping:
                return
            try:
                self._fork_server.end_process(self.pid)
                self._lifeline = self._fork()
            except frames.DisconnectedError:
                return

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while (problem := self._problem()) is not None:
            if time.monotonic() > deadline:
                raise MachineError(f"The API does not become ready: {problem}")
            time.sleep(0.05)

    def _problem(self) -> Any:
        try:
            with DIRECT.open(f"{self.url}/health", timeout=READY_WITHIN):
                return None
        except urllib.error.HTTPError as error:
            return f"GET /health answers {error.code}: {error.read(500).decode(errors='replace')}"
        except OSError as error:
            return error
