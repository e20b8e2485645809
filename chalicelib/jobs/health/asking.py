"""Asks several services at once, and waits for none of them longer than is worth it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.core import log

_LONGEST_FAILURE = 500

Value = TypeVar("Value")


@dataclass(frozen=True)
class Reply(Generic[Value]):
    """What one of them answered, or in `failure` why there is no `value`."""

    value: Value | None = None
    failure: str = ""


def ask_all(questions: Sequence[Callable[[], Value]], seconds: float) -> list[Reply[Value]]:
    """The replies in the order of the questions. What has not answered in time, or raises, has failed."""
    pool = ThreadPoolExecutor(max_workers=max(1, len(questions)))
    try:
        answers = [pool.submit(log.keep_context(each)) for each in questions]
        wait(answers, timeout=seconds)
        return [_reply(each, seconds) for each in answers]
    finally:
        # Calls that still wait are left alone: each ends at its own timeout (core/clients.py).
        pool.shutdown(wait=False, cancel_futures=True)


def _reply(answer: Future[Value], seconds: float) -> Reply[Value]:
    if not answer.done():
        return Reply(failure=f"gave no answer within {seconds:g} s")
    error = answer.exception()
    if error is not None:
        return Reply(failure=log.redact(f"{type(error).__name__}: {error}")[:_LONGEST_FAILURE])
    return Reply(answer.result())
