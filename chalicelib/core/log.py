"""One JSON line an event, each of the same eight fields, with nothing secret in it."""

import contextlib
import contextvars
import functools
import json
import logging
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

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


@dataclass(frozen=True)
class Context:
    """Whose line it is: the request at hand, and the identity that follows the work from function to function."""

    request_id: str = ""
    correlation_id: str = ""


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


def correlation_id() -> str:
    return _context.get().correlation_id


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
    write(event, extra={"metadata": described})


class _LineFormatter(BasePowertoolsFormatter):
    def format(self, record: logging.LogRecord) -> str:
        about = _context.get()
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": record.getMessage(),
            "metadata": redact(getattr(record, "metadata", {})),
            "environment": config.stage(),
            "functionName": config.function_name(),
            "requestId": about.request_id,
            "correlationId": about.correlation_id,
        }
        return json.dumps(line, default=str, ensure_ascii=False)

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
