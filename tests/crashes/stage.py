"""The machine that the points share: its time is driven, its streams are stepped, and its door breaks calls."""

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.awslambda.models import lambda_backends

from chalicelib.core import clients
from local import driven_process, pollers
from local.accounts import ADMIN, PASSWORD, USER
from local.activity import Activity
from local.aws import ACCOUNT, REGION
from local.clock import CLOCK
from local.fake_api import FakeApi
from local.machine import Machine
from local.patching import patch, share_parsed_models
from local.pollers import QueuePoller, StreamPoller
from local.wsgi import Environ
from tests.crashes import door
from tests.crashes.client import Client
from tests.crashes.door import PIPELINE, Call, Door, Fault
from tests.crashes.world import World
from tests.journeys.external_services import SECRET_ID

# Of the source that the sync reads.
_CUSTOMERS = 12
# The functions that ask the external service, and remember whether there is one.
_ASKING = ("api_handler", "action_worker", "sweeper")
# The streams in the order in which they are read: what the function of one writes, a later one reads.
STREAMS = ("image_changes", "audit_entries", "usage_records")
# In seconds: how often a stream is looked at, and how long the machine may take until it rests.
_STREAM_INTERVAL = 0.005
_LOOK = 0.002
RESTS_WITHIN = 60.0
# In seconds: tokens live for an hour.
_WORLD_LIVES = 1500.0
# What of moto reads the time, by the start of its name.
_MOTO = ("moto.core.utils", "moto.cognitoidp.models", "moto.stepfunctions.parser.asl.component.state.state")
_RETRY = "moto.stepfunctions.parser.asl.component.common.retry"


Prepare = Callable[["Stage"], Any]


class StuckError(AssertionError):
    """The machine does not come to rest."""


class Stage:
    """One machine, and the world that each point begins with."""

    def __init__(self, machine: Machine, its_door: Door, clock_file: Path, fake_api: FakeApi) -> None:
        self.machine, self.door, self._clock_file = machine, its_door, clock_file
        its_door.kill = self._kill
        CLOCK.on_advance(self._tell_functions)
        # By what prepares it (None: nothing), the world that a journey begins in, and what the preparation gave.
        self._worlds: dict[Any, tuple[World, Any]] = {}
        self._taken_at = 0.0
        self._activity = Activity(CLOCK, machine._host, machine._triggers)
        its_pollers = machine._triggers.pollers
        self._queues = [each for each in its_pollers.values() if isinstance(each, QueuePoller)]
        self._streams = {name: each for name, each in its_pollers.items() if isinstance(each, StreamPoller)}
        for each in self._streams.values():
            # All of a batch is there when it is delivered.
            each._window = 0.0
        self._mappings = lambda_backends[ACCOUNT][REGION]
        self._enable([*self._queues, *self._streams.values()], False)
        self.settle()
        self._first = World.take()
        self.client = Client(machine.api_url, USER, PASSWORD, self.advance)
        self.admin = Client(machine.api_url, ADMIN, PASSWORD, self.advance)
        self._fake_api, self._has_service = fake_api, False

    # ------------------------------------------------------------ the world

    def use_external_service(self, is_used: bool) -> None:
        """Let an external service do the actions, or not."""
        if is_used is not self._has_service:
            self._has_service = is_used
            secret = json.loads(self._fake_api.secret) if is_used else {}
            text = json.dumps(secret | {"source_api_key": self._fake_api.api_key})
            self.machine.client("secretsmanager").put_secret_value(SecretId=SECRET_ID, SecretString=text)
            for name in _ASKING:
                self.machine.replace_workers(name)

    def begin(self, prepare: Prepare, fault: Fault | None) -> Any:
        """Put the world back as `prepare` leaves it, set the time to now, break this call; what `prepare` gave."""
        self.door.begin(None)
        if time.monotonic() > self._taken_at + _WORLD_LIVES:
            self._worlds.clear()
            self._taken_at = time.monotonic()
        if None not in self._worlds:
            self._reset(self._first)
            self.client.sign_in()
            self.admin.sign_in()
            self.settle()
            self._worlds[None] = World.take(), None
        if prepare not in self._worlds:
            self._reset(self._worlds[None][0])
            given = prepare(self)
            self.settle()
            self._worlds[prepare] = World.take(), given
        world, given = self._worlds[prepare]
        self._reset(world)
        self.door.begin(fault)
        return given

    def _reset(self, world: World) -> None:
        CLOCK.advance(-CLOCK._offset)
        world.put_back(self.machine)
        self._fake_api.work.clear()
        self._fake_api._by_idempotency_key.clear()
        self.client.begin()
        self.admin.begin()

    @property
    def user_id(self) -> str:
        """The id of the user whose client is `client`."""
        return next(user_id for user_id, name in self.names_of_users.items() if name == "user")

    @property
    def names_of_users(self) -> dict[str, str]:
        """Names for the ids of the users that each point begins with."""
        users = self._first.tables["darkroom-local-users"].values()
        rows = [clients.unmarshal(each.to_json()["Attributes"]) for each in users]
        return {row["userId"]: str(row["email"]).partition("@")[0] for row in rows}

    # ------------------------------------------------------------ time

    def advance(self, seconds: float) -> None:
        """Let time pass, and what is due begin."""
        CLOCK.advance(seconds)

    def _tell_functions(self) -> None:
        driven_process.write_offset(self._clock_file, CLOCK._offset)

    def settle(self, within: float = 3 * 3600.0) -> None:
        """Return when nothing runs and nothing waits, as fast as the time can be moved.

        Queues and streams deliver only here, and one stream after the other: so the batches are the same each time.
        """
        until = CLOCK.now() + within
        with self._delivering(self._queues):
            while True:
                self._rest()
                if self._read_streams():
                    continue
                due = self._activity.next_due()
                if due is None or due > until:
                    return
                CLOCK.advance(max(0.0, due - CLOCK.now()) + 0.01)

    def _read_streams(self) -> bool:
        """Let each stream deliver what is new; whether any did."""
        found = [name for name in STREAMS if (poller := self._streams[name]).waiting() and not poller.is_delivering]
        for name in found:
            with self._delivering([self._streams[name]]):
                self._rest()
        return bool(found)

    def _rest(self) -> None:
        """Return when nothing runs any more, without the time moving."""
        deadline = time.monotonic() + RESTS_WITHIN
        pause, calm = threading.Event(), 0
        while calm < 2:
            if time.monotonic() > deadline:
                raise StuckError("the machine does not come to rest")
            calm = 0 if self._activity.is_any() else calm + 1
            pause.wait(_LOOK)

    @contextlib.contextmanager
    def _delivering(self, its_pollers: Iterable[Any]) -> Iterator[None]:
        self._enable(its_pollers, True)
        # Pollers that have nothing to do look again when the clock is moved.
        CLOCK.advance(0.0)
        try:
            yield
        finally:
            self._enable(its_pollers, False)

    def _enable(self, its_pollers: Iterable[Any], is_enabled: bool) -> None:
        for each in its_pollers:
            mapping: Any = self._mappings.get_event_source_mapping(each._mapping)
            mapping.enabled = is_enabled

    # ------------------------------------------------------------ what runs

    def run_job(self, name: str, payload: dict[str, Any] | None = None) -> None:
        """Let a scheduled job run now, with Lambda's retries, until all rests."""
        function = self.machine._host.functions[name]
        event = payload or {"source": "aws.events", "time": datetime.fromtimestamp(CLOCK.now(), UTC).isoformat()}
        self.machine._triggers.events.submit(function, json.dumps(event).encode())
        self.settle()

    def _kill(self, call: Call, environ: Environ, body: bytes) -> None:
        if call.function == PIPELINE:
            _abort(door.execution_of(environ, body))
            return
        for pid in self.machine.workers(call.function):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)


def _abort(name: str) -> None:
    """End an execution where it is, as if its service had lost it. `name` is its own, or the end of its ARN."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    machines = [each for backend in stepfunctions_parser_backends[ACCOUNT].values() for each in backend.state_machines]
    executions: list[Any] = [each for machine in machines for each in machine.executions]
    (its,) = [each for each in executions if each.status == "RUNNING" and name in each.exec_arn.split(":")]
    its.exec_worker.stop(datetime.now(UTC), "Broken", "by a test")


@contextlib.contextmanager
def running() -> Iterator[Stage]:
    """The machine, with its two accounts. Its functions log into a temporary folder."""
    share_parsed_models()
    pollers.STREAM_INTERVAL = _STREAM_INTERVAL
    with tempfile.TemporaryDirectory() as folder:
        clock_file = Path(folder) / "clock"
        driven_process.write_offset(clock_file, 0.0)
        its_door = Door()
        settings = {
            driven_process.CLOCK_FILE: str(clock_file),
            "CUSTOM_ACTION_TYPES": "TRANSLATE",
            "API_BASE_URL": "https://api.example.com",
        }
        logs = Path(folder) / "logs"
        machine = Machine(schedules=False, settings=settings, logs=logs, middleware=[its_door])
        with FakeApi(customers=_CUSTOMERS) as fake_api, machine:
            machine._stage.use_fake_api(fake_api)
            _drive_moto()
            yield Stage(machine, its_door, clock_file, fake_api)


def _drive_moto() -> None:
    def offset() -> float:
        return CLOCK._offset

    modules = [module for name, module in list(sys.modules.items()) if name in _MOTO]
    driven_process.follow(modules, offset, time.sleep)
    driven_process.follow([importlib.import_module(f"{_RETRY}.retrier_decl")], offset, CLOCK.sleep)
    # The longest pause each time: the order of what comes after depends on it.
    jitter = importlib.import_module(f"{_RETRY}.jitter_strategy_decl")
    patch(jitter, "random", types.SimpleNamespace(uniform=lambda shortest, longest: longest))
