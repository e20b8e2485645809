"""The only user of Powertools' Tracer: what X-Ray shows of a run beside its duration.

Powertools sends to Lambda's own daemon over UDP: a trace costs no call to AWS. Nothing is imported, and nothing of
boto3 changed, before X-Ray wants a trace: the first one of a container costs it some 25 ms.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib.core import config, log

if TYPE_CHECKING:
    from aws_lambda_powertools import Tracer


@contextmanager
def subsegment(operation: str) -> Iterator[None]:
    """Shows what runs inside as a part of the run's trace, with its calls to AWS, where X-Ray keeps one.

    It can be found by the annotations `operation`, `correlationId` and, of what failed, `errorType`. No message is
    sent along: the log has it, without the secrets that it may hold.
    """
    if not config.is_traced():
        yield
        return
    failure: BaseException | None = None
    with _tracer().provider.in_subsegment(name=f"## {operation}") as shown:
        try:
            yield
        except BaseException as error:
            # What leaves this block would be sent along with its message.
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

    # Others' addresses may hold secrets: of all HTTP only the calls to AWS are shown.
    return Tracer(service=config.service(), patch_modules=["botocore"])
