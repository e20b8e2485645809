"""The one clock: how long each run took, what it cost, and how it ended, as usage records and metrics."""

import functools
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
from chalicelib.core.errors import DarkroomError, MissingConfigError, raises
from chalicelib.core.observing import alerts, memory, metrics, tracing
from chalicelib.core.observing.event_sources import HTTP, correlation_of, event_source
from chalicelib.core.settings import Settings, check

USAGE = Table(Settings.USAGE_METRICS_DYNAMO_TABLE, "account", "timestamp")
SYSTEM_ACCOUNT = "system"
# Chalice's name for the function that serves all routes.
API = "api_handler"

# In dollars: GB × seconds × price a GB-second, and a fee a request. BASE_PRICE is the price on x86; arm64 costs a fifth
# less (us-east-1, first tier: aws.amazon.com/lambda/pricing, read 2026-11).
BASE_PRICE = 0.0000166667
PRICE_PER_GB_SECOND = {"x86_64": BASE_PRICE, "arm64": 0.0000133334}
PRICE_PER_REQUEST = 0.0000002
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"

Handler = TypeVar("Handler", bound=Callable[..., Any])
# A user's id and, if one was used, an API key's.
Account = tuple[str | None, str | None]
Event = Mapping[str, Any]


@dataclass
class Execution:
    """One run of an operation, from its start until `track` records it.

    - `recorded`: whether a usage record is written.
    - `kind`: of a function that does several kinds of work, which one it was; daily sums keep their durations apart.
    - `is_keys_alone`: the cost is the API key's and not its owner's, since the key does not open the operation.
    - `crashed`: the function failed, and did not refuse the caller or the file.
    - `actor`, `source`, `request_id`, `audited`, `payload`, `response`, `public_error` are for the audit trail: who
      acted, from which address, in which request, whether to record it, what was requested and returned, and the error
      that the caller read. `audit_id` is that of its entry, once the trail has it as begun.
    """

    operation: str
    endpoint: str
    event_source: str
    memory_allocated_mb: int
    account: str = SYSTEM_ACCOUNT
    user: str | None = None
    api_key_id: str | None = None
    error_type: str | None = None
    recorded: bool = True
    kind: str | None = None
    is_keys_alone: bool = False
    crashed: bool = False
    actor: str | None = None
    source: str = ""
    request_id: str = ""
    audited: bool = False
    payload: Mapping[str, Any] = field(default_factory=dict)
    response: Mapping[str, Any] = field(default_factory=dict)
    public_error: DarkroomError | None = None
    audit_id: str | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float = field(default_factory=time.perf_counter)
    duration_ms: float = 0.0

    def set_caller(self, user: str, api_key_id: str | None = None) -> None:
        self.account = self.user = self.actor = user
        self.api_key_id = api_key_id

    def rename(self, operation: str, endpoint: str) -> None:
        """For a router: the run counts as one of the operation behind it."""
        self.operation, self.endpoint = operation, endpoint

    def accept(self, payload: Mapping[str, Any], *, audited: bool) -> None:
        """The request has passed limit and schema: from now on it is worth an audit entry, allowed or not."""
        self.payload, self.audited = payload, audited

    @property
    def outcome(self) -> str:
        """`ok`, or the code of the error that the caller read."""
        return (self.error_type or "ok") if self.public_error is None else self.public_error.code

    @property
    def function(self) -> str:
        """The name of the Lambda function that this is a run of."""
        return API if self.event_source == HTTP else self.operation

    @property
    def cost(self) -> float:
        return lambda_cost(self.duration_ms, self.memory_allocated_mb)

    def fail(self, error: BaseException | str) -> None:
        self.error_type = error if isinstance(error, str) else type(error).__name__

    def stop_clock(self) -> None:
        self.duration_ms = (time.perf_counter() - self.started) * 1000

    def usage_record(self) -> dict[str, Any]:
        """Duration in ms, memory in MB, cost in dollars; it expires after USAGE_KEEP_DAYS.

        Memory used is the most that the function and its decoding child had at one moment of the run.
        """
        expires = self.started_at + timedelta(days=Settings.USAGE_KEEP_DAYS.get())
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
            "memory_used_mb": memory.peak() // (1024 * 1024),
            "memory_allocated_mb": self.memory_allocated_mb,
            "lambda_cost": self.cost,
            "success": self.error_type is None,
            "error_type": self.error_type,
            "ttl": int(expires.timestamp()),
            **({"keys_alone": True} if self.is_keys_alone else {}),
        }


def lambda_cost(duration_ms: float, memory_mb: int, architecture: str = ARCHITECTURE) -> float:
    """Dollars for one run, by the formula at BASE_PRICE."""
    gigabyte_seconds = memory_mb / 1024 * duration_ms / 1000
    return round(gigabyte_seconds * PRICE_PER_GB_SECOND[architecture] + PRICE_PER_REQUEST, 12)


@contextmanager
def track(operation: str, endpoint: str, source: str, memory_mb: int | None = None) -> Iterator[Execution]:
    """Times the block, shows it in its trace, and writes its metrics and its usage record, however it ends."""
    execution = Execution(operation, endpoint, source, memory_mb or config.function_memory_mb())
    memory.begin()
    try:
        with tracing.subsegment(operation):
            yield execution
    except BaseException as error:
        execution.fail(error)
        raise
    finally:
        execution.stop_clock()
        _emit_metrics(execution)
        if execution.recorded:
            write_usage_record(execution)


def _emit_metrics(execution: Execution) -> None:
    """By function; the log and the usage records tell operations apart."""
    figures: dict[str, metrics.Figure] = {
        "ProcessingTime": (round(execution.duration_ms / 1000, 6), metrics.SECONDS),
        "Cost": (execution.cost, metrics.DOLLARS),
    }
    if execution.crashed:
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
        # S3's event does not name the work that it belongs to: the function finds out as it runs.
        correlation=None if execution.function == API else log.run_correlation_id(),
        Operation=execution.function,
    )


@required_env_vars({"USAGE_METRICS_DYNAMO_TABLE": [DynamoDBOperation.PUT_ITEM], "USAGE_KEEP_DAYS": []})
def write_usage_record(execution: Execution) -> None:
    """Never raises: tracking does not fail an operation. An error is logged."""
    try:
        USAGE.put(execution.usage_record())
    except Exception as error:
        log.warning("USAGE_NOT_RECORDED", error, operation=execution.operation)


# The operations whose settings this container has found: neither environment nor parameters go away while it lives.
_resolved: set[str] = set()


@raises(MissingConfigError)
def resolve_settings(operation: str, needed: grants.Grants) -> None:
    """Finds and checks the settings that an operation declares, on its first run in a container; logs how long it took.

    Raises:
        MissingConfigError: one of them is set nowhere; the next run looks again.
        InvalidSettingError: one of them has a value that cannot be used.
    """
    if operation in _resolved:
        return
    started = time.perf_counter()
    check(needed)
    _resolved.add(operation)
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    log.info("SETTINGS_RESOLVED", operation=operation, variables=len(needed), durationMs=milliseconds)


@overload
def track_execution(function: Handler) -> Handler: ...
@overload
def track_execution(
    *,
    account: Callable[[Event], Account] | None = None,
    kind: Callable[[Event], str | None] | None = None,
    refusals: tuple[type[Exception], ...] = (),
    recorded: bool = True,
) -> Callable[[Handler], Handler]: ...


def track_execution(
    function: Handler | None = None,
    *,
    account: Callable[[Event], Account] | None = None,
    kind: Callable[[Event], str | None] | None = None,
    refusals: tuple[type[Exception], ...] = (),
    recorded: bool = True,
) -> Handler | Callable[[Handler], Handler]:
    """Runs an event handler `(event, context)` with its settings resolved, its log lines identified, its run recorded.

    `account` reads from the event whose run it is; by default it is the system's own. `kind` reads which kind of work
    it asks for (Execution.kind). `refusals` are errors that concern the event and not us: no operator is alerted.
    `recorded=False` is for the reader of usage records, whose every run would write another one. What the handler
    raises is passed on to AWS, which retries: swallowing an error would lose the event.
    """
    if function is None:
        return functools.partial(_tracked, account=account, kind=kind, refusals=refusals, recorded=recorded)
    return _tracked(function, account=None, kind=None, refusals=(), recorded=True)


def _tracked(
    function: Handler,
    account: Callable[[Event], Account] | None,
    kind: Callable[[Event], str | None] | None,
    refusals: tuple[type[Exception], ...],
    recorded: bool,
) -> Handler:
    name = function.__name__

    @functools.wraps(function)
    def run(event: Any, context: Any = None) -> Any:
        # Chalice wraps the event and its context; our handlers read both as AWS sent them.
        raw: Event = event if isinstance(event, Mapping) else event.to_dict()
        context = context or getattr(event, "context", None)
        with (
            log.context(str(getattr(context, "aws_request_id", "")), correlation_of(raw)),
            clients.run_deadline(context),
            track(name, name, event_source(raw)) as execution,
        ):
            execution.recorded, execution.kind = recorded, None if kind is None else kind(raw)
            owner, api_key_id = (None, None) if account is None else account(raw)
            if owner is not None:
                execution.set_caller(owner, api_key_id)
            try:
                resolve_settings(name, grants.of(run))
                return function(raw, context)
            except refusals as refusal:
                log.info("FUNCTION_REFUSED", operation=name, reason=str(refusal))
                raise
            except Exception as error:
                execution.crashed = True
                log.error("FUNCTION_FAILED", error, operation=name)
                if alerts.is_unexpected(error):
                    alerts.report(error, name)
                raise

    grants.add(run, alerts.report, *([write_usage_record] if recorded else []))
    # Lambda counts a refusal as an error, so the function's alarm needs a metric without refusals.
    run.__dict__["refuses"] = bool(refusals)
    return run  # type: ignore[return-value]
