"""The local machine: embedded AWS, resources, workers, triggers and the API, started and stopped together."""

import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from infra import event_delivery, iam_report
from infra.event_delivery import AsyncDelivery, RuleDelivery, StreamDelivery
from infra.pipeline_policy import PIPELINE
from infra.settings import ROOT, state_folder
from local import background, frames, garbage, iam_enforcement, sigv4
from local.accounts import make_accounts
from local.api_process import ApiProcess, api_spec, running_api
from local.aws import HOST, without_profile
from local.clock import CLOCK, Clock
from local.cloudformation.properties import Resource
from local.code import Code
from local.errors import MachineError
from local.fake_api import FakeApi
from local.functions import FunctionHost
from local.grants import Grants
from local.ports import listen
from local.stage import Stage
from local.state.folder import StateFolder
from local.worker import API_HANDLER
from local.wsgi import Application

LOGS = state_folder() / "logs"


class Machine:
    """Darkroom and its AWS in one process tree; a context manager.

    A process can run one machine for each stage, because moto keeps its state in the process.
    """

    def __init__(
        self,
        project: Path = ROOT,
        *,
        stage: str = "local",
        port: int = 0,
        aws_port: int = 0,
        api: bool = True,
        accounts: bool = True,
        fake_api: bool = False,
        asynchronous: Mapping[str, AsyncDelivery] = event_delivery.ASYNC,
        streams: Mapping[str, StreamDelivery] = event_delivery.STREAMS,
        rules: Mapping[str, RuleDelivery] = event_delivery.RULES,
        schedules: bool = True,
        batching_windows: bool = False,
        settings: Mapping[str, str] = MappingProxyType({}),
        logs: Path | None = None,
        state: StateFolder | None = None,
        middleware: Sequence[Callable[[Application], Application]] = (),
    ) -> None:
        """Port 0 is any free one. `settings` replace those of the stage. Without `state` nothing is kept.

        With `schedules` off, their rules are created disabled. With `batching_windows` streams wait for full batches
        as long as on AWS. Without `logs`, functions log to the terminal and used grants are not logged. Each of the
        `middleware` stands before the embedded AWS.
        """
        self._project, self._stage_name, self._ports = project.resolve(), stage, (port, aws_port)
        self._with_api, self._with_accounts, self._with_fake_api = api, accounts, fake_api
        self._delivery = (asynchronous, streams, rules)
        self._schedules, self._batching_windows = schedules, batching_windows
        self.settings, self.state, self._middleware = settings, state, middleware
        self._cleanup = ExitStack()
        # Secrets by access key id. The stage's are added once its settings are known.
        self._secrets = {sigv4.STATE_MACHINES: sigv4.STATE_MACHINES}
        self.logs = logs
        self.grants_log: Path | None = None if logs is None else logs / iam_report.LOG.name
        self.clock: Clock = CLOCK
        self.api_url = self.aws_url = self.fake_api_url = ""
        self.environment: dict[str, str] = {}
        self.description: dict[str, Any] = {}
        self._api: ApiProcess | None = None

    # ------------------------------------------------------------ start and stop

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything; returns once everything answers."""
        try:
            with garbage.not_collected():
                self._start()
        except frames.DisconnectedError:
            raise MachineError("The machine could not start: one of its processes has ended.") from None

    def _start(self) -> None:
        api_port, aws_port = self._ports
        if self.state is not None:
            self._cleanup.callback(self.state.close)
        self._cleanup.enter_context(without_profile())
        aws_socket = self._cleanup.enter_context(listen(aws_port, "the embedded AWS"))
        api_socket = self._cleanup.enter_context(listen(api_port, "the API")) if self._with_api else None
        self.aws_url = f"http://{HOST}:{aws_socket.getsockname()[1]}"
        # The application is imported while moto is imported and resources are created here.
        self.code = Code(self._project, self._stage_name, self.aws_url, self.settings)
        self._cleanup.callback(self.code.stop)
        self._start_aws(aws_socket)
        self.environment = self.code.receive_environment()
        self._stage = Stage(self._project, self._stage_name, self.environment, self.aws_url)
        self._secrets[self.environment["AWS_ACCESS_KEY_ID"]] = self.environment["AWS_SECRET_ACCESS_KEY"]
        self._stage.create_resources()
        if self._with_fake_api:
            fake_api = self._cleanup.enter_context(FakeApi())
            self.fake_api_url = fake_api.url
            self._stage.use_fake_api(fake_api)
        self._keeping.restore_data()
        self.description = self.code.receive_description()
        self._add_grants()
        self._start_functions()
        with ThreadPoolExecutor(1) as thread:
            checked = thread.submit(self._check_health)
            if api_socket is not None:
                self._api = self._cleanup.enter_context(self._running_api(api_socket))
                self.api_url = self._api.url
            # What users have made of the accounts since then is theirs.
            if self._with_accounts and self._keeping.is_new and "/auth/signup" in self.description["routes"]:
                self._make_accounts()
        checked.result()
        if self._api is not None:
            self._api.wait_until_healthy()
        # A new folder is written only now: without the accounts it would never get them.
        self._keeping.start()

    def stop(self) -> None:
        """Stop everything that was started, in reverse order, also when a step fails."""
        try:
            self._cleanup.close()
        except Exception as error:
            raise MachineError(f"The machine did not stop cleanly: {error!r}") from error

    def _start_aws(self, listening: socket.socket) -> None:
        # Importing moto takes a second: the fork server must have started before.
        from local.bucket_auth import BucketAuth
        from local.bucket_cors import BucketCors
        from local.host_check import HostCheck
        from local.moto_server import MotoServer

        def check_signatures(application: Any) -> Any:
            return BucketAuth(application, self._secrets, self.clock)

        server = MotoServer(listening, [check_signatures, BucketCors, HostCheck, *self._middleware])
        self._cleanup.callback(server.stop)
        server.start()
        # It imports more of moto, which must be patched before.
        from local.state.keeping import Keeping

        self._keeping = Keeping(self.state)

    def _add_grants(self) -> None:
        """Each function gets the grants that a deploy would give it: what AWS would refuse is refused here."""
        self._grants = Grants(self.resources, self.grants_log)
        self._grants.add_functions(self.description)
        self._cleanup.callback(self._grants.remove_state_machine)
        self._grants.add_state_machine(self.client("iam"))

    def _start_functions(self) -> None:
        from local.triggers import Triggers

        if self.logs is not None:
            self.logs.mkdir(parents=True, exist_ok=True)
            for log in [*self.logs.glob("*.log"), self.logs / iam_report.LOG.name]:
                log.unlink(missing_ok=True)
            self._cleanup.callback(background.check_logs, self.logs)
        self._host = FunctionHost(self.code.fork_server, self.description["functions"], self.logs)
        self._triggers = Triggers(
            self.client, self.clock, self._host, self.resources, *self._delivery,
            schedules=self._schedules, batching_windows=self._batching_windows,
        )  # fmt: skip
        # Called in reverse order: no new runs start, running ones are killed, and then the threads end at once.
        self.code.watch(self._keeping.stop)
        for step in (self._triggers.join, self._host.stop, self._triggers.stop):
            self._cleanup.callback(step)
        with ThreadPoolExecutor(1) as thread:
            warmed = thread.submit(self._host.warm)
            self._triggers.connect(self.description["functions"])
        warmed.result()
        self._keeping.restore_work(self._triggers, self._host)
        self._triggers.start()
        self._keeping.resume_executions()
        # Called before all others: what is under way is kept as if it had been stopped right now.
        self._cleanup.callback(self._keeping.stop)

    def _check_health(self) -> None:
        # GET /health shows the last result: without this call there is none in the first quarter of an hour.
        if self._schedules and "health_check" in self._host.functions:
            self.invoke("health_check")

    def _running_api(self, listening: socket.socket) -> AbstractContextManager[ApiProcess]:
        log = str(self.logs / "api.log") if self.logs else None
        spec = {"project": str(self._project), "stage": self._stage_name, "log": log}
        return running_api(self.code.fork_server, spec | api_spec(self.description), listening)

    def _make_accounts(self) -> None:
        """Create two accounts through the API. A machine without an API starts one only for this."""
        with ExitStack() as stack:
            api = self._api or stack.enter_context(self._running_api(listen(0, "the API")))
            make_accounts(api.url, self.client("dynamodb"), self.environment["USERS_TABLE"])

    def reload(self) -> list[str]:
        """Run the code as its files are now; see `Code.reload`."""
        return self.code.reload(self._grants, self._host, self._api)

    # ------------------------------------------------------------ use

    @property
    def resources(self) -> dict[str, Resource]:
        """The created resources by their logical ids in the template."""
        return self._stage.resources

    def client(self, service: str) -> Any:
        """A boto3 client of the embedded AWS, with the stage's credentials."""
        return self._stage.client(service)

    def invoke(self, name: str, payload: Any = None) -> tuple[Any, bool]:
        """Call a function through the Lambda API: its result, and whether that is an error."""
        response = self.client("lambda").invoke(
            FunctionName=self._host.functions[name].lambda_name, Payload=json.dumps(payload or {})
        )
        return json.loads(response["Payload"].read() or b"null"), "FunctionError" in response

    @contextmanager
    def without_grant(self, function: str, statement: str, action: str) -> Iterator[Path]:
        """Take one action of one policy statement from a function or the state machine; the log of its grants.

        New workers start before and after, so that nothing read earlier is kept; runs in progress are waited for.
        """
        assert self.logs is not None
        log = self.logs / "without.jsonl"
        log.unlink(missing_ok=True)
        grants = self._grants.of(function)
        self._set_grants(function, iam_enforcement.without(grants, statement, action) | {"log": str(log)})
        try:
            yield log
        finally:
            self._set_grants(function, grants)

    def replace_workers(self, function: str) -> None:
        """Give a function new workers, as a deploy does: they keep nothing that the old ones read from AWS."""
        self._set_grants(function, self._grants.of(function))

    def _set_grants(self, function: str, grants: dict[str, Any]) -> None:
        if function == PIPELINE:
            self._grants.set_state_machine(grants)
        else:
            self._host.functions[function].set_grants(grants)
        if function == API_HANDLER and self._api is not None:
            self._api.set_grants(grants)

    def workers(self, name: str) -> list[int]:
        """The ids of the processes that run a function."""
        if name == API_HANDLER and self._api is not None:
            return [self._api.pid]
        return self._host.functions[name].pids()

    def processes(self) -> list[int]:
        """The ids of the processes that the machine has started: libraries, API, workers."""
        workers = [pid for function in self._host.functions.values() for pid in function.pids()]
        return [self.code.pid, *([self._api.pid] if self._api else []), *workers]

    def queue_depth(self, url: str) -> tuple[int, int]:
        """The numbers of visible and of hidden messages."""
        visible, hidden = names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(attributes[visible]), int(attributes[hidden])

    def events_waiting(self) -> int:
        """The number of asynchronous events that wait for a run or a retry."""
        return self._triggers.events.waiting()

    def next_run(self, name: str) -> float | None:
        """When a scheduled function runs next on the local clock, in seconds since the epoch; None: never."""
        return self._triggers.scheduler.next_run(name)

    def records_waiting(self, name: str) -> int:
        """The number of stream records that were not delivered to a function yet."""
        from local.pollers import StreamPoller

        poller = self._triggers.pollers[name]
        return poller.waiting() if isinstance(poller, StreamPoller) else 0
