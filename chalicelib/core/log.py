"""One JSON line an event, each of the same eight fields, with nothing secret in it."""

import contextlib
import contextvars
import functools
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import BasePowertoolsFormatter

from chalicelib.core import config
from chalicelib.core.errors import InvalidSettingError
from chalicelib.core.settings import Settings

REDACTED = "[redacted]"
# A key that contains one of these words names a secret.
_SECRET_WORDS = (
    "password",
    "token",
    "secret",
    "authorization",
    "apikey",
    "api_key",
    "credential",
    "cookie",
    "uploadurl",
)
_SECRET_KEYS = frozenset({"code", "session", "answer", "key", "signature", "policy"})
# Secrets that are recognized by their form, as in an exception's message: our API keys, JSON Web Tokens, what follows
# an authentication scheme, and the address of an authenticator's secret.
_SECRET_FORMS = re.compile(
    r"drk_[\w-]{16,}|eyJ[\w-]{8,}(?:\.[\w-]*){1,4}|\b(?i:bearer|basic)\s+[\w.~+/=-]{12,}|otpauth://[^\s\"]+"
)
_SIGNED_URL_MARKS = ("X-Amz-Signature=", "X-Amz-Credential=", "Signature=")
# Characters that JSON does not escape and that make a line unreadable: controls, line and paragraph separators, text
# direction (Unicode, "Bidi_Control"), the byte order mark, and half a surrogate pair, which has no UTF-8.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

# The request header with the correlation id of the work that a request belongs to; the response repeats it.
CORRELATION_HEADER = "X-Correlation-Id"
# Characters that need no escape in a log line, a message, a header, or a query of the logs; a UUID has 36.
_CORRELATION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


Result = TypeVar("Result")


@dataclass(frozen=True)
class Context:
    """The current request, and the correlation id of its work, which is passed from function to function.

    `worked_on` are the correlation ids of all work that the run has done.
    """

    request_id: str = ""
    correlation_id: str = ""
    worked_on: set[str] = field(default_factory=set)


_NO_CONTEXT = Context()
_context: contextvars.ContextVar[Context] = contextvars.ContextVar("log_context", default=_NO_CONTEXT)


@contextlib.contextmanager
def context(request_id: str, correlation_id: str | None = None) -> Iterator[None]:
    """Every line written in the block has these identifiers."""
    token = _context.set(Context(request_id, correlation_id or request_id))
    try:
        yield
    finally:
        _context.reset(token)


@contextlib.contextmanager
def correlated(correlation_id: str | None) -> Iterator[None]:
    """Every line written in the block has that correlation id, if it is known.

    So does an error that is raised in the block, wherever it is logged.
    """
    current = _context.get()
    work = valid_correlation_id(correlation_id) or current.correlation_id
    current.worked_on.add(work)
    token = _context.set(replace(current, correlation_id=work))
    try:
        yield
    except Exception as error:
        error.__dict__.setdefault(_WORK, work)
        raise
    finally:
        _context.reset(token)


# The attribute of an error with the correlation id of the work that it interrupted.
_WORK = "correlation_id"


def keep_context(work: Callable[..., Result]) -> Callable[..., Result]:
    """The same function for another thread: its log lines have this thread's identifiers."""
    current = _context.get()

    @functools.wraps(work)
    def run(*arguments: Any) -> Result:
        with context(current.request_id, current.correlation_id):
            return work(*arguments)

    return run


def valid_correlation_id(correlation_id: Any) -> str | None:
    """A correlation id from elsewhere, if it may be in our lines: short, plain, and no secret; else None."""
    if not isinstance(correlation_id, str) or _CORRELATION_ID.fullmatch(correlation_id) is None:
        return None
    return None if _SECRET_FORMS.search(correlation_id) else correlation_id


def correlation_id(of: BaseException | None = None) -> str:
    """That of the current work, or of the work that an error interrupted."""
    work: str = getattr(of, _WORK, None) or _context.get().correlation_id
    return work


def run_correlation_id() -> str:
    """That of the work of a run, if it did only one; else the run's own."""
    worked_on = _context.get().worked_on
    return next(iter(worked_on)) if len(worked_on) == 1 else correlation_id()


def request_id() -> str:
    """The run's own id, which Lambda keeps when it retries an event; "" outside of a run."""
    return _context.get().request_id


def info(event: str, **metadata: Any) -> None:
    _write(logging.INFO, event, metadata)


def warning(event: str, error: BaseException | None = None, **metadata: Any) -> None:
    _write(logging.WARNING, event, metadata, error)


def error(event: str, error: BaseException | None = None, **metadata: Any) -> None:
    _write(logging.ERROR, event, metadata, error)


def _write(level: int, event: str, metadata: Mapping[str, Any], cause: BaseException | None = None) -> None:
    fields = dict(metadata)
    if cause is not None:
        fields["error"] = {
            "type": type(cause).__name__,
            "message": str(cause),
            "trace": traceback.format_tb(cause.__traceback__)[-5:],
        }
    write = {logging.INFO: _logger().info, logging.WARNING: _logger().warning, logging.ERROR: _logger().error}[level]
    write(event, extra={"metadata": fields, "correlation_id": correlation_id(cause)})


def line_fields(
    level: str, event: str, metadata: Mapping[str, Any], at: datetime | None = None, correlation: str | None = None
) -> dict[str, Any]:
    """The eight fields of a log line, in their order; by default `at` is now, and `correlation` the current work."""
    return {
        "timestamp": (at or datetime.now(UTC)).isoformat(timespec="milliseconds"),
        "level": level,
        "event": event,
        "metadata": redact(metadata),
        "environment": Settings.STAGE.get(),
        "functionName": function_name(),
        "requestId": request_id(),
        "correlationId": correlation or correlation_id(),
    }


class _LineFormatter(BasePowertoolsFormatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        metadata, correlation = getattr(record, "metadata", {}), getattr(record, "correlation_id", None)
        fields = line_fields(record.levelname, record.getMessage(), metadata, at, correlation)
        text = json.dumps(fields, default=str, ensure_ascii=False)
        return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

    def append_keys(self, **additional_keys: Any) -> None:
        """Does nothing: every line has the same fields."""

    def clear_state(self) -> None:
        """Does nothing: no state is kept between lines."""


@functools.cache
def _logger() -> Logger:
    return Logger(service=Settings.SERVICE_NAME.get(), level=_level(), logger_formatter=_LineFormatter())


def _level() -> str:
    """The stage's level. An invalid one is reported, in the log too, by the check when a function starts."""
    try:
        return Settings.LOG_LEVEL.get()
    except InvalidSettingError:
        return "INFO"


def function_name() -> str:
    """The running function's name at AWS; the API under `chalice local` has none."""
    return config.function_name() or f"{Settings.SERVICE_NAME.get()}-{Settings.STAGE.get()}"


def redact(value: Any, key: str = "") -> Any:
    """The value without secrets: values of keys that name one, signed URLs, and text in the form of a secret."""
    lower = key.lower()
    if lower in _SECRET_KEYS or any(word in lower for word in _SECRET_WORDS):
        return REDACTED
    if isinstance(value, Mapping):
        return {name: redact(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, str):
        is_signed = any(mark in value for mark in _SIGNED_URL_MARKS)
        return REDACTED if is_signed else _SECRET_FORMS.sub(REDACTED, value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [redact(inner) for inner in value]
    return value
