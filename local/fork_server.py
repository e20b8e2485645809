"""The process that every worker is forked from, with one state of the application's code. It has no threads."""

import contextlib
import ctypes
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
from local import driven_process, frames, garbage
from local.app_description import describe
from local.patching import load_clients
from local.worker import API_HANDLER

PR_SET_PDEATHSIG = 1

# Forked and not reaped yet: the number of a reaped process may belong to another program.
_children: set[int] = set()


def main(control: socket.socket, parent: int) -> None:
    """Serve the local machine at the other end of the socket until it disconnects."""
    _die_with(parent)
    with contextlib.suppress(frames.DisconnectedError):
        _serve(control)


def _serve(control: socket.socket) -> None:
    start, _ = frames.receive(control)
    try:
        application = _load(control, start)
    except frames.DisconnectedError:
        return
    except BaseException as error:
        message = {"error": traceback.format_exc(), "summary": _summary(error, Path(start["project"]))}
        frames.send(control, message)
        return
    garbage.share_with_forks()
    while True:
        command, _ = frames.receive(control)
        reply = _fork(control, application, command) if command["do"] == "fork" else _end_process(command["pid"])
        frames.send(control, reply)


def _load(control: socket.socket, start: frames.Message) -> ModuleType:
    """Send the stage's settings at once; import the application, then send its functions, routes and grants."""
    project = Path(start["project"])
    # Bytecode names the second and the size of its file: that of a file that is being edited may be of an older text.
    sys.dont_write_bytecode = not start["write_bytecode"]
    settings, describe_functions = describe(project, start["stage"], start["endpoint"], start["settings"])
    frames.send(control, settings)
    os.environ.update(settings["environment"])
    sys.path.insert(0, str(project))
    application = importlib.import_module("app")
    routes = {path: list(methods) for path, methods in application.app.routes.items()}
    declared = function_grants.grants_by_function(application.app) if _declares_grants(application.app) else {}
    _import_all_modules(project)
    load_clients()
    description = {"functions": describe_functions(application.app), "routes": routes, "declared": declared}
    frames.send(control, description | {"modules": sorted(sys.modules)})
    return application


def _summary(error: BaseException, project: Path) -> str:
    """Where in the project the error is, and what it says, in one line."""
    if isinstance(error, SyntaxError) and error.filename:
        place, line, text = error.filename, error.lineno, error.msg
    else:
        stack = traceback.extract_tb(error.__traceback__)
        last = next((each for each in reversed(stack) if each.filename.startswith(f"{project}/")), stack[-1])
        place, line, text = last.filename, last.lineno, f"{type(error).__name__}: {error}"
    return f"{place.removeprefix(f'{project}/')}, line {line}: {text}"


def _declares_grants(app: Any) -> bool:
    """Whether its functions declare grants: those of the tests' little application do not."""
    return any("grants" in vars(entry.view_function) for each in app.routes.values() for entry in each.values())


def _import_all_modules(project: Path) -> None:
    # Otherwise each worker would import again what the application imports with its first request or picture.
    for module in pkgutil.walk_packages([str(project / "chalicelib")], "chalicelib."):
        importlib.import_module(module.name)


def _fork(control: socket.socket, application: ModuleType, spec: frames.Message) -> frames.Message:
    sockets = frames.receive_sockets(control, spec["sockets"])
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run_child(control, application, spec, sockets, parent)
    _children.add(pid)
    for each in sockets:
        each.close()
    return {"pid": pid}


def _run_child(
    control: socket.socket, application: ModuleType, spec: frames.Message, sockets: list[socket.socket], parent: int
) -> None:
    """Become a worker or the API server; never returns."""
    status = 1
    try:
        control.close()
        _die_with(parent)
        garbage.collect_again()
        os.setpgid(0, 0)
        os.environ.clear()
        os.environ.update(spec["environment"])
        _redirect_output(spec["log"])
        if driven_process.is_asked_for():
            driven_process.prepare(spec.get("function", API_HANDLER))
        importlib.import_module(f"local.{spec['module']}").run(application, spec, *sockets)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _die_with(parent: int) -> None:
    """Ask the kernel to end this process with its parent. Elsewhere than on Linux the closed socket ends it."""
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
    # Line by line, so that the log can be followed. The object stays the same: the application's loggers hold it.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def _end_process(pid: int) -> frames.Message:
    """Kill a child with all processes that it started; its exit status."""
    if pid not in _children:
        return {"exit": None}
    _children.discard(pid)
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # It has ended, or has not made its process group yet.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return {"exit": os.waitstatus_to_exitcode(status)}
