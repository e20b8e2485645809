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

REDACTED = "[redacted]"
# A key that contains one of these names something that must never be written down.
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
# What can be told by its form wherever it stands, as in an exception's message: our API keys, JSON Web Tokens, and
# whatever follows the name of a scheme.
_SECRET_FORMS = re.compile(r"drk_[\w-]{16,}|eyJ[\w-]{8,}(?:\.[\w-]*){1,4}|\b(?i:bearer|basic)\s+[\w.~+/=-]{12,}")
_SIGNED_URL_MARKS = ("X-Amz-Signature=", "X-Amz-Credential=", "Signature=")
# What JSON lets stand as it is and a reader of lines does not: controls, line and paragraph separators, what turns the
# direction of writing (Unicode, "Bidi_Control"), the byte order mark, and half a surrogate pair, which has no UTF-8.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

# By this name a caller gives the identity of the work that a request belongs to, and is told it.
CORRELATION_HEADER = "X-Correlation-Id"
# What can stand in a line, a message, a header and a query of the logs as it is; a UUID has 36 characters.
_CORRELATION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


Result = TypeVar("Result")


@dataclass(frozen=True)
class Context:
    """Whose line it is: the request at hand, and the identity that follows the work from function to function.

    `followed` are the identities of all work that the run came across.
    """

    request_id: str = ""
    correlation_id: str = ""
    followed: set[str] = field(default_factory=set)


_NOBODY = Context()
_context: contextvars.ContextVar[Context] = contextvars.ContextVar("log_context", default=_NOBODY)


@contextlib.contextmanager
def context(request_id: str, correlation_id: str | None = None) -> Iterator[None]:
    """Every line written inside carries these identifiers."""
    token = _context.set(Context(request_id, correlation_id or request_id))
    try:
        yield
    finally:
        _context.reset(token)


@contextlib.contextmanager
def correlated(correlation_id: str | None) -> Iterator[None]:
    """Every line written inside belongs to the work of that identity, where it is known.

    So does an error that is raised inside, wherever it is written down.
    """
    about = _context.get()
    identity = valid_correlation_id(correlation_id) or about.correlation_id
    about.followed.add(identity)
    token = _context.set(replace(about, correlation_id=identity))
    try:
        yield
    except Exception as error:
        error.__dict__.setdefault(_WORK, identity)
        raise
    finally:
        _context.reset(token)


# Where an error carries the identity of the work that it broke.
_WORK = "correlation_id"


def keep_context(work: Callable[..., Result]) -> Callable[..., Result]:
    """The same work for another thread: its lines belong to what is at hand here and now."""
    about = _context.get()

    @functools.wraps(work)
    def run(*arguments: Any) -> Result:
        with context(about.request_id, about.correlation_id):
            return work(*arguments)

    return run


def valid_correlation_id(correlation_id: Any) -> str | None:
    """An identity that came from elsewhere, if it is fit to stand in our lines: short, plain, and no secret."""
    if not isinstance(correlation_id, str) or _CORRELATION_ID.fullmatch(correlation_id) is None:
        return None
    return None if _SECRET_FORMS.search(correlation_id) else correlation_id


def correlation_id(of: BaseException | None = None) -> str:
    """The identity of the work at hand, or of the work that an error broke."""
    identity: str = getattr(of, _WORK, None) or _context.get().correlation_id
    return identity


def run_correlation_id() -> str:
    """The identity of what a run was for: of all that it came across, if that was one piece of work."""
    followed = _context.get().followed
    return next(iter(followed)) if len(followed) == 1 else correlation_id()


def request_id() -> str:
    """The run's own identity, which Lambda keeps when it tries the same event again; "" outside of any run."""
    return _context.get().request_id


def info(event: str, **metadata: Any) -> None:
    _write(logging.INFO, event, metadata)


def warning(event: str, error: BaseException | None = None, **metadata: Any) -> None:
    _write(logging.WARNING, event, metadata, error)


def error(event: str, error: BaseException | None = None, **metadata: Any) -> None:
    _write(logging.ERROR, event, metadata, error)


def _write(level: int, event: str, metadata: Mapping[str, Any], cause: BaseException | None = None) -> None:
    described = dict(metadata)
    if cause is not None:
        described["error"] = {
            "type": type(cause).__name__,
            "message": str(cause),
            "trace": traceback.format_tb(cause.__traceback__)[-5:],
        }
    write = {logging.INFO: _logger().info, logging.WARNING: _logger().warning, logging.ERROR: _logger().error}[level]
    write(event, extra={"metadata": described, "correlation_id": correlation_id(cause)})


def line_fields(
    level: str, event: str, metadata: Mapping[str, Any], at: datetime | None = None, correlation: str | None = None
) -> dict[str, Any]:
    """The eight fields of a line of the log, in their order; `at` is now, and `correlation` the work at hand's."""
    return {
        "timestamp": (at or datetime.now(UTC)).isoformat(timespec="milliseconds"),
        "level": level,
        "event": event,
        "metadata": redact(metadata),
        "environment": config.stage(),
        "functionName": config.function_name(),
        "requestId": request_id(),
        "correlationId": correlation or correlation_id(),
    }


class _LineFormatter(BasePowertoolsFormatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        metadata, correlation = getattr(record, "metadata", {}), getattr(record, "correlation_id", None)
        written = line_fields(record.levelname, record.getMessage(), metadata, at, correlation)
        text = json.dumps(written, default=str, ensure_ascii=False)
        return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

    def append_keys(self, **additional_keys: Any) -> None:
        """Every line has the same fields; there is nothing to append to."""

    def clear_state(self) -> None:
        """No state is kept between lines."""


@functools.cache
def _logger() -> Logger:
    return Logger(service=config.service(), level=config.log_level(), logger_formatter=_LineFormatter())


def redact(value: Any, key: str = "") -> Any:
    """The value with secrets gone: whatever stands under a telling key, any URL that carries a signature, and what
    has a secret's form.
    """
    plain = key.lower()
    if plain in _SECRET_KEYS or any(word in plain for word in _SECRET_WORDS):
        return REDACTED
    if isinstance(value, Mapping):
        return {name: redact(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, str):
        is_signed = any(mark in value for mark in _SIGNED_URL_MARKS)
        return REDACTED if is_signed else _SECRET_FORMS.sub(REDACTED, value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [redact(inner) for inner in value]
    return value
