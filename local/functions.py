"""The embedded Lambda: every function with its warm workers, its environment and its timeout."""

import contextlib
import json
import queue
import select
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import frames
from local.aws import ACCOUNT, REGION
from local.fork_client import ForkClient, plain_environment
from local.worker import API_HANDLER


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended. `payload` is the function's response or AWS's description of the error, as JSON."""

    payload: bytes
    errored: bool
    request_id: str

    def value(self) -> Any:
        """The payload, parsed."""
        return json.loads(self.payload)


class Worker:
    """One warm process of a function."""

    def __init__(self, fork_server: ForkClient, spec: frames.Message) -> None:
        self.fork_server = fork_server
        self._channel, theirs = socket.socketpair()
        try:
            self.pid = fork_server.fork(spec, [theirs])
        finally:
            theirs.close()

    def is_alive(self) -> bool:
        """Whether it waits for work. An idle worker sends nothing: a readable socket means that it has ended."""
        readable, _, _ = select.select([self._channel], [], [], 0)
        return not readable

    def call(self, request: frames.Message, payload: bytes, seconds: float) -> tuple[bool, bytes]:
        """Run once: whether it succeeded, and the payload. Raises TimeoutError or DisconnectedError."""
        self._channel.settimeout(seconds)
        frames.send(self._channel, request, payload)
        reply, result = frames.receive(self._channel)
        return bool(reply["ok"]), result

    def end(self) -> int | None:
        """Kill it if it still runs; its exit status."""
        self._channel.close()
        return self.fork_server.end_process(self.pid)


class Function:
    """A function and its workers. A call waits while all workers are busy."""

    def __init__(self, fork_server: ForkClient, spec: frames.Message, workers: int, log: str | None) -> None:
        self.name: str = spec["name"]
        self.lambda_name: str = spec["lambda_name"]
        self.timeout: int = spec["timeout"]
        self.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.lambda_name}"
        self._fork_server = fork_server
        self._log = log
        self._spec = _worker_spec(spec, log)
        self._running: set[Worker] = set()
        self._concurrency = workers
        self._stopped = False
        # None stands for a worker that has to be started.
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)

    def warm(self) -> None:
        """Start all workers now."""
        workers = [self._idle.get() for _ in range(self._idle.qsize())]
        for worker in workers:
            self._idle.put(worker or self._start())

    def set_grants(self, grants: frames.Message | None) -> None:
        """Replace the workers by new ones with these grants; waits for the runs in progress."""
        workers = [self._idle.get() for _ in range(self._concurrency)]
        self._spec["grants"] = grants
        for worker in workers:
            self._end(worker)
            self._idle.put(None)

    def use(self, fork_server: ForkClient, spec: frames.Message) -> None:
        """Run other code from the next call on. Runs in progress go on with the code that they began with."""
        self._fork_server, self._spec = fork_server, _worker_spec(spec, self._log)
        self.timeout = spec["timeout"]
        idle: list[Worker | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for worker in idle:
            self._idle.put(None if worker is None else self._renewed(worker))

    def is_running(self) -> bool:
        """Whether a run is in progress."""
        return self._idle.qsize() < self._concurrency

    def pids(self) -> list[int]:
        """The process ids of the running workers."""
        return [worker.pid for worker in list(self._running)]

    def invoke(self, payload: bytes, request_id: str | None = None) -> Outcome:
        """Run once. Errors and crashes are outcomes too, described as Lambda describes them."""
        request_id = request_id or str(uuid.uuid4())
        worker = self._idle.get()
        try:
            if self._stopped:
                raise frames.DisconnectedError
            if worker is None or not worker.is_alive() or worker.fork_server is not self._fork_server:
                worker = self._renewed(worker)
            outcome, worker = self._run(worker, payload, request_id)
            return outcome
        except frames.DisconnectedError:
            self._end(worker)
            worker = None
            return _crashed(request_id, "Runtime.ExitError", "The machine is stopping.")
        finally:
            if worker is not None and worker.fork_server is not self._fork_server:
                self._end(worker)
                worker = None
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
            return _crashed(request_id, "Sandbox.Timedout", message), self._replacement()
        except frames.DisconnectedError:
            message = f"Error: Runtime exited {_exit_text(self._end(worker))}"
            return _crashed(request_id, "Runtime.ExitError", message), self._replacement()

    def _start(self) -> Worker:
        worker = Worker(self._fork_server, self._spec)
        self._running.add(worker)
        return worker

    def _renewed(self, worker: Worker | None) -> Worker:
        self._end(worker)
        return self._start()

    def _replacement(self) -> Worker | None:
        return None if self._stopped else self._start()

    def _end(self, worker: Worker | None) -> int | None:
        if worker is None:
            return None
        self._running.discard(worker)
        try:
            return worker.end()
        except (frames.DisconnectedError, OSError):
            return None

    def stop(self) -> None:
        """End all workers, and start no more."""
        self._stopped = True
        for worker in list(self._running):
            self._end(worker)


class FunctionHost:
    """All functions of an application, by Chalice's name and by Lambda's."""

    def __init__(self, fork_server: ForkClient, specs: Sequence[frames.Message], logs: Path | None) -> None:
        self.functions: dict[str, Function] = {}
        for spec in specs:
            log = str(logs / f"{spec['name']}.log") if logs else None
            function = Function(fork_server, spec, _worker_count(spec), log)
            self.functions[function.name] = function
        self.by_lambda_name = {each.lambda_name: each for each in self.functions.values()}

    def warm(self) -> None:
        """Start all workers except the API function's: the API has its own process."""
        for function in self.functions.values():
            if function.name != API_HANDLER:
                function.warm()

    def use(self, fork_server: ForkClient, specs: Sequence[frames.Message]) -> None:
        """Let all functions run other code. One that is new is left out, because nothing triggers it yet."""
        for spec in specs:
            if spec["name"] in self.functions:
                self.functions[spec["name"]].use(fork_server, spec)

    def stop(self) -> None:
        """End all workers."""
        for function in self.functions.values():
            function.stop()


def _worker_spec(spec: frames.Message, log: str | None) -> frames.Message:
    return {
        "module": "worker",
        "function": spec["name"],
        "log": log,
        "environment": _environment(spec),
        "grants": spec["grants"],
    }


def _worker_count(spec: frames.Message) -> int:
    """Two for the functions that only Step Functions invokes: they do the heavy work."""
    return 2 if spec["trigger"] is None and spec["name"] != API_HANDLER else 1


def _environment(spec: frames.Message) -> dict[str, str]:
    name: str = spec["lambda_name"]
    declared: dict[str, str] = spec["environment"]
    runtime = {
        "AWS_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec["memory"]),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}",
    }
    return plain_environment() | declared | runtime


def _crashed(request_id: str, kind: str, message: str) -> Outcome:
    failure = {"errorType": kind, "errorMessage": f"RequestId: {request_id} {message}"}
    return Outcome(json.dumps(failure).encode(), True, request_id)


def _exit_text(status: int | None) -> str:
    if status is None:
        return "in an unknown way"
    return f"with exit status {status}" if status >= 0 else f"with error: signal {-status}"
