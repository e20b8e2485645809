"""The processes that have imported libraries and application, as the local machine sees them."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.settings import ROOT
from local import background, frames
from local.errors import ImportFailedError, MachineError

# All that a process needs to run. Nothing else of the developer's environment reaches a function,
# so that it sees what it would see in AWS, and never the developer's own credentials.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
NO_CREDENTIALS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


# For a process that ended though nobody had told it to.
_ENDED = "The process that {what} has ended: something killed it, perhaps for want of memory."


def plain_environment() -> dict[str, str]:
    """The variables that any process needs, and those that keep it from looking for AWS credentials."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | NO_CREDENTIALS


class Libraries:
    """The process with the libraries loaded, from which each state of the application's code is started."""

    def __init__(self, project: Path, stage: str, endpoint: str, settings: Mapping[str, str]) -> None:
        self._start: frames.Message = {"project": str(project), "stage": stage, "endpoint": endpoint}
        self._start |= {"settings": dict(settings), "write_bytecode": True}
        self._control, theirs = socket.socketpair()
        environment = plain_environment() | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "local.library_process", str(theirs.fileno())]
        # In its own session it does not get the terminal's Ctrl-C: the local machine decides when workers end.
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        self._is_stopped = False

    def watch(self) -> None:
        """End the machine if the process ends before `stop`."""
        background.Loop("library process", self._watch).start()

    def _watch(self) -> None:
        self._process.wait()
        if not self._is_stopped:
            raise MachineError(_ENDED.format(what="has loaded the libraries"))

    @property
    def pid(self) -> int:
        return self._process.pid

    def start_application(self) -> "ForkClient":
        """Import the application as its files are now, in a new process."""
        ours, theirs = socket.socketpair()
        with theirs:
            frames.send(self._control, {"do": "fork"})
            frames.send_sockets(self._control, [theirs])
        start = dict(self._start)
        self._start["write_bytecode"] = False
        return ForkClient(ours, start)

    def load(self, modules: Sequence[str]) -> None:
        """Import libraries that the application imports, for the next `start_application`."""
        frames.send(self._control, {"do": "load", "modules": list(modules)})

    def stop(self) -> None:
        """End the process and, with it, all that come from it."""
        self._is_stopped = True
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class ForkClient:
    """A process that has imported the application, and forks what runs it."""

    def __init__(self, control: socket.socket, start: Mapping[str, Any]) -> None:
        self._control = control
        self._lock = threading.Lock()
        self._children: set[int] = set()
        self._is_replaced = self._is_closed = self._has_ended = False
        self._noting = threading.Lock()
        self._before_end: Callable[[], None] = _nothing
        self._watcher: threading.Thread | None = None
        frames.send(control, start)

    def receive_description(self) -> frames.Message:
        """The first call gives the stage's settings; the second, after the import, functions, routes and grants.

        Raises:
            ImportFailedError: the application cannot be imported.
            MachineError: the process ended.
        """
        try:
            description, _ = frames.receive(self._control)
        except frames.DisconnectedError:
            raise MachineError("The process that imports the application ended before it was done.") from None
        if "error" in description:
            raise ImportFailedError(description["error"], description["summary"])
        return description

    def watch(self, before_end: Callable[[], None]) -> None:
        """End the machine if the process ends by itself; `before_end` is called before any request to it fails."""
        self._before_end = before_end
        self._watcher = background.Loop("fork server", self._watch)
        self._watcher.start()

    def fork(self, spec: frames.Message, sockets: Sequence[socket.socket]) -> int:
        """A new process that runs `local.<spec['module']>`; its id. Raises DisconnectedError."""
        with self._lock:
            reply = self._ask(spec | {"do": "fork", "sockets": len(sockets)}, sockets)
            self._children.add(int(reply["pid"]))
        return int(reply["pid"])

    def end_process(self, pid: int) -> int | None:
        """Kill a process if it still runs; its exit status (negative: the signal that ended it)."""
        with self._lock:
            if self._is_closed:
                # It ended, and all that it had forked with it.
                return None
            reply = self._ask({"do": "end", "pid": pid})
            self._children.discard(pid)
            self._end_if_unused()
        status: int | None = reply["exit"]
        return status

    def end_when_unused(self) -> None:
        """Newer code runs: this process ends with the last one that it has forked."""
        with self._lock:
            self._is_replaced = True
            self._end_if_unused()

    def close(self) -> None:
        """End this process and what it has forked."""
        self._is_closed = True
        if self._watcher is None:
            self._control.close()
            return
        # The watcher waits for just this, and closes the socket.
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def _end_if_unused(self) -> None:
        if self._is_replaced and not self._children:
            self.close()

    def _ask(self, request: frames.Message, sockets: Sequence[socket.socket] | None = None) -> frames.Message:
        """The reply. A request that is interrupted ends the process: the next one would get the reply of this one."""
        try:
            frames.send(self._control, request)
            if sockets is not None:
                frames.send_sockets(self._control, sockets)
            reply, _ = frames.receive(self._control)
        except frames.DisconnectedError:
            self._note_end()
            raise
        except BaseException:
            self.close()
            raise
        return reply

    def _watch(self) -> None:
        # It is always told that the other end is closed, or this one.
        ended = select.poll()
        ended.register(self._control, 0)
        ended.poll()
        self._note_end()
        with self._lock:
            self._control.close()
        if self._has_ended:
            raise MachineError(_ENDED.format(what="runs the API and all functions"))

    def _note_end(self) -> None:
        """The process has ended. Others that find this too wait until it is noted."""
        with self._noting:
            if not (self._is_closed or self._is_replaced or self._has_ended):
                self._has_ended = True
                self._before_end()


def _nothing() -> None:
    """Called if nobody watches."""
