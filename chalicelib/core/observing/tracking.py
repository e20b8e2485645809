"""The one clock: how long each operation and function ran, what it cost, and how it ended, as usage records."""

import functools
import json
import platform
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, overload

from chalicelib.core import clients, config, ids, log
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Table
from chalicelib.core.errors import DarkroomError
from chalicelib.core.observing import alerts, memory, metrics, tracing

USAGE = Table("USAGE_METRICS_DYNAMO_TABLE", "account", "timestamp")
SYSTEM_ACCOUNT = "system"
# Chalice's name for the function that serves all routes.
API = "api_handler"
HTTP = "HTTP"

# The formula is GB × seconds × BASE_PRICE, in dollars. What AWS's price list adds to it is said here alone: on arm64 a
# GB-second costs a fifth less, and each request has a fee (us-east-1, first tier: aws.amazon.com/lambda/pricing, read
# 2026-11).
BASE_PRICE = 0.0000166667
PRICE_PER_GB_SECOND = {"x86_64": BASE_PRICE, "arm64": 0.0000133334}
PRICE_PER_REQUEST = 0.0000002
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"

Handler = TypeVar("Handler", bound=Callable[..., Any])
# A user's id and, where one was used, an API key's.
Account = tuple[str | None, str | None]


@dataclass
class Execution:
    """One run of an operation, from its start until `track` writes it down."""

    operation: str
    endpoint: str
    event_source: str
    memory_allocated_mb: int
    account: str = SYSTEM_ACCOUNT
    user: str | None = None
    api_key_id: str | None = None
    error_type: str | None = None
    recorded: bool = True
    # What sort of work the run did, where a function does several: the day's sums keep their durations apart.
    kind: str | None = None
    # Whether its cost is the API key's and not its owner's: of a key that was used where it opens nothing.
    is_keys_alone: bool = False
    # Whether it broke: not what a caller, or the file at hand, is refused for.
    broke: bool = False
    # For an audit trail: who acts, whether this is for one, what was asked for and given, what was told of a failure.
    actor: str | None = None
    audited: bool = False
    payload: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    told: DarkroomError | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.perf_counter)
    duration_ms: float = 0.0

    def caller_is(self, user: str, api_key_id: str | None = None) -> None:
        self.account = self.user = self.actor = user
        self.api_key_id = api_key_id

    def becomes(self, operation: str, endpoint: str) -> None:
        """What runs turns out to be another operation than the door that it came through."""
        self.operation, self.endpoint = operation, endpoint

    def begins(self, payload: Mapping[str, Any], *, audited: bool) -> None:
        """Limit and schema are passed: what follows is somebody's deed, allowed or not."""
        self.payload, self.audited = payload, audited

    @property
    def outcome(self) -> str:
        """`ok`, or the code of the failure that the caller was told of."""
        return (self.error_type or "ok") if self.told is None else self.told.code

    @property
    def function(self) -> str:
        """The name of the Lambda function that this is a run of."""
        return API if self.event_source == HTTP else self.operation

    @property
    def cost(self) -> float:
        return lambda_cost(self.duration_ms, self.memory_allocated_mb)

    def failed(self, error: BaseException | str) -> None:
        self.error_type = error if isinstance(error, str) else type(error).__name__

    def ended(self) -> None:
        self.duration_ms = (time.perf_counter() - self.started) * 1000

    def record(self) -> dict[str, Any]:
        """The usage record: duration in ms, memory in MB, cost in dollars; it expires after USAGE_KEEP_DAYS.

        Memory used is the most that the function and its decoding child had at one moment of the run.
        """
        expires = self.started_at + timedelta(days=config.integer("USAGE_KEEP_DAYS"))
        return {
            "account": self.account,
            # Two runs may start in the same millisecond.
            "timestamp": f"{ids.timestamp(self.started_at)}#{secrets.token_hex(4)}",
            "user": self.user,
            "api_key_id": self.api_key_id,
            "operation": self.operation,
            "kind": self.kind,
            "endpoint": self.endpoint,
            "event_source": self.event_source,
            "duration_ms": round(self.duration_ms, 3),
            "memory_used_mb": _memory_used_mb(),
            "memory_allocated_mb": self.memory_allocated_mb,
            "lambda_cost": self.cost,
            "success": self.error_type is None,
            "error_type": self.error_type,
            "ttl": int(expires.timestamp()),
            **({"keys_alone": True} if self.is_keys_alone else {}),
        }


def lambda_cost(duration_ms: float, memory_mb: int, architecture: str = ARCHITECTURE) -> float:
    """Dollars for one run, by the formula at BASE_PRICE and what is added to it there."""
    gigabyte_seconds = memory_mb / 1024 * duration_ms / 1000
    return round(gigabyte_seconds * PRICE_PER_GB_SECOND[architecture] + PRICE_PER_REQUEST, 12)


def _memory_used_mb() -> int:
    return memory.peak() // (1024 * 1024)


@contextmanager
def track(operation: str, endpoint: str, event_source: str, memory_mb: int | None = None) -> Iterator[Execution]:
    """Times what runs inside, writes its usage record and its figures, and shows it in its trace, however it ends.

    A record that cannot be written is logged and costs nobody anything else. There is none of what
    sets `recorded` to False.
    """
    execution = Execution(operation, endpoint, event_source, memory_mb or config.function_memory_mb())
    memory.begin()
    try:
        with tracing.subsegment(operation):
            yield execution
    except BaseException as error:
        execution.failed(error)
        raise
    finally:
        execution.ended()
        _measure(execution)
        if execution.recorded:
            _write(execution)


def _measure(execution: Execution) -> None:
    """The run's figures by function; by operation they stand in the log and in the usage records."""
    figures: dict[str, metrics.Figure] = {
        "ProcessingTime": (round(execution.duration_ms / 1000, 6), metrics.SECONDS),
        "Cost": (execution.cost, metrics.DOLLARS),
    }
    if execution.broke:
        figures["FunctionErrors"] = (1, metrics.COUNT)
    metrics.emit(
        figures,
        totals=["Cost"],
        about={
            "operation": execution.operation,
            "eventSource": execution.event_source,
            "outcome": execution.outcome,
            **({"caller": "none"} if execution.event_source == HTTP and execution.user is None else {}),
        },
        # S3's event does not tell the work that it belongs to: the function finds that out on its way.
        correlation=None if execution.function == API else log.whole_run(),
        Operation=execution.function,
    )


@required_env_vars({"USAGE_METRICS_DYNAMO_TABLE": [DynamoDBOperation.PUT_ITEM], "USAGE_KEEP_DAYS": []})
def _write(execution: Execution) -> None:
    try:
        USAGE.put(execution.record())
    except Exception as error:  # tracking never fails an operation, whatever went wrong in it
        log.warning("USAGE_NOT_RECORDED", error, operation=execution.operation)


NEEDS = grants.of(_write)


def settings_present(operation: str, needs: grants.Grants) -> None:
    """Resolves all that an operation declares, on its first run in a container, and says how long that took.

    Raises:
        MissingConfigError: one of them stands nowhere; the next run looks again.
    """
    if operation in _resolved:
        return
    started = time.perf_counter()
    config.resolve(needs)
    _resolved.add(operation)
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    log.info("SETTINGS_RESOLVED", operation=operation, variables=len(needs), durationMs=milliseconds)


# The operations whose variables this container has found: neither environment nor parameters leave it while it lives.
_resolved: set[str] = set()


@overload
def track_execution(function: Handler) -> Handler: ...
@overload
def track_execution(
    *,
    account: Callable[[Mapping[str, Any]], Account] | None = None,
    kind: Callable[[Mapping[str, Any]], str | None] | None = None,
    refusals: tuple[type[Exception], ...] = (),
    recorded: bool = True,
) -> Callable[[Handler], Handler]: ...


def track_execution(
    function: Handler | None = None,
    *,
    account: Callable[[Mapping[str, Any]], Account] | None = None,
    kind: Callable[[Mapping[str, Any]], str | None] | None = None,
    refusals: tuple[type[Exception], ...] = (),
    recorded: bool = True,
) -> Handler | Callable[[Handler], Handler]:
    """Runs an event handler `(event, context)`: its settings resolved, its lines identified, its run recorded.

    `account` finds in the event whose run it is; without it the run is the system's own. `kind` finds what sort of
    work it asks for, of a function that does several (Execution.kind). `refusals` are
    errors that say something about the event and not about us: no operator is told. `recorded=False` is for
    a function that keeps the books: for the reader of usage records each run would make another. What the handler
    raises goes on to AWS, which retries: an error that were swallowed here would lose the event.
    """
    if function is None:
        return functools.partial(
            _tracked, account=account or _nobody, kind=kind or _no_kind, refusals=refusals, recorded=recorded
        )
    return _tracked(function, account=_nobody, kind=_no_kind, refusals=(), recorded=True)


def _nobody(event: Mapping[str, Any]) -> Account:
    return None, None


def _no_kind(event: Mapping[str, Any]) -> str | None:
    return None


def _tracked(
    function: Handler,
    account: Callable[[Mapping[str, Any]], Account],
    kind: Callable[[Mapping[str, Any]], str | None],
    refusals: tuple[type[Exception], ...],
    recorded: bool,
) -> Handler:
    @functools.wraps(function)
    def run(event: Any, context: Any = None) -> Any:
        # Chalice wraps what a trigger sends, context and all; a handler of ours reads both as AWS sent them.
        raw: Mapping[str, Any] = event if isinstance(event, Mapping) else event.to_dict()
        context = context or getattr(event, "context", None)
        request_id = str(getattr(context, "aws_request_id", ""))
        with (
            log.context(request_id, correlation_of(raw)),
            clients.within_run(context),
            track(function.__name__, function.__name__, event_source(raw)) as execution,
        ):
            execution.recorded, execution.kind = recorded, kind(raw)
            owner, api_key_id = account(raw)
            if owner is not None:
                execution.caller_is(owner, api_key_id)
            try:
                settings_present(function.__name__, grants.of(run))
                return function(raw, context)
            except refusals as refusal:
                log.info("FUNCTION_REFUSED", operation=function.__name__, reason=str(refusal))
                raise
            except Exception as error:
                execution.broke = True
                log.error("FUNCTION_FAILED", error, operation=function.__name__)
                if alerts.is_unforeseen(error):
                    alerts.report(error, function.__name__)
                raise

    grants.add(run, grants.merge(NEEDS if recorded else {}, alerts.NEEDS))
    # Lambda counts a refusal as an error: whoever watches the function has to count without them.
    run.__dict__["refuses"] = bool(refusals)
    return run  # type: ignore[return-value]


_RECORD_SOURCES = {"aws:sqs": "SQS", "aws:s3": "S3", "aws:dynamodb": "DynamoDB Stream", "aws:sns": "SNS"}


def event_source(event: Mapping[str, Any]) -> str:
    """What fired a function, told from the payload as AWS sends it."""
    entries = event.get("Records")
    if isinstance(entries, list) and entries and isinstance(entries[0], Mapping):
        return _RECORD_SOURCES.get(str(entries[0].get("eventSource") or entries[0].get("EventSource")), "Direct")
    if event.get("Service") == "Amazon S3":
        # The test event, which comes when the trigger is made, has no records.
        return "S3"
    if "httpMethod" in event or "requestContext" in event:
        return HTTP
    if event.get("source") == "aws.events" or event.get("detail-type") == "Scheduled Event":
        return "Scheduled"
    # Our state machine hands every function the name of the execution that it runs in.
    return "Step Functions" if "execution" in event else "Direct"


def correlation_of(event: Mapping[str, Any]) -> str | None:
    """The identity of the work that an event is about; None where it is about several, or tells none."""
    entries = event.get("Records")
    told = [_told(each) for each in entries] if isinstance(entries, list) else [event.get("correlationId")]
    only = told[0] if told and told.count(told[0]) == len(told) else None
    return log.accepted(only)


def _told(record: Any) -> Any:
    """The identity in a message of a queue or a topic, or in a row that a stream tells of."""
    try:
        if "Sns" in record:
            return json.loads(record["Sns"]["Message"])["correlationId"]
        if "body" in record:
            return json.loads(record["body"])["correlationId"]
        return record["dynamodb"]["NewImage"]["correlationId"]["S"]
    except (KeyError, TypeError, ValueError):
        return None
