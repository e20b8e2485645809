"""The Lambda host: warm workers for every function, each with its own environment, timeout and end."""

import json
import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import wire
from local.errors import MachineError
from local.worker import API_HANDLER

ROOT = Path(__file__).resolve().parent.parent
# What a process needs to run at all. Nothing else of the developer's environment reaches a function,
# so that it sees what it would see in AWS, and never the developer's own credentials.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
NO_CREDENTIALS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: the JSON that the function answered, or AWS's description of its failure."""

    payload: bytes
    errored: bool
    request_id: str

    def value(self) -> Any:
        """The answer, parsed."""
        return json.loads(self.payload)


class Zygote:
    """The process that workers are forked from, as seen from the machine."""

    def __init__(self, project: Path, stage: str, endpoint: str) -> None:
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        environment = plain_environment() | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "local.zygote", str(theirs.fileno())]
        # A session of its own keeps the terminal's Ctrl-C away: the machine decides when its workers end.
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        theirs.close()
        wire.send(self._control, {"project": str(project), "stage": stage, "endpoint": endpoint})

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def told(self) -> wire.Message:
        """What it tells next of itself: first the stage's settings, then, once imported, what the application has."""
        try:
            description, _ = wire.receive(self._control)
        except wire.HungUpError:
            raise MachineError("The process that imports the application ended before it was done.") from None
        if "error" in description:
            raise MachineError(f"The application cannot be imported:\n{description['error']}")
        return description

    def fork(self, order: wire.Message, passed: Sequence[socket.socket]) -> int:
        """A new process that plays the role that is ordered; its id."""
        with self._lock:
            wire.send(self._control, order | {"do": "fork", "sockets": len(passed)})
            wire.send_sockets(self._control, passed)
            answer, _ = wire.receive(self._control)
        return int(answer["pid"])

    def bury(self, pid: int) -> int | None:
        """End a worker if it has not ended, and tell its exit status (negative: the signal that ended it)."""
        with self._lock:
            wire.send(self._control, {"do": "bury", "pid": pid})
            answer, _ = wire.receive(self._control)
        status: int | None = answer["exit"]
        return status

    def stop(self) -> None:
        """End the process and, with it, every worker."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Worker:
    """One warm process of a function."""

    def __init__(self, zygote: Zygote, order: wire.Message) -> None:
        self._zygote = zygote
        self._channel, theirs = socket.socketpair()
        try:
            self.pid = zygote.fork(order, [theirs])
        finally:
            theirs.close()

    def alive(self) -> bool:
        """Whether it waits for work: an idle worker says nothing, so anything readable is its end."""
        readable, _, _ = select.select([self._channel], [], [], 0)
        return not readable

    def call(self, request: wire.Message, payload: bytes, seconds: float) -> tuple[bool, bytes]:
        """One run; raises TimeoutError or HungUpError."""
        self._channel.settimeout(seconds)
        wire.send(self._channel, request, payload)
        answer, result = wire.receive(self._channel)
        return bool(answer["ok"]), result

    def end(self) -> int | None:
        """Kill it if need be; how it ended."""
        self._channel.close()
        return self._zygote.bury(self.pid)


class Function:
    """A function and its workers; whoever calls while all are busy waits in line."""

    def __init__(self, zygote: Zygote, spec: wire.Message, workers: int, region: str, account: str, log: str | None):
        self.name: str = spec["name"]
        self.lambda_name: str = spec["lambda_name"]
        self.timeout: int = spec["timeout"]
        self.arn = f"arn:aws:lambda:{region}:{account}:function:{self.lambda_name}"
        self._zygote = zygote
        self._order: wire.Message = {
            "role": "worker",
            "function": self.name,
            "log": log,
            "environment": _environment(spec, region),
            "rights": spec["rights"],
        }
        self._all: set[Worker] = set()
        self._places = workers
        self._stopped = False
        # None stands for a worker that is not there yet, or no longer.
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)

    def warm(self) -> None:
        """Start all workers now."""
        places = [self._idle.get() for _ in range(self._idle.qsize())]
        for place in places:
            self._idle.put(place or self._start())

    def give(self, rights: wire.Message | None) -> None:
        """Other rights from now on, in new workers; waits for whoever is at work."""
        places = [self._idle.get() for _ in range(self._places)]
        self._order["rights"] = rights
        for worker in places:
            self._end(worker)
            self._idle.put(None)

    def pids(self) -> list[int]:
        """The processes that are there now."""
        return [worker.pid for worker in list(self._all)]

    def invoke(self, payload: bytes, request_id: str | None = None) -> Outcome:
        """Run once; a failure of any kind is an outcome, as Lambda would describe it."""
        request_id = request_id or str(uuid.uuid4())
        worker = self._idle.get()
        try:
            if self._stopped:
                raise wire.HungUpError
            if worker is None or not worker.alive():
                self._end(worker)
                worker = self._start()
            outcome, worker = self._run(worker, payload, request_id)
            return outcome
        except wire.HungUpError:
            self._end(worker)
            worker = None
            return _broken(request_id, "Runtime.ExitError", "The machine is stopping.")
        finally:
            self._idle.put(worker)

    def _run(self, worker: Worker, payload: bytes, request_id: str) -> tuple[Outcome, Worker | None]:
        deadline = time.time() + self.timeout
        request = {"request_id": request_id, "deadline": deadline, "function_arn": self.arn}
        try:
            ok, result = worker.call(request, payload, self.timeout)
            return Outcome(result, not ok, request_id), worker
        except TimeoutError:
            self._end(worker)
            message = f"Error: Task timed out after {self.timeout:.2f} seconds"
            return _broken(request_id, "Sandbox.Timedout", message), self._replacement()
        except wire.HungUpError:
            message = f"Error: Runtime exited {_how(self._end(worker))}"
            return _broken(request_id, "Runtime.ExitError", message), self._replacement()

    def _start(self) -> Worker:
        worker = Worker(self._zygote, self._order)
        self._all.add(worker)
        return worker

    def _replacement(self) -> Worker | None:
        return None if self._stopped else self._start()

    def _end(self, worker: Worker | None) -> int | None:
        if worker is None:
            return None
        self._all.discard(worker)
        try:
            return worker.end()
        except (wire.HungUpError, OSError):
            return None

    def stop(self) -> None:
        """End all workers, and start no more."""
        self._stopped = True
        for worker in list(self._all):
            self._end(worker)


class FunctionHost:
    """All functions of an application, by Chalice's name and by Lambda's."""

    def __init__(
        self, zygote: Zygote, specs: Sequence[wire.Message], account: str, region: str, logs: Path | None
    ) -> None:
        self.functions: dict[str, Function] = {}
        for spec in specs:
            log = str(logs / f"{spec['name']}.log") if logs else None
            function = Function(zygote, spec, _workers(spec), region, account, log)
            self.functions[function.name] = function
        self.by_lambda_name = {each.lambda_name: each for each in self.functions.values()}

    def warm(self) -> None:
        """Start every worker but the API function's: the API is served by a process of its own."""
        for function in self.functions.values():
            if function.name != API_HANDLER:
                function.warm()

    def stop(self) -> None:
        """End all workers."""
        for function in self.functions.values():
            function.stop()


def plain_environment() -> dict[str, str]:
    """The part of this process's environment that any process needs, and a word against looking for credentials."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | NO_CREDENTIALS


def _workers(spec: wire.Message) -> int:
    """Functions that nothing but Step Functions fires do the heavy work, several at a time."""
    return 2 if spec["trigger"] is None and spec["name"] != API_HANDLER else 1


def _environment(spec: wire.Message, region: str) -> dict[str, str]:
    name: str = spec["lambda_name"]
    declared: dict[str, str] = spec["environment"]
    runtime = {
        "AWS_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec["memory"]),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}",
    }
    return plain_environment() | declared | runtime


def _broken(request_id: str, kind: str, message: str) -> Outcome:
    failure = {"errorType": kind, "errorMessage": f"RequestId: {request_id} {message}"}
    return Outcome(json.dumps(failure).encode(), True, request_id)


def _how(status: int | None) -> str:
    if status is None:
        return "in an unknown way"
    return f"with exit status {status}" if status >= 0 else f"with error: signal {-status}"
