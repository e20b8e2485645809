"""What a caller may spend and store. Both sums are in the user's row, which every request reads anyway.

- Dollars an hour, day and month, by the cost in usage records: window → whose → dollars. A window is the beginning of
  an ISO time ("2026-11-21T07", "2026-11-21", "2026-11"); whose is `user` or an API key's id.
- Bytes of images, counted from the stream of the images' rows.

Both are some five seconds behind (infra/event_delivery.py): what starts before that still passes.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.errors import ConflictError, TooManyRequestsError, raises
from chalicelib.core.http.callers import Caller
from chalicelib.core.http.standings import Standing, strictest
from chalicelib.core.settings import Settings

USER = "user"
# A user has at most 100 keys but may replace them forever: the sums of the oldest keys go, to bound the row's size.
_MOST_KEYS = 200


class Period(Enum):
    """A length of time; its value is how many characters of an ISO time name it."""

    HOUR = 13
    DAY = 10
    MONTH = 7

    def window(self, timestamp: str) -> str:
        return timestamp[: self.value]

    def end(self, now: datetime) -> datetime:
        """When the period that holds `now` is over."""
        start = now.replace(minute=0, second=0, microsecond=0)
        if self is Period.HOUR:
            return start + timedelta(hours=1)
        if self is Period.DAY:
            return start.replace(hour=0) + timedelta(days=1)
        return (start.replace(day=1, hour=0) + timedelta(days=32)).replace(day=1)

    def seconds_left(self, now: datetime) -> int:
        """Whole seconds until the period that holds `now` is over: at least one."""
        return max(1, math.ceil((self.end(now) - now).total_seconds()))


# What a user or an API key may hold under `limits`; the setting holds for users who have no number of their own.
DOLLAR_LIMITS = {
    "dollarsPerHour": (Period.HOUR, Settings.DOLLARS_PER_HOUR),
    "dollarsPerDay": (Period.DAY, Settings.DOLLARS_PER_DAY),
    "dollarsPerMonth": (Period.MONTH, Settings.DOLLARS_PER_MONTH),
}
STORAGE_LIMIT = "storedBytes"


class SpendingLimitError(TooManyRequestsError):
    code, message = "SPENDING_LIMIT", "What may be spent is used up for now."


class StorageLimitError(ConflictError):
    """The stored images take as much as they may, or would with this one: delete some of them first."""

    code = "STORAGE_LIMIT_EXCEEDED"
    next_step = "Call delete_image for images that are no longer needed, or ask your administrator for more."


@required_env_vars({setting.name: [] for _, setting in DOLLAR_LIMITS.values()})
@raises(SpendingLimitError)
def check_spending(caller: Caller, rate: dict[str, str], now: datetime | None = None) -> None:
    """Raises SpendingLimitError when a limit is used up: the user's own (else the stage's), or the API key's.

    It adds the response's RateLimit headers to `rate`: no request passes until the window is over.
    """
    now = now or datetime.now(UTC)
    at = ids.timestamp(now)
    # "not <" instead of ">=": a limit of "nan" refuses every request.
    exceeded = [
        period
        for _, period, whose, dollars in _dollar_limits(caller)
        if not _spent(caller, period, whose, at) < dollars
    ]
    if exceeded:
        wait = max(period.seconds_left(now) for period in exceeded)
        rate.update({"RateLimit-Limit": "0", "RateLimit-Remaining": "0", "RateLimit-Reset": str(wait)})
        raise SpendingLimitError(retry_after=wait)


@required_env_vars({setting.name: [] for _, setting in DOLLAR_LIMITS.values()})
def spending(caller: Caller, now: datetime) -> dict[str, Standing]:
    """What the caller has spent of each limit in dollars, by the limit's name; of user and API key the stricter one."""
    at = ids.timestamp(now)
    return strictest(
        (name, Standing(dollars, _spent(caller, period, whose, at), period.end(now)))
        for name, period, whose, dollars in _dollar_limits(caller)
    )


def _spent(caller: Caller, period: Period, whose: str, at: str) -> float:
    return float(caller.spent.get(period.window(at), {}).get(whose, 0))


def _dollar_limits(caller: Caller) -> list[tuple[str, Period, str, float]]:
    """Each limit: its name, its period, whose it is, and the dollars."""
    of_user = [
        (name, period, USER, caller.limits[name] if name in caller.limits else setting.get())
        for name, (period, setting) in DOLLAR_LIMITS.items()
    ]
    of_key = [
        (name, period, str(caller.api_key_id), caller.key_limits[name])
        for name, (period, _) in DOLLAR_LIMITS.items()
        if name in caller.key_limits
    ]
    return of_user + of_key


def add_spending(spent: Mapping[str, Mapping[str, Any]], timestamp: str, dollars: Mapping[str, Any]) -> dict[str, Any]:
    """The sums of `spent` with these dollars added at that moment.

    Of each period only the newest window is kept, with the sums of the user and of the newest keys.
    """
    sums_by_window: dict[str, Any] = {}
    for period in Period:
        window = period.window(timestamp)
        newest = max((name for name in spent if len(name) == period.value), default=window)
        if newest > window:
            sums_by_window[newest] = spent[newest]
            continue
        sums = {whose: Decimal(str(sum_)) for whose, sum_ in spent.get(window, {}).items()}
        for whose, more in dollars.items():
            sums[whose] = sums.get(whose, Decimal(0)) + Decimal(str(more))
        newest_keys = sorted(whose for whose in sums if whose != USER)[-_MOST_KEYS:]
        sums_by_window[window] = {whose: sums[whose] for whose in (USER, *newest_keys) if whose in sums}
    return sums_by_window


@required_env_vars({"STORED_BYTES_PER_USER": []})
def storage_limit(user: Caller) -> int:
    """How many bytes of images the user may keep."""
    if STORAGE_LIMIT in user.limits:
        return int(user.limits[STORAGE_LIMIT])
    return Settings.STORED_BYTES_PER_USER.get()


@required_env_vars(storage_limit)
@raises(StorageLimitError)
def check_storage(user: Caller, size: int) -> None:
    """Raises StorageLimitError when the user's storage is full, or would be with `size` more bytes."""
    limit = storage_limit(user)
    if user.stored_bytes >= limit or user.stored_bytes + size > limit:
        raise StorageLimitError(
            f"Your images take {user.stored_bytes:,} bytes, and {limit:,} may be kept: delete some of them first."
        )
