"""The API's process as the machine sees it: started on a port that is bound already, watched, started again."""

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from local import wire
from local.errors import MachineError
from local.functions import Zygote

READY_WITHIN = 30.0
# Straight to the address, whatever proxy the developer's environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Front:
    """One process that serves the API, replaced if it dies, as API Gateway outlives its Lambda."""

    def __init__(self, zygote: Zygote, order: wire.Message, listening: socket.socket) -> None:
        host, port = listening.getsockname()
        self.url = f"http://{host}:{port}"
        self.pid = 0
        self._zygote = zygote
        self._order = order
        self._listening = listening
        self._stopping = False
        self._lifeline: socket.socket | None = None
        self._watcher = threading.Thread(target=self._watch, name="front", daemon=True)

    def start(self) -> None:
        """Serve; answers when the API does."""
        self._lifeline = self._fork()
        self._watcher.start()
        self._wait_until_healthy()

    def stop(self) -> None:
        """Serve no more."""
        self._stopping = True
        if self.pid:
            self._zygote.bury(self.pid)
        if self._watcher.is_alive():
            self._watcher.join()
        self._listening.close()

    def give(self, rights: wire.Message | None) -> None:
        """Other rights from now on, in a new process; answers when that answers."""
        self._order["rights"] = rights
        self._zygote.bury(self.pid)
        # What comes in meanwhile waits at the socket, which outlives the process; no function has to run for this.
        with contextlib.suppress(urllib.error.HTTPError):
            DIRECT.open(self.url, timeout=READY_WITHIN).close()

    def _fork(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self.pid = self._zygote.fork(self._order, [self._listening, theirs])
        return ours

    def _watch(self) -> None:
        while self._lifeline is not None:
            # The process never says anything: what can be read is its end.
            self._lifeline.recv(1)
            self._lifeline.close()
            if self._stopping:
                return
            try:
                self._zygote.bury(self.pid)
                self._lifeline = self._fork()
            except wire.HungUpError:
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
        except urllib.error.HTTPError as fault:
            return f"GET /health answers {fault.code}: {fault.read(500).decode(errors='replace')}"
        except OSError as fault:
            return fault
