"""moto's Step Functions: names and times as on AWS, and faster executions."""

import functools
import os
import queue
import sys
import threading
import types
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local import background, iam_enforcement
from local.moto_patches import stepfunctions_progress
from local.patching import patch
from local.sigv4 import STATE_MACHINES

EXECUTIONS_AT_ONCE = 8


def patch_step_functions() -> None:
    """Apply the patches of this module, before anything else imports moto's interpreter."""
    _cache_clients()
    _skip_ec2_import()
    _let_express_reuse_names()
    _tell_express_executions_apart()
    _limit_parallel_executions()
    _parse_definitions_once()
    _parse_paths_once()
    _write_times_as_aws()
    stepfunctions_progress.follow_executions()


def _cache_clients() -> None:
    # The interpreter makes a client for every task, in 30 ms. Its other modules import the name: patch it first.
    from moto.stepfunctions.parser.asl.utils import boto_client

    lock = threading.Lock()
    clients: dict[tuple[str, str, str, str], Any] = {}
    session = boto3.Session()
    settings = Config(
        parameter_validation=False,
        retries={"max_attempts": 0, "total_max_attempts": 1},
        connect_timeout=900,
        read_timeout=900,
        max_pool_connections=50,
        proxies={},
    )

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        port, role = os.environ["MOTO_PORT"], str(getattr(state_credentials, "role_arn", ""))
        with lock:
            if (port, region, service, role) not in clients:
                client = clients[port, region, service, role] = session.client(
                    service,
                    region_name=region,
                    endpoint_url=f"http://127.0.0.1:{port}",
                    aws_access_key_id=STATE_MACHINES,
                    aws_secret_access_key=STATE_MACHINES,
                    config=settings,
                )
                iam_enforcement.enforce_role(client, role)
                client.meta.events.register("before-send", stepfunctions_progress.add_task_header)
            return clients[port, region, service, role]

    patch(boto_client, "boto_client_for", boto_client_for)


def _skip_ec2_import() -> None:
    # moto's Parameter Store and Step Functions import all of EC2, which takes a second and is not used here.
    # Empty modules stand in while these two are imported.
    import moto

    batch = types.ModuleType("moto.batch")
    batch.__path__ = [str(Path(moto.__file__).parent / "batch")]
    ec2 = types.ModuleType("moto.ec2")
    patch(ec2, "ec2_backends", {})
    stand_ins = {each.__name__: each for each in (batch, ec2) if each.__name__ not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        import moto.ssm.models
        import moto.stepfunctions.parser.asl.parse.asl_parser
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _let_express_reuse_names() -> None:
    from moto.stepfunctions.models import StateMachine

    original = StateMachine._handle_name_input_idempotency
    kept = 500

    def handle_name_input_idempotency(self: Any, name: str, execution_input: str) -> Any:
        # `type`, not `sm_type`, which is always STANDARD.
        if self.type != "EXPRESS":
            return original(self, name, execution_input)
        # No API describes an express execution afterwards; a few are kept for debugging.
        if len(self.executions) > 2 * kept:
            finished = [each for each in self.executions if each.status != "RUNNING"][:-kept]
            self.executions[:] = [each for each in self.executions if each not in finished]
        return None

    patch(StateMachine, "_handle_name_input_idempotency", handle_name_input_idempotency)


def _tell_express_executions_apart() -> None:
    # Of one name there may be several, each with an ARN of its own (Step Functions, "Execution ARNs").
    from moto.stepfunctions.parser.backend.execution import Execution

    original = Execution.__init__

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        if self.state_machine.type == "EXPRESS":
            new = f"{self.exec_arn.replace(':execution:', ':express:')}:{uuid.uuid4()}"
            self.exec_arn = self.execution_arn = stepfunctions_progress.resumed_arn() or new

    patch(Execution, "__init__", init)


def _limit_parallel_executions() -> None:
    # On one machine parallel executions wait for each other while their states' timeouts run: they wait before the
    # start instead.
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run() -> None:
        while True:
            execution = waiting.get()
            try:
                execution()
            except Exception as error:
                # Not a failed execution, which reports itself, but a failure of the interpreter.
                background.report(error)

    for _ in range(EXECUTIONS_AT_ONCE):
        threading.Thread(target=run, name="state machine", daemon=True).start()
    patch(ExecutionWorker, "start", lambda worker: waiting.put(worker._execution_logic))


def _parse_paths_once() -> None:
    # moto parses a path such as "$.userId" for every field of every task of every execution.
    from moto.stepfunctions.parser.asl.utils import json_path

    patch(json_path, "parse", functools.lru_cache(maxsize=512)(json_path.parse))


def _parse_definitions_once() -> None:
    # The interpreter parses the definition for every execution, which takes longer than most executions. A parsed
    # program has no state but its parts' heap keys, which are made at the first use: two executions at once could get
    # different ones, so these are fixed.
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    patch(EvalComponent, "heap_key", property(lambda part: str(id(part))))
    patch(AmazonStateLanguageParser, "parse", staticmethod(functools.cache(AmazonStateLanguageParser.parse)))


def _write_times_as_aws() -> None:
    # $$.State.EnteredTime is written into rows: with milliseconds and a Z, not with microseconds and an offset.
    from moto.stepfunctions.parser.asl.component.state import state

    def state_data(EnteredTime: str, **rest: Any) -> dict[str, Any]:  # noqa: N803
        entered = datetime.fromisoformat(EnteredTime).isoformat(timespec="milliseconds")
        return {"EnteredTime": entered.replace("+00:00", "Z"), **rest}

    patch(state, "StateData", state_data)
