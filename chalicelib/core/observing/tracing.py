"""Traces for X-Ray; the only user of Powertools' Tracer.

Powertools sends to Lambda's own daemon over UDP: a trace costs no call to AWS. Nothing is imported, and boto3 is not
patched, before X-Ray wants a trace: the first one of a container costs some 25 ms.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib.core import config, log
from chalicelib.core.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools import Tracer


@contextmanager
def subsegment(operation: str) -> Iterator[None]:
    """Shows the block and its calls to AWS in the run's trace, if X-Ray keeps one.

    Annotations are `operation`, `correlationId` and, after a failure, `errorType`. The error's message is not sent,
    since it may hold secrets; the log has it without them.
    """
    if not config.is_traced():
        yield
        return
    failure: BaseException | None = None
    with _tracer().provider.in_subsegment(name=f"## {operation}") as shown:
        try:
            yield
        except BaseException as error:
            # An error that leaves this block would be sent with its message.
            failure = error
            shown.put_annotation("errorType", type(error).__name__)
            shown.add_fault_flag()  # type: ignore[attr-defined]
        shown.put_annotation("operation", operation)
        shown.put_annotation("correlationId", log.correlation_id())
    if failure is not None:
        raise failure


@functools.cache
def _tracer() -> "Tracer":
    from aws_lambda_powertools import Tracer

    # Other URLs may hold secrets: only calls to AWS are shown.
    return Tracer(service=Settings.SERVICE_NAME.get(), patch_modules=["botocore"])
