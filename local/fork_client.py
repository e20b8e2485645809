"""The fork server as the local machine sees it: started, asked for new processes, stopped."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.settings import ROOT
from local import frames
from local.errors import MachineError

# All that a process needs to run. Nothing else of the developer's environment reaches a function,
# so that it sees what it would see in AWS, and never the developer's own credentials.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
NO_CREDENTIALS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def plain_environment() -> dict[str, str]:
    """The variables that any process needs, and those that keep it from looking for AWS credentials."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | NO_CREDENTIALS


class ForkClient:
    """Starts the fork server and talks to it."""

    def __init__(self, project: Path, stage: str, endpoint: str, settings: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        environment = plain_environment() | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "local.fork_server", str(theirs.fileno())]
        # In its own session it does not get the terminal's Ctrl-C: the local machine decides when workers end.
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        start = {"project": str(project), "stage": stage, "endpoint": endpoint, "settings": dict(settings)}
        frames.send(self._control, start)

    @property
    def pid(self) -> int:
        return self._process.pid

    def receive_description(self) -> frames.Message:
        """The first call gives the stage's settings; the second, after the import, functions, routes and grants."""
        try:
            description, _ = frames.receive(self._control)
        except frames.DisconnectedError:
            raise MachineError("The process that imports the application ended before it was done.") from None
        if "error" in description:
            raise MachineError(f"The application cannot be imported:\n{description['error']}")
        return description

    def fork(self, spec: frames.Message, sockets: Sequence[socket.socket]) -> int:
        """A new process that runs `local.<spec['module']>`; its id."""
        with self._lock:
            frames.send(self._control, spec | {"do": "fork", "sockets": len(sockets)})
            frames.send_sockets(self._control, sockets)
            reply, _ = frames.receive(self._control)
        return int(reply["pid"])

    def end_process(self, pid: int) -> int | None:
        """Kill a process if it still runs; its exit status (negative: the signal that ended it)."""
        with self._lock:
            frames.send(self._control, {"do": "end", "pid": pid})
            reply, _ = frames.receive(self._control)
        status: int | None = reply["exit"]
        return status

    def stop(self) -> None:
        """End the fork server and, with it, every worker."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
