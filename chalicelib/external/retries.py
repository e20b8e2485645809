"""When a call that failed is made again: three times in all, after a random and growing wait, within one deadline."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from chalicelib.external.errors import ExternalServiceError, Reason, may_pass
from chalicelib.external.messages import Response

ATTEMPTS = 3
BASE_SECONDS = 1.0
_PASSING = frozenset({Reason.UNREACHABLE, Reason.TIMEOUT})


def retrying(
    attempt: Callable[[], Response],
    *,
    deadline: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Response:
    """The first answer that is worth having, or the last one of all, whatever its status.

    Tried again are 408, 425, 429, 5xx and faults of the network, nothing else. The wait is anything between nothing and
    1 s, then 2 s: full jitter, so that those who failed together do not come back together (AWS Architecture
    Blog, "Exponential Backoff And Jitter"); and never less than what Retry-After asks for. A wait that would end
    after `deadline`, a moment of `clock`, is not begun.

    Raises:
        ExternalServiceError: the last attempt's.
    """
    for number in range(ATTEMPTS):
        outcome = _try(attempt)
        if not _may_pass(outcome):
            break
        wait = max(jitter(0.0, BASE_SECONDS * 2**number), _asked_wait(outcome, now()))
        if number + 1 == ATTEMPTS or clock() + wait >= deadline:
            break
        sleep(wait)
    if isinstance(outcome, ExternalServiceError):
        raise outcome
    return outcome


def _try(attempt: Callable[[], Response]) -> Response | ExternalServiceError:
    try:
        return attempt()
    except ExternalServiceError as error:
        return error


def _may_pass(outcome: Response | ExternalServiceError) -> bool:
    if isinstance(outcome, ExternalServiceError):
        return outcome.reason in _PASSING
    return may_pass(outcome.status)


def _asked_wait(outcome: Response | ExternalServiceError, now: float) -> float:
    return retry_after(outcome.headers.get("retry-after", ""), now) if isinstance(outcome, Response) else 0.0


def retry_after(header: str, now: float) -> float:
    """The seconds that a Retry-After header asks for (RFC 9110, section 10.2.3: a number or a date); 0 for junk.

    `now` is in seconds since 1970.
    """
    text = header.strip()
    if text.isascii() and text.isdecimal():
        # More digits than these are for ever, and int() refuses thousands of them.
        return float(text[:10])
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds())
