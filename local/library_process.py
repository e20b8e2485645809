"""The process that loads the libraries once: each state of the application's code is imported in a fork of it.

It is a fresh interpreter without threads: a fork of a process with threads may inherit a lock that is never released.
It never imports the application, so a fork imports the code as it is then.
"""

import contextlib
import importlib
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

from local import frames, garbage
from local.patching import load_clients


def main(descriptor: int) -> None:
    """Serve the local machine at the other end of the socket until it disconnects."""
    # The kernel reaps the forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    garbage.stop_collecting()
    with contextlib.suppress(frames.DisconnectedError):
        while True:
            command, _ = frames.receive(control)
            if command["do"] == "fork":
                _fork(control)
            else:
                _load_libraries(command["modules"])


def _load_libraries(modules: list[str]) -> None:
    """Import what the application has imported of libraries, so that its next import takes less time.

    Not before the first one, for whose settings the local machine waits.
    """
    load_clients()
    own = Path(__file__).parents[1]
    for name in modules:
        if not (own / name.partition(".")[0]).exists() and not (own / f"{name}.py").exists():
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    garbage.share_with_forks()


def _fork(control: socket.socket) -> None:
    (channel,) = frames.receive_sockets(control, 1)
    parent = os.getpid()
    if os.fork() == 0:
        status = 1
        try:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            importlib.import_module("local.fork_server").main(channel, parent)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    channel.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
