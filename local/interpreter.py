"""Where moto's Step Functions are not AWS's: names, times, and what makes each execution slow."""

import functools
import os
import queue
import sys
import threading
import types
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local import rights
from local.models import patch
from local.signing import STATE_MACHINES

EXECUTIONS_AT_ONCE = 8


def close_gaps_of_step_functions() -> None:
    """Close them; has to come before anything else imports the interpreter."""
    _cache_clients()
    _leave_out_ec2()
    _let_express_reuse_names()
    _run_a_few_at_a_time()
    _parse_definitions_once()
    _parse_paths_once()
    _tell_times_as_aws_does()


def _cache_clients() -> None:
    # The interpreter makes a client for every task (30 ms each). This has to come before its other modules' import.
    from moto.stepfunctions.parser.asl.utils import boto_client

    lock = threading.Lock()
    made: dict[tuple[str, str, str, str], Any] = {}
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
            if (port, region, service, role) not in made:
                client = made[port, region, service, role] = session.client(
                    service,
                    region_name=region,
                    endpoint_url=f"http://127.0.0.1:{port}",
                    aws_access_key_id=STATE_MACHINES,
                    aws_secret_access_key=STATE_MACHINES,
                    config=settings,
                )
                rights.hold(client, role)
            return made[port, region, service, role]

    patch(boto_client, "boto_client_for", boto_client_for)


def _leave_out_ec2() -> None:
    # Parameter Store (for commands on instances) and Step Functions (for batch jobs) load all of EC2: a second of
    # every start, for what nothing here can have. The stand-ins last as long as these two are imported.
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

    refuse = StateMachine._handle_name_input_idempotency
    kept = 500

    def handle_name_input_idempotency(self: Any, name: str, execution_input: str) -> Any:
        # Beside `type` there is `sm_type`, which is always STANDARD.
        if self.type != "EXPRESS":
            return refuse(self, name, execution_input)
        # Nobody can ask for an express execution afterwards; keep a few for whoever debugs.
        if len(self.executions) > 2 * kept:
            finished = [each for each in self.executions if each.status != "RUNNING"][:-kept]
            self.executions[:] = [each for each in self.executions if each not in finished]
        return None

    patch(StateMachine, "_handle_name_input_idempotency", handle_name_input_idempotency)


def _run_a_few_at_a_time() -> None:
    # On AWS a thousand executions run beside each other; on one machine they only wait for each other, and their
    # states' timeouts would run while they wait. So they wait before they start.
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run() -> None:
        while True:
            execution = waiting.get()
            try:
                execution()
            except Exception as error:
                # An execution that fails has said so itself: this one broke the interpreter.
                print(f"The embedded Step Functions broke off an execution: {error!r}", file=sys.stderr)

    for _ in range(EXECUTIONS_AT_ONCE):
        threading.Thread(target=run, name="state machine", daemon=True).start()
    patch(ExecutionWorker, "start", lambda worker: waiting.put(worker._execution_logic))


def _parse_paths_once() -> None:
    # A path such as "$.userId" is parsed for every field of every task of every execution.
    from moto.stepfunctions.parser.asl.utils import json_path

    patch(json_path, "parse", functools.lru_cache(maxsize=512)(json_path.parse))  # type: ignore[attr-defined]


def _parse_definitions_once() -> None:
    # The interpreter parses the definition for every execution, which takes longer than most executions.
    # A parsed program holds no state: what an execution remembers is in its environment's heap, under keys that the
    # program's parts make up when first asked. Two executions that ask at once would each be given another.
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    patch(EvalComponent, "heap_key", property(lambda part: str(id(part))))
    patch(AmazonStateLanguageParser, "parse", staticmethod(functools.cache(AmazonStateLanguageParser.parse)))


def _tell_times_as_aws_does() -> None:
    # $$.State.EnteredTime is written into records: milliseconds and a Z, not microseconds and an offset.
    from moto.stepfunctions.parser.asl.component.state import state

    def state_data(EnteredTime: str, **rest: Any) -> dict[str, Any]:  # noqa: N803
        entered = datetime.fromisoformat(EnteredTime).isoformat(timespec="milliseconds")
        return {"EnteredTime": entered.replace("+00:00", "Z"), **rest}

    patch(state, "StateData", state_data)
