"""How many dollars a caller may spend an hour, day and month, held against what tracking says that their runs cost.

What was spent stands on the user's row, which every request reads anyway: window → whose → dollars, where a window is
the beginning of an ISO time ("2026-11-21T07", "2026-11-21", "2026-11") and whose is `user` or an API key's id. It is
written as usage records arrive, some five seconds after the run (infra/event_delivery.py): a run before that goes
through.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol

from chalicelib.core import config, ids
from chalicelib.core.errors import TooManyRequestsError

Spent = Mapping[str, Mapping[str, float]]

USER = "user"
# A user has 100 keys at most, but may go on making new ones: sums of the oldest go, or the row would grow without end.
_MOST_KEYS = 200


class Period(Enum):
    """A length of time; its value is how much of an ISO time names it, in characters."""

    HOUR = 13
    DAY = 10
    MONTH = 7

    def window(self, timestamp: str) -> str:
        return timestamp[: self.value]

    def left(self, now: datetime) -> int:
        """Whole seconds until the period that holds `now` is over: at least one."""
        start = now.replace(minute=0, second=0, microsecond=0)
        if self is Period.HOUR:
            end = start + timedelta(hours=1)
        elif self is Period.DAY:
            end = start.replace(hour=0) + timedelta(days=1)
        else:
            end = (start.replace(day=1, hour=0) + timedelta(days=32)).replace(day=1)
        return max(1, math.ceil((end - now).total_seconds()))


# What a user's row and a key's record may hold under `limits`, with the stage's setting where a user's does not.
OWN = {
    "dollarsPerHour": (Period.HOUR, "DOLLARS_PER_HOUR"),
    "dollarsPerDay": (Period.DAY, "DOLLARS_PER_DAY"),
    "dollarsPerMonth": (Period.MONTH, "DOLLARS_PER_MONTH"),
}
SETTINGS: dict[str, list[Any]] = {setting: [] for _, setting in OWN.values()}


class Spender(Protocol):
    """What is read of a caller: the user's and the key's limits, and what both have spent."""

    @property
    def limits(self) -> Mapping[str, float]: ...
    @property
    def spent(self) -> Spent: ...
    @property
    def api_key_id(self) -> str | None: ...
    @property
    def key_limits(self) -> Mapping[str, float]: ...


class SpendingLimitError(TooManyRequestsError):
    code = "SPENDING_LIMIT"


def refuse_overspent(caller: Spender, rate: dict[str, str], now: datetime | None = None) -> None:
    """Raises SpendingLimitError where a limit is used up: the user's own (else the stage's), or the API key's.

    Until the window is over no request passes, which `rate` then says as every limit does.
    """
    now = now or datetime.now(UTC)
    at = ids.timestamp(now)
    # Put so that a number that is none ("nan") holds everybody back.
    over = [period for period, whose, dollars in _rules(caller) if not _sum(caller.spent, period, whose, at) < dollars]
    if over:
        wait = max(period.left(now) for period in over)
        rate.update({"RateLimit-Limit": "0", "RateLimit-Remaining": "0", "RateLimit-Reset": str(wait)})
        raise SpendingLimitError("What may be spent is used up for now.", retry_after=wait)


def _rules(caller: Spender) -> list[tuple[Period, str, float]]:
    rules = [
        (period, USER, caller.limits[name] if name in caller.limits else config.number(setting))
        for name, (period, setting) in OWN.items()
    ]
    key = str(caller.api_key_id)
    return rules + [
        (period, key, caller.key_limits[name]) for name, (period, _) in OWN.items() if name in caller.key_limits
    ]


def _sum(spent: Spent, period: Period, whose: str, at: str) -> float:
    return float(spent.get(period.window(at), {}).get(whose, 0))


def added(spent: Mapping[str, Mapping[str, Any]], timestamp: str, dollars: Mapping[str, Any]) -> dict[str, Any]:
    """What was spent, with more of it by that moment.

    The newest window of each period is kept, and in it the user's sum and those of the newest keys.
    """
    kept: dict[str, Any] = {}
    for period in Period:
        window = period.window(timestamp)
        newest = max((name for name in spent if len(name) == period.value), default=window)
        if newest > window:
            kept[newest] = spent[newest]
            continue
        sums = {whose: Decimal(str(sum_)) for whose, sum_ in spent.get(window, {}).items()}
        for whose, more in dollars.items():
            sums[whose] = sums.get(whose, Decimal(0)) + Decimal(str(more))
        newest_keys = sorted(whose for whose in sums if whose != USER)[-_MOST_KEYS:]
        kept[window] = {whose: sums[whose] for whose in (USER, *newest_keys) if whose in sums}
    return kept
