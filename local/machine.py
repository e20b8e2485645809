"""The whole machine: embedded AWS, resources, workers, triggers and the API, started and stopped as one."""

import functools
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from infra import event_delivery, pipeline_timeouts, policies, template
from infra.event_delivery import AsyncDelivery, RuleDelivery, StreamDelivery
from infra.pipeline_policy import PIPELINE
from infra.pipeline_policy import ROLE as PIPELINE_ROLE
from infra.settings import ROOT, state_folder, timeouts
from local import rights, signing
from local.accounts import make_accounts
from local.clock import CLOCK, Clock
from local.errors import MachineError, PortTakenError
from local.front import Front
from local.functions import FunctionHost, Zygote, plain_environment
from local.partner import Partner
from local.worker import API_HANDLER

LOGS = state_folder() / "logs"
HOST = "127.0.0.1"
# Beside the logs: which rights the functions used, and which they lacked.
RIGHTS = "rights.jsonl"

# Not in the stage's environment: what is new in every run, and some settings beside it, so that the whole
# chain from environment to Parameter Store is gone through every day.
STORED_SETTINGS = {
    "WATERMARK_TEXT": "Processed by Image Platform",
    "RESIZE_DIMENSIONS": "small=800x600,medium=1200x900,large=1920x1080",
}


class Machine:
    """Darkroom and its AWS in one process tree; a context manager.

    One machine a stage can run in a process, because moto keeps its state in the process.
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
        partner: bool = False,
        resources: Path = template.SOURCE,
        asynchronous: Mapping[str, AsyncDelivery] = event_delivery.ASYNC,
        streams: Mapping[str, StreamDelivery] = event_delivery.STREAMS,
        rules: Mapping[str, RuleDelivery] = event_delivery.RULES,
        schedules: bool = True,
        gathering: bool = False,
        logs: Path | None = None,
    ) -> None:
        self._project = project.resolve()
        self._stage = stage
        self._ports = (port, aws_port)
        self._with_api = api
        self._with_accounts = accounts
        self._with_partner = partner
        self._resources = resources
        self._delivery = (asynchronous, streams, rules)
        # Where they are off their rules are there, disabled, to be switched on one by one.
        self._schedules = schedules
        # Batches of streams are gathered for as long as on AWS: for measuring, not for those who wait.
        self._gathering = gathering
        self._logs = logs
        # What infra.iam_report reads.
        self.rights: Path | None = None if logs is None else logs / RIGHTS
        # By function, what its workers are held to.
        self._orders: dict[str, dict[str, Any]] = {}
        self._clients: dict[str, Any] = {}
        self._undo: list[Any] = []
        self.clock: Clock = CLOCK
        self.api_url = ""
        self.aws_url = ""
        self.partner_url = ""
        self.environment: dict[str, str] = {}
        self.manifest: dict[str, Any] = {}

    # ------------------------------------------------------------ life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything; answers when all of it answers."""
        api_port, aws_port = self._ports
        self._forget_profile()
        aws_socket = self._listen(aws_port, "the embedded AWS")
        api_socket = self._listen(api_port, "the API") if self._with_api else None
        self.aws_url = f"http://{HOST}:{aws_socket.getsockname()[1]}"
        # The application is imported there while moto is imported and provisioned here.
        self._zygote = Zygote(self._project, self._stage, self.aws_url)
        self._undo.append(self._zygote.stop)
        self._start_cloud(aws_socket)
        self.environment = self._settings()
        self._provision()
        self.manifest = self._zygote.told()
        self._give_rights()
        self._start_functions()
        if self._schedules and "health_check" in self._host.functions:
            # Or nothing would be known of a healthy start until the first quarter of an hour is over.
            self.invoke("health_check")
        if api_socket is not None:
            self._start_api(api_socket)
        if self._with_accounts and "/auth/signup" in self.manifest["routes"]:
            self._make_accounts()

    def stop(self) -> None:
        """Stop everything that was started, the last first, whatever happens on the way."""
        faults: list[Exception] = []
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as fault:
                faults.append(fault)
        if faults:
            raise MachineError(f"The machine did not stop cleanly: {faults[0]!r}") from faults[0]

    def _forget_profile(self) -> None:
        """Do without the developer's own profile, which boto3 and moto would look for, while the machine runs."""
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
            if name in os.environ:
                self._undo.append(functools.partial(os.environ.__setitem__, name, os.environ.pop(name)))

    def _listen(self, port: int, purpose: str) -> socket.socket:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._undo.append(listening.close)
        try:
            listening.bind((HOST, port))
        except OSError:
            raise PortTakenError(port, purpose) from None
        listening.listen(128)
        return listening

    def _start_cloud(self, listening: socket.socket) -> None:
        # moto takes a second to import: not before the zygote is on its way.
        from local.buckets import BucketCors
        from local.cloud import Cloud
        from local.guards import BucketGuard
        from local.hosts import HostGuard

        def guard(application: Any) -> Any:
            return BucketGuard(application, _Secrets(self), self.clock)

        cloud = Cloud(listening, [guard, BucketCors, HostGuard])
        self._undo.append(cloud.stop)
        cloud.start()

    def _settings(self) -> dict[str, str]:
        settings: dict[str, str] = self._zygote.told()["environment"]
        wanted = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
        if missing := [name for name in wanted if name not in settings]:
            place = self._project / ".chalice" / "config.json"
            raise MachineError(f"Stage {self._stage} in {place} has no {', '.join(missing)}.")
        return settings

    def _provision(self) -> None:
        from local.cloud import ACCOUNT, REGION
        from local.provision import provision

        self._session = boto3.Session(
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_DEFAULT_REGION"],
        )
        parameters = {"Stage": self._stage, "BucketSuffix": "machine"}
        pseudo = {"AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}
        config = json.loads((self._project / ".chalice" / "config.json").read_text())
        timed = pipeline_timeouts.with_timeouts(template.load(self._resources), timeouts(config, self._stage))
        self.made = provision(timed, parameters, self.client, pseudo)
        self._store_settings()
        if sender := self.environment.get("SENDER_EMAIL"):
            self.client("ses").verify_email_identity(EmailAddress=sender)
        if self._with_partner:
            self._start_partner()

    def _start_partner(self) -> None:
        """The stand-in for the external API that the sync jobs read.

        Its secret names no base URL: with one, users' actions would go to the partner and not be done here.
        """
        partner = Partner()
        partner.__enter__()
        self._undo.append(partner.close)
        self.partner_url = partner.url
        secret = json.dumps({"source_api_key": partner.api_key})
        self.client("secretsmanager").put_secret_value(
            SecretId=f"darkroom/{self._stage}/external-services", SecretString=secret
        )
        self._put_setting("EXTERNAL_API_URL", "String", partner.url)

    def _store_settings(self) -> None:
        settings = {name: ("String", value) for name, value in STORED_SETTINGS.items()}
        if "UserPool" in self.made:
            pool = self.made["UserPool"].ref
            settings["COGNITO_USER_POOL_ID"] = ("String", pool)
            client = self.made["ApiClient"].ref
            described = self.client("cognito-idp").describe_user_pool_client(UserPoolId=pool, ClientId=client)
            settings["COGNITO_CLIENT_ID"] = ("String", client)
            settings["COGNITO_CLIENT_SECRET"] = ("SecureString", described["UserPoolClient"]["ClientSecret"])
            settings["JWKS_URL"] = ("SecureString", f"{self.aws_url}/{pool}/.well-known/jwks.json")
        for name, (kind, value) in settings.items():
            if name not in self.environment:
                self._put_setting(name, kind, value)

    def _put_setting(self, name: str, kind: str, value: str) -> None:
        service = self.environment.get("SERVICE_NAME", "darkroom")
        self.client("ssm").put_parameter(Name=f"/darkroom/{self._stage}/{service}/{name}", Type=kind, Value=value)

    def _give_rights(self) -> None:
        """Each function gets the role that deploy would give it: nothing runs here that would be refused in AWS."""
        pool = self.made["UserPool"].ref if "UserPool" in self.made else policies.NO_POOL
        for spec in self.manifest["functions"]:
            declared = self.manifest["declared"].get(spec["name"])
            if declared is not None:
                self._order(spec["name"], policies.document(spec["name"], declared, spec["environment"], {}, pool))
            spec["rights"] = self._orders.get(spec["name"])
        if (role := self.made.get(PIPELINE_ROLE)) is not None:
            # As it stands in the embedded IAM, where the template put it.
            self._order(PIPELINE, rights.attached(self.client("iam"), role.ref))
            self._undo.append(functools.partial(rights.ROLES.pop, role.attributes["Arn"]))
            self._give(PIPELINE, self._orders[PIPELINE])

    def _order(self, function: str, policy: dict[str, Any]) -> None:
        from local.cloud import ACCOUNT, REGION

        record = None if self.rights is None else str(self.rights)
        place = {"region": REGION, "account": ACCOUNT}
        self._orders[function] = {"function": function, "policy": policy, "record": record, **place}

    def _start_functions(self) -> None:
        from local.cloud import ACCOUNT, REGION
        from local.triggers import Triggers

        if self._logs is not None:
            _empty(self._logs)
        self._host = FunctionHost(self._zygote, self.manifest["functions"], ACCOUNT, REGION, self._logs)
        self._triggers = Triggers(
            self.client,
            self.clock,
            self._host,
            self.made,
            *self._delivery,
            schedules=self._schedules,
            gathering=self._gathering,
        )
        # From the last to the first: nothing new begins, what runs is ended, and then there is nothing to wait for.
        self._undo += [self._triggers.join, self._host.stop, self._triggers.stop]
        self._triggers.connect(self.manifest["functions"])
        self._host.warm()
        self._triggers.start()

    def _start_api(self, listening: socket.socket) -> None:
        spec = next(each for each in self.manifest["functions"] if each["name"] == API_HANDLER)
        order = {
            "role": "api",
            "project": str(self._project),
            "stage": self._stage,
            "log": str(self._logs / "api.log") if self._logs else None,
            "environment": plain_environment() | spec["environment"],
            "rights": spec["rights"],
        }
        self._front = Front(self._zygote, order, listening)
        self._undo.append(self._front.stop)
        self._front.start()
        self.api_url = self._front.url

    def _make_accounts(self) -> None:
        """Two accounts, made by the API. A machine that is to have none starts one for that alone."""
        standing = len(self._undo)
        if not self._with_api:
            self._start_api(self._listen(0, "the API"))
        make_accounts(self.api_url, self.client("dynamodb"), self.environment["USERS_TABLE"])
        if not self._with_api:
            self.api_url = ""
            while len(self._undo) > standing:
                self._undo.pop()()

    # ------------------------------------------------------------ use

    def client(self, service: str) -> Any:
        """A boto3 client of the embedded AWS, with the stage's credentials."""
        if service not in self._clients:
            config = _CONFIG.merge(_S3) if service == "s3" else _CONFIG
            self._clients[service] = self._session.client(service, endpoint_url=self.aws_url, config=config)
        return self._clients[service]

    def invoke(self, name: str, payload: Any = None) -> tuple[Any, bool]:
        """Call a function through the Lambda API: its answer, and whether that is an error."""
        answer = self.client("lambda").invoke(
            FunctionName=self._host.functions[name].lambda_name, Payload=json.dumps(payload or {})
        )
        return json.loads(answer["Payload"].read() or b"null"), "FunctionError" in answer

    @contextmanager
    def without(self, function: str, statement: str, action: str) -> Iterator[Path]:
        """A function, or the state machine, that lacks one action of one statement: the record of what it then does.

        It begins and ends with new workers, which know nothing of what was read before; who is at work is waited for.
        """
        assert self._logs is not None
        record = self._logs / "without.jsonl"
        record.unlink(missing_ok=True)
        whole = self._orders[function]
        self._give(function, rights.without(whole, statement, action) | {"record": str(record)})
        try:
            yield record
        finally:
            self._give(function, whole)

    def afresh(self, function: str) -> None:
        """Gives a function new workers, as a deploy would: what they read from AWS they read anew."""
        self._give(function, self._orders[function])

    def _give(self, function: str, order: dict[str, Any]) -> None:
        if function == PIPELINE:
            rights.ROLES[self.made[PIPELINE_ROLE].attributes["Arn"]] = rights.Role.of(order)
        else:
            self._host.functions[function].give(order)
        if function == API_HANDLER:
            self._front.give(order)

    def workers(self, name: str) -> list[int]:
        """The processes of a function's workers."""
        return self._host.functions[name].pids()

    def processes(self) -> list[int]:
        """Every process that the machine has started."""
        workers = [pid for function in self._host.functions.values() for pid in function.pids()]
        return [self._zygote.pid, *([self._front.pid] if self._with_api else []), *workers]

    def queue_depth(self, url: str) -> tuple[int, int]:
        """Messages that can be received now, and messages that are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(attributes[names[0]]), int(attributes[names[1]])

    def events_waiting(self) -> int:
        """Asynchronous events that wait for a run or a retry."""
        return self._triggers.events.waiting()

    def due(self, name: str) -> float | None:
        """When a scheduled function is fired next, in seconds since the epoch, on the machine's clock."""
        return self._triggers.scheduler.due(name)

    def records_waiting(self, name: str) -> int:
        """Stream records that a function has not been given yet."""
        from local.pollers import StreamPoller

        poller = self._triggers.pollers[name]
        return poller.behind() if isinstance(poller, StreamPoller) else 0


_CONFIG = Config(max_pool_connections=50, retries={"max_attempts": 0}, proxies={})
# Unasked, boto3 presigns with the signature of 2006.
_S3 = Config(signature_version="s3v4", s3={"addressing_style": "path"})


def _empty(logs: Path) -> None:
    """Each run has logs of its own."""
    logs.mkdir(parents=True, exist_ok=True)
    for log in [*logs.glob("*.log"), logs / RIGHTS]:
        log.unlink(missing_ok=True)


class _Secrets(dict[str, str]):
    """The credentials that signatures may be of: the stage's, known once the application is described, and tasks'."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine

    def get(self, key: str, default: Any = None) -> Any:
        environment = self._machine.environment
        known = {
            environment.get("AWS_ACCESS_KEY_ID"): environment.get("AWS_SECRET_ACCESS_KEY"),
            signing.STATE_MACHINES: signing.STATE_MACHINES,
        }
        return known.get(key, default)
