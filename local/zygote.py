"""The process that every worker is forked from: one thread, the application imported, botocore's models loaded.

It is started as a fresh interpreter, before any thread of the machine can matter, because a fork of a process
with threads may inherit a lock that nobody will ever release.
"""

import contextlib
import ctypes
import gc
import importlib
import io
import os
import pkgutil
import signal
import socket
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from infra import function_grants
from local import wire
from local.manifest import describe
from local.models import share_parsed_models

SERVICES = ("s3", "dynamodb", "sqs", "sns", "stepfunctions", "cognito-idp", "ssm")
PR_SET_PDEATHSIG = 1

# The processes that are still to be buried: another's process may have got the number of one that is.
_children: set[int] = set()


def main(descriptor: int) -> None:
    """Serve the machine at the other end of the socket until it hangs up."""
    control = socket.socket(fileno=descriptor)
    with contextlib.suppress(wire.HungUpError):
        _serve(control)


def _serve(control: socket.socket) -> None:
    order, _ = wire.receive(control)
    try:
        application = _load(control, order)
    except wire.HungUpError:
        return
    except BaseException:
        wire.send(control, {"error": traceback.format_exc()})
        return
    # What is loaded by now is shared by all workers: keep the collector from copying its pages into each.
    gc.collect()
    gc.freeze()
    while True:
        order, _ = wire.receive(control)
        answer = _fork(control, application, order) if order["do"] == "fork" else _bury(order["pid"])
        wire.send(control, answer)


def _load(control: socket.socket, order: wire.Message) -> ModuleType:
    """Tell the stage's settings at once, and what the application declares when it is imported."""
    project = Path(order["project"])
    settings, functions = describe(project, order["stage"], order["endpoint"])
    wire.send(control, settings)
    os.environ.update(settings["environment"])
    _preload()
    sys.path.insert(0, str(project))
    application = importlib.import_module("app")
    routes = {path: list(methods) for path, methods in application.app.routes.items()}
    declared = function_grants.grants_by_function(application.app) if _declares(application.app) else {}
    wire.send(control, {"functions": functions(application.app), "routes": routes, "declared": declared})
    _import_the_rest(project)
    return application


def _declares(app: Any) -> bool:
    """Whether its functions say what they may touch: those of the machine's own tests do not."""
    return any("grants" in vars(entry.view_function) for each in app.routes.values() for entry in each.values())


def _preload() -> None:
    """Parse the service models once for all sessions of all workers, and import whatever clients use."""
    import boto3

    share_parsed_models()
    session = boto3.Session()
    for service in SERVICES:
        session.client(service, region_name="us-east-1")


def _import_the_rest(project: Path) -> None:
    # What the application imports with its first request or picture, it would import again in every worker.
    for module in pkgutil.walk_packages([str(project / "chalicelib")], "chalicelib."):
        importlib.import_module(module.name)


def _fork(control: socket.socket, application: ModuleType, order: wire.Message) -> wire.Message:
    passed = wire.receive_sockets(control, order["sockets"])
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(control, application, order, passed, zygote)
    _children.add(pid)
    for each in passed:
        each.close()
    return {"pid": pid}


def _child(
    control: socket.socket, application: ModuleType, order: wire.Message, passed: list[socket.socket], zygote: int
) -> None:
    """Become a worker; never returns."""
    status = 1
    try:
        control.close()
        _die_with(zygote)
        os.setpgid(0, 0)
        os.environ.clear()
        os.environ.update(order["environment"])
        _redirect_output(order["log"])
        role = importlib.import_module(f"local.{order['role']}")
        role.run(application, order, *passed)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _die_with(parent: int) -> None:
    """Have the kernel end this process with its parent; elsewhere than on Linux the closed socket has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _redirect_output(log: str | None) -> None:
    if log is None:
        return
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    # A file would be written in blocks, and whoever follows the log would wait for them. It has to be this very
    # object: the loggers that the application made when it was imported hold it.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def _bury(pid: int) -> wire.Message:
    """End a worker with all that it started, and tell how it ended."""
    if pid not in _children:
        return {"exit": None}
    _children.discard(pid)
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Gone already, or so young that it has not made its group yet.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return {"exit": os.waitstatus_to_exitcode(status)}


if __name__ == "__main__":
    main(int(sys.argv[1]))
