"""The door of the embedded AWS: it sees each call of a function or a state machine, and can break one of them."""

import json
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from local.clock import CLOCK
from local.moto_patches.stepfunctions_progress import TASK_HEADER
from local.sigv4 import STATE_MACHINES
from local.wsgi import Application, Environ

# The state machine's name among those of the functions.
PIPELINE = "image_pipeline"
# In seconds on the driven clock: how long a call is refused, or its answers are lost, "always".
OUTAGE_SECONDS = 900.0
# What a process reads and notes once, when it starts: it depends on which workers are new.
_OF_A_START = ("ssm", "secretsmanager")
# Their answers are XML.
_OF_QUERIES = ("sns", "email", "ses")
_DECLARATIONS = "declarations"
_MESSAGES = ("Publish", "SendEmail", "SendRawEmail")

_CALLER = re.compile(r"\bapp/([\w-]+)")
_STAGE = re.compile(r"^darkroom-local-|-machine$|\.fifo$")


class Way(StrEnum):
    """How a call is broken."""

    KILLED_BEFORE = "killed_before"
    KILLED_AFTER = "killed_after"
    LOST_ONCE = "lost_once"
    LOST_ALWAYS = "lost_always"
    REFUSED_ALWAYS = "refused_always"

    @property
    def is_outage(self) -> bool:
        return self in (Way.LOST_ALWAYS, Way.REFUSED_ALWAYS)

    @property
    def takes_effect(self) -> bool:
        return self in (Way.KILLED_AFTER, Way.LOST_ONCE, Way.LOST_ALWAYS)


class Call(NamedTuple):
    """One call: who made it, what it does, and to what."""

    function: str
    service: str
    operation: str
    resource: str

    @property
    def is_read(self) -> bool:
        return self.operation.startswith(("Get", "Head", "List", "Query", "Scan", "BatchGet", "Describe", "Receive"))


@dataclass
class Fault:
    """One call to break: the `number`th of an operation by a function. `fired_at` is on the driven clock."""

    function: str
    operation: str
    number: int
    way: Way
    fired_at: float | None = None
    resource: str = ""
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def hits(self, call: Call) -> bool:
        """Whether this call is broken. To be asked once for each call."""
        if self.fired_at is not None:
            lasts = self.way.is_outage and CLOCK.now() < self.fired_at + OUTAGE_SECONDS
            return lasts and (self.function, self.operation, self.resource) == (
                call.function,
                call.operation,
                call.resource,
            )
        name = call.function, call.operation
        self.seen[name] += 1
        if name != (self.function, self.operation) or self.seen[name] != self.number:
            return False
        self.fired_at, self.resource = CLOCK.now(), call.resource
        return True


class Door:
    """The middleware. `kill` ends the process or the execution that has made a call."""

    def __init__(self) -> None:
        self.kill: Callable[[Call, Environ, bytes], None] = lambda call, environ, body: None
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        # What was published and sent, with its parameters.
        self.messages: list[tuple[Call, Any]] = []
        self.fault: Fault | None = None
        self._meanwhile: dict[tuple[str, str, int], Callable[[], None]] = {}
        self._seen: Counter[tuple[str, str]] = Counter()
        self._is_waiting = False

    def at(self, function: str, operation: str, number: int, act: Callable[[], None]) -> None:
        """Let something happen in the moment of the `number`th call of an operation by a function, before it.

        What was called before that is not broken: another journey does.
        """

        def forget_and_act() -> None:
            with self._lock:
                self.calls.clear()
                if self.fault is not None:
                    self.fault.seen.clear()
                self._is_waiting = False
            act()

        self._is_waiting = True
        self._meanwhile[function, operation, number] = forget_and_act

    def begin(self, fault: Fault | None) -> None:
        """Forget what was seen, and break this call."""
        with self._lock:
            self.calls, self.messages, self.fault, self._meanwhile = [], [], fault, {}
            self._seen.clear()
            self._is_waiting = False

    def __call__(self, application: Application) -> Application:
        def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
            body = environ["wsgi.input"].read()
            environ["wsgi.input"].seek(0)
            call = _call_of(environ, body)
            if call is None:
                return application(environ, start_response)
            with self._lock:
                name = call.function, call.operation
                self._seen[name] += 1
                act = self._meanwhile.pop((*name, self._seen[name]), None)
            if act is not None:
                act()
            with self._lock:
                self.calls.append(call)
                hit = self.fault is not None and not self._is_waiting and self.fault.hits(call)
                way = self.fault.way if self.fault is not None and hit else None
            if call.operation in _MESSAGES and (way is None or way.takes_effect):
                self.messages.append((call, _parameters(environ, body)))
            if way is None:
                return application(environ, start_response)
            return self._break(way, call, environ, body, application, start_response)

        return answer

    def _break(
        self, way: Way, call: Call, environ: Environ, body: bytes, application: Application, start_response: Any
    ) -> Iterable[bytes]:
        if way is Way.KILLED_BEFORE:
            self.kill(call, environ, body)
        if way.takes_effect:
            list(application(environ, lambda status, headers, exc_info=None: None))
        if way is Way.KILLED_AFTER:
            self.kill(call, environ, body)
        return _error(call, start_response, is_throttled=way is Way.REFUSED_ALWAYS)


def _call_of(environ: Environ, body: bytes) -> Call | None:
    """The call of a function or a state machine; None: it is somebody else's, or part of a process's start."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    caller = _CALLER.search(environ.get("HTTP_USER_AGENT", ""))
    if f"Credential={STATE_MACHINES}/" in authorization:
        function = PIPELINE
    elif caller is not None:
        function = caller[1]
    else:
        return None
    service = authorization.partition("Credential=")[2].split("/")[3:4]
    # Some of Cognito's calls are not signed.
    name = service[0] if service else "cognito-idp"
    call = Call(function, name, *_operation(name, environ, body))
    return None if name in _OF_A_START or call.resource == _DECLARATIONS else call


def _operation(service: str, environ: Environ, body: bytes) -> tuple[str, str]:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return target.rpartition(".")[2], _resource(json.loads(body or b"{}"))
    if service == "s3":
        return _s3_operation(environ), _plain(unquote(environ["PATH_INFO"]).split("/")[1])
    if service == "lambda":
        return "Invoke", _plain(unquote(environ["PATH_INFO"]).split("/")[3].rpartition(":")[2])
    parameters = _parameters(environ, body)
    action = str(parameters.get("Action", environ["REQUEST_METHOD"]))
    return action, _plain(parameters.get("TopicArn", "").rpartition(":")[2])


def _parameters(environ: Environ, body: bytes) -> dict[str, str]:
    if environ.get("HTTP_X_AMZ_TARGET"):
        parameters: dict[str, str] = json.loads(body)
        return parameters
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}


def _resource(parameters: dict[str, Any]) -> str:
    """The table, queue or machine that a call names; a transaction's tables together."""
    if "TransactItems" in parameters:
        tables = {_plain(each["TableName"]) for entry in parameters["TransactItems"] for each in entry.values()}
        return "+".join(sorted(tables))
    if "RequestItems" in parameters:
        return "+".join(sorted(map(_plain, parameters["RequestItems"])))
    named = (parameters.get(name) for name in ("TableName", "QueueUrl", "stateMachineArn"))
    return next((_plain(re.split("[/:]", each)[-1]) for each in named if each), "")


def _plain(name: str) -> str:
    return _STAGE.sub("", _STAGE.sub("", name))


_OF_BUCKETS = {"GET": "ListObjectsV2", "HEAD": "HeadBucket"}
_OF_OBJECTS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


def _s3_operation(environ: Environ) -> str:
    method, query = environ["REQUEST_METHOD"], parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    is_object = environ["PATH_INFO"].strip("/").count("/") > 0
    for name, operations in (
        ("delete", {"POST": "DeleteObjects"}),
        ("versions", {"GET": "ListObjectVersions"}),
        ("tagging", {"PUT": "PutObjectTagging", "GET": "GetObjectTagging", "DELETE": "DeleteObjectTagging"}),
        ("uploads", {"POST": "CreateMultipartUpload", "GET": "ListMultipartUploads"}),
        ("uploadId", {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}),
    ):
        if name in query and method in operations:
            return operations[method]
    if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return "CopyObject"
    if not is_object:
        return _OF_BUCKETS[method]
    return _OF_OBJECTS[method]


def _error(call: Call, start_response: Any, *, is_throttled: bool) -> Iterable[bytes]:
    """What the service says when it is throttled, or fails."""
    code, status = _code_and_status(call.service, is_throttled=is_throttled)
    error = f"<Error><Code>{code}</Code><Message>Broken by a test.</Message></Error>"
    if call.service == "s3":
        kind, text = "application/xml", error
    elif call.service in _OF_QUERIES:
        kind, text = "text/xml", f"<ErrorResponse>{error}<RequestId>broken</RequestId></ErrorResponse>"
    else:
        kind, text = "application/x-amz-json-1.0", json.dumps({"__type": code, "message": "Broken by a test."})
    headers = [("Content-Type", kind), ("x-amzn-RequestId", str(uuid.uuid4())), ("x-amzn-ErrorType", code)]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [text.encode()]


def _code_and_status(service: str, *, is_throttled: bool) -> tuple[str, int]:
    if service == "s3":
        return ("SlowDown", 503) if is_throttled else ("InternalError", 500)
    if service in _OF_QUERIES:
        return ("Throttling", 400) if is_throttled else ("InternalFailure", 500)
    if service in ("lambda", "cognito-idp"):
        return ("TooManyRequestsException", 429) if is_throttled else ("InternalErrorException", 500)
    return ("ThrottlingException", 400) if is_throttled else ("InternalServerError", 500)


def execution_of(environ: Environ, body: bytes) -> str:
    """The name of the execution that makes a call of the state machine."""
    if task := environ.get(f"HTTP_{TASK_HEADER.upper().replace('-', '_')}"):
        return str(task).rpartition("/")[0].split(":")[-1]
    return str(json.loads(body)["execution"])
