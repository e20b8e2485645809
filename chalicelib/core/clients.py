"""The only maker of boto3 clients: one session, one cached client a service, one retry policy."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import ClientError

__all__ = [
    "Attr",
    "ClientError",
    "Key",
    "client",
    "error_code",
    "is_conflict",
    "is_from_aws",
    "is_invalid_call",
    "is_transient",
    "marshal",
    "repetitions",
    "run_deadline",
    "unmarshal",
]

# Three attempts, with pauses of up to one and two seconds between them. A retry that could outlast the run is not made
# (`run_deadline`): the API's function ends after 28 seconds (.chalice/config.json), and API Gateway gives up after 29.
_CONNECT_SECONDS, _READ_SECONDS = 2, 10
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=_CONNECT_SECONDS,
    read_timeout=_READ_SECONDS,
    max_pool_connections=32,
    signature_version="v4",
)
# Links with the bucket's own region: the global address redirects for new buckets.
_S3_CONFIG = _CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))

_TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalErrorException",
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

# Reasons that DynamoDB gives for each write of a cancelled transaction ("None": this write was fine).
_TRANSIENT_REASONS = frozenset({"None", "ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"})

_INVALID_CODES = frozenset({"ValidationException", "ValidationError"})

# When the current run ends, on the monotonic clock; None if it has no end.
_end: ContextVar[float | None] = ContextVar("end", default=None)

_clients: dict[str, Any] = {}
_making = threading.Lock()
_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def client(service: str) -> Any:
    """The client of a service, made on first use and kept for the life of the process.

    DynamoDB's takes and returns plain Python values (str, Decimal, list, dict).
    """
    if service not in _clients:
        # Clients are safe to use from several threads; the boto3 session that makes them is not.
        with _making:
            return _clients.get(service) or _clients.setdefault(service, _make(service))
    return _clients[service]


def _make(service: str) -> Any:
    if service == "dynamodb":
        return _session().resource("dynamodb", config=_CONFIG).meta.client
    return _session().client(service, config=_S3_CONFIG if service == "s3" else _CONFIG)


def _session() -> boto3.Session:
    if "session" not in _clients:
        _clients["session"] = boto3.Session()
        _clients["session"].events.register("request-created", _stop_late_retry)
    session: boto3.Session = _clients["session"]
    return session


@contextmanager
def run_deadline(context: Any) -> Iterator[None]:
    """In this block no call is retried if the retry could outlast the run. `context` is Lambda's, or None."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    before = _end.set(None if left is None else time.monotonic() + left() / 1000)
    try:
        yield
    finally:
        _end.reset(before)


def _stop_late_retry(request: Any, **_: Any) -> None:
    """Raises ReadTimeoutError, a transient error, instead of a retry that the run's end could cut off."""
    end, is_retry = _end.get(), request.context.get("retries", {}).get("attempt", 1) > 1
    if is_retry and end is not None and end - time.monotonic() < _CONNECT_SECONDS + _READ_SECONDS:
        raise exceptions.ReadTimeoutError(endpoint_url=request.url.partition("?")[0])


def marshal(value: Any) -> dict[str, Any]:
    """A plain value in DynamoDB's typed form, e.g. `{"S": "x"}`."""
    typed: dict[str, Any] = _serializer.serialize(value)
    return typed


def unmarshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB's typed form, as streams carry it, in plain values."""
    return {name: _deserializer.deserialize(value) for name, value in item.items()}


def error_code(error: BaseException) -> str | None:
    """The error code of a service (`"NoSuchKey"`), or None if no service responded."""
    return error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None


def is_conflict(error: ClientError) -> bool:
    """Whether DynamoDB refused a write because a transaction holds one of its items."""
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
    return error_code(error) == "TransactionConflictException" or "TransactionConflict" in reasons


def is_from_aws(error: BaseException) -> bool:
    """Whether a service or its client failed, and not our own code."""
    return isinstance(error, ClientError | exceptions.BotoCoreError)


def is_invalid_call(error: BaseException) -> bool:
    """Whether the call's own content was refused, by the service or before it was sent: it would be refused again."""
    if isinstance(error, ClientError):
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
        return bool(_INVALID_CODES & {error_code(error), *reasons})
    return isinstance(error, exceptions.ParamValidationError)


def repetitions(error: ClientError) -> int:
    """How often the client had sent the same call again before this answer: an earlier try may have taken place."""
    return int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: it was throttled, or the service is down or cannot be reached."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        reasons = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())}
        cancelled_for_now = bool(reasons) and reasons <= _TRANSIENT_REASONS
        return cancelled_for_now or error_code(error) in _TRANSIENT_CODES or status >= 500
    return isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError)
