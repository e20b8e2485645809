"""Retries of failed calls: three attempts in all, with random, growing waits, within one deadline."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from chalicelib.core.deadline import Deadline
from chalicelib.external.errors import ExternalServiceError, Reason, is_temporary
from chalicelib.external.messages import Response

ATTEMPTS = 3
BASE_SECONDS = 1.0
_TEMPORARY = frozenset({Reason.UNREACHABLE, Reason.TIMEOUT})


def call_with_retries(
    attempt: Callable[[], Response],
    *,
    deadline: Deadline,
    now: Callable[[], float] = time.time,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Response:
    """The first response that need not be retried, or the last one, whatever its status.

    Only 408, 425, 429, 5xx and network failures are retried. The wait is random between 0 and 1 s, then 2 s: full
    jitter, so that clients which failed together do not return together (AWS Architecture Blog, "Exponential Backoff
    And Jitter"). It is never shorter than Retry-After. There is no retry if the wait would end after the
    deadline.

    Raises:
        ExternalServiceError: that of the last attempt.
    """
    for number in range(ATTEMPTS):
        outcome = _outcome(attempt)
        if not _is_retryable(outcome):
            break
        wait = max(jitter(0.0, BASE_SECONDS * 2**number), _requested_wait(outcome, now()))
        if number + 1 == ATTEMPTS or deadline.seconds_left <= wait:
            break
        deadline.sleep(wait)
    if isinstance(outcome, ExternalServiceError):
        raise outcome
    return outcome


def _outcome(attempt: Callable[[], Response]) -> Response | ExternalServiceError:
    try:
        return attempt()
    except ExternalServiceError as error:
        return error


def _is_retryable(outcome: Response | ExternalServiceError) -> bool:
    return outcome.reason in _TEMPORARY if isinstance(outcome, ExternalServiceError) else is_temporary(outcome.status)


def _requested_wait(outcome: Response | ExternalServiceError, now: float) -> float:
    return parse_retry_after(outcome.headers.get("retry-after", ""), now) if isinstance(outcome, Response) else 0.0


def parse_retry_after(header: str, now: float) -> float:
    """The seconds to wait by a Retry-After header, a number or a date (RFC 9110, section 10.2.3); 0 if invalid.

    `now` is in epoch seconds.
    """
    text = header.strip()
    if text.isascii() and text.isdecimal():
        # Ten digits are enough; int() refuses thousands of them.
        return float(text[:10])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds())
