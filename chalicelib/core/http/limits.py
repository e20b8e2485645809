"""How many requests a caller may make: atomic counters in fixed windows. Owns LIMITS_TABLE.

All counters of a caller stand in one item an hour: one for the hour and one for each of its minutes. One conditional
write checks all limits of a request and counts it against all of them, or against none. So the strictest limit
decides, and parallel requests never get more places than there are.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Table
from chalicelib.core.errors import TooManyRequestsError, UnavailableError, raises
from chalicelib.core.http import budgets
from chalicelib.core.http.callers import Caller
from chalicelib.core.http.standings import Standing, strictest
from chalicelib.core.schemas import says
from chalicelib.core.settings import Setting, Settings

COUNTERS = Table(Settings.LIMITS_TABLE, "key")

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

_HOUR = 3600
# Before the name of an operation it makes the subject of a rule.
_OPERATION = "operation:"
# A counter expires an hour after its window: long enough for containers whose clocks differ.
_KEPT_SECONDS = 2 * _HOUR


class Window(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"

    @property
    def seconds(self) -> int:
        return 60 if self is Window.MINUTE else _HOUR

    def seconds_left(self, now: float) -> int:
        """Whole seconds until the window that holds `now` (epoch seconds) is over: at least one."""
        return self.seconds - int(now) % self.seconds


@dataclass(frozen=True)
class Limit:
    """A number of requests in each window. An operation's own limit counts each caller separately."""

    number: int
    window: Window

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError("a limit lets at least one request pass")


@dataclass(frozen=True)
class AnonymousLimit:
    """The limit of a public operation: by the source of a request, and by the account that its `field` names.

    `per_source` and `per_address` are settings: requests a minute. `account` turns the field's value into the account.
    Limits with different `counted` use separate counters.
    """

    per_source: Setting[int]
    per_address: Setting[int] | None = None
    field: str = ""
    account: Callable[[str], str] = str.lower
    counted: str = "address"


# By source alone. Passwords are counted where they are tried (core/http/attempts.py).
ANONYMOUS = AnonymousLimit(Settings.AUTH_PER_SOURCE_PER_MINUTE, Settings.AUTH_PER_ADDRESS_PER_MINUTE)
# Sending an e-mail to an address, and trying a code that was sent there, have separate counters.
EMAILS = replace(ANONYMOUS, field="email", counted="letters")
CODES = replace(ANONYMOUS, field="email", counted="codes")

# What a user or an API key may hold under `limits`; the setting holds for users who have no number of their own.
_REQUEST_LIMITS = {
    "requestsPerMinute": (Window.MINUTE, Settings.REQUESTS_PER_MINUTE),
    "requestsPerHour": (Window.HOUR, Settings.REQUESTS_PER_HOUR),
}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{
            name: {"type": "integer", "minimum": 1, "maximum": 1_000_000_000, **says(f"Requests a {window}.", 600)}
            for name, (window, _) in _REQUEST_LIMITS.items()
        },
        **{
            name: {
                "type": "number",
                "minimum": 0,
                "maximum": 1_000_000_000,
                **says(f"Dollars a {period.name.lower()}, in UTC.", 5),
            }
            for name, (period, _) in budgets.DOLLAR_LIMITS.items()
        },
    },
    "additionalProperties": False,
}
# An API key has no files of its own.
USER_SCHEMA: dict[str, Any] = {
    **SCHEMA,
    "properties": {
        **SCHEMA["properties"],
        budgets.STORAGE_LIMIT: {"type": "integer", "minimum": 0, "maximum": 10**15, **says("Bytes of images.", 10**10)},
    },
}


def read_limits(stored: Mapping[str, Any] | None) -> dict[str, float]:
    """The `limits` of a user's row or an API key's row as plain numbers; empty where there are none."""
    return {name: _plain(stored[name]) for name in USER_SCHEMA["properties"] if name in stored} if stored else {}


def _plain(number: Any) -> float:
    return int(number) if number == int(number) else float(number)


@dataclass(frozen=True)
class Rule:
    """A number of requests in a window. `subject` is whose they are: it names the counter in the caller's item."""

    subject: str
    window: Window
    number: int

    def counter(self, now: float) -> str:
        """The attribute that counts in the window that holds `now`; the item is that of the hour."""
        return self.subject if self.window is Window.HOUR else f"{self.subject}@{int(now) % _HOUR // 60:02d}"


@dataclass(frozen=True)
class LimitStatus:
    """The limit that is nearest to its end after a request. `reset` is in seconds from now.

    `used` is what was counted by each rule, at the moment `counted_at` (epoch seconds).
    """

    allowed: bool
    limit: int
    remaining: int
    reset: int
    used: Mapping[Rule, int] = field(default_factory=dict)
    counted_at: float = 0.0

    def headers(self) -> dict[str, str]:
        return dict(zip(HEADERS, (str(self.limit), str(self.remaining), str(self.reset)), strict=True))

    def require(self, rate: dict[str, str]) -> None:
        """Adds the response's headers to `rate`. Raises TooManyRequestsError unless the request is allowed."""
        rate.update(self.headers())
        if not self.allowed:
            raise TooManyRequestsError(retry_after=self.reset)


@required_env_vars(
    {"LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM], **{setting.name: [] for _, setting in _REQUEST_LIMITS.values()}}
)
@raises(TooManyRequestsError, UnavailableError)
def count_caller(caller: Caller, operation: str, own: Limit | None = None, now: float | None = None) -> LimitStatus:
    """Counts a request against the user's limits (else the stage's), the API key's and the operation's own.

    Raises:
        UnavailableError: the counters cannot be reached; no request passes uncounted.
    """
    rules = _caller_rules("user", caller.limits) + [
        Rule(str(caller.api_key_id), window, int(caller.key_limits[name]))
        for name, (window, _) in _REQUEST_LIMITS.items()
        if name in caller.key_limits
    ]
    if own is not None:
        rules.append(_operation_rule(operation, own))
    return count(f"user#{caller.id}", rules, now)


def count_key(caller: Caller) -> LimitStatus:
    """Counts a request that the caller's API key does not open: against that key alone, not against its owner.

    The key's own numbers hold, else the stage's for a user. Raises as `count_caller` does.
    """
    return count(f"user#{caller.id}", _caller_rules(str(caller.api_key_id), caller.key_limits))


def _caller_rules(subject: str, numbers: Mapping[str, float]) -> list[Rule]:
    return [
        Rule(subject, window, int(numbers[name]) if name in numbers else setting.get())
        for name, (window, setting) in _REQUEST_LIMITS.items()
    ]


def count_operation(caller: Caller, operation: str, own: Limit) -> LimitStatus:
    """Counts a call against the operation's own limit alone. Raises as `count_caller` does."""
    return count(f"user#{caller.id}", [_operation_rule(operation, own)])


def _operation_rule(operation: str, own: Limit) -> Rule:
    return Rule(f"{_OPERATION}{operation}", own.window, own.number)


@required_env_vars(
    {
        "LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "AUTH_PER_SOURCE_PER_MINUTE": [],
        "AUTH_PER_ADDRESS_PER_MINUTE": [],
    }
)
@raises(TooManyRequestsError, UnavailableError)
def count_source(source: str, limit: AnonymousLimit, now: float | None = None) -> LimitStatus:
    """Counts an anonymous request by the address it comes from. Raises as `count_caller` does."""
    number = limit.per_source.get()
    return count(f"source#{hash_name(network(source))}", [Rule("all", Window.MINUTE, number)], now)


def count_address(address: str, limit: AnonymousLimit, now: float | None = None) -> LimitStatus:
    """Counts a request by the account that it names, registered or not. Raises as `count_caller` does."""
    number = (limit.per_address or limit.per_source).get()
    return count(f"{limit.counted}#{hash_name(limit.account(address))}", [Rule("all", Window.MINUTE, number)], now)


def count(who: str, rules: list[Rule], now: float | None = None) -> LimitStatus:
    """Counts one request against all rules, or against none if one is used up. `now`: epoch seconds.

    Raises:
        UnavailableError: the counters cannot be reached.
    """
    now = time.time() if now is None else now
    hour = int(now) // _HOUR * _HOUR
    below = {rule.counter(now): rule.number for rule in rules}
    allowed, counts = add_to_counters(f"{who}#{hour}", below, hour + _KEPT_SECONDS)
    return status_after(rules, counts, allowed, now)


def add_to_counters(key: str, below: dict[str, int], ttl: int) -> tuple[bool, dict[str, int]]:
    """Adds one to each counter of an item if all are below their numbers: whether it did, and the counters then.

    Raises:
        UnavailableError: the counters cannot be reached.
    """
    # The condition of the write lets a counter pass that does not exist yet; a limit of 0 must refuse it.
    if min(below.values()) <= 0:
        return False, dict.fromkeys(below, 0)
    try:
        return COUNTERS.count(key, below, {"ttl": ttl})
    except Exception as error:
        # Access fails closed, whatever keeps us from counting.
        raise UnavailableError from error


def status_after(rules: list[Rule], counts: Mapping[str, int], allowed: bool, now: float) -> LimitStatus:
    """The rule to report after a request: the one that has least left; of several, the one that lasts longest."""
    left = {rule: max(0, rule.number - counts[rule.counter(now)]) for rule in rules}
    nearest = min(rules, key=lambda rule: (left[rule], -rule.window.seconds))
    used = {rule: counts[rule.counter(now)] for rule in rules}
    return LimitStatus(allowed, nearest.number, left[nearest], nearest.window.seconds_left(now), used, now)


def requests_made(status: LimitStatus) -> dict[str, Standing]:
    """How many requests the caller has made of each limit of requests, by the limit's name.

    Of user and API key it is the stricter one. Operations' own limits are not among them.
    """
    names = {window: name for name, (window, _) in _REQUEST_LIMITS.items()}
    return strictest(
        (names[rule.window], Standing(rule.number, used, _end(rule.window, status.counted_at)))
        for rule, used in status.used.items()
        if not rule.subject.startswith(_OPERATION)
    )


def _end(window: Window, moment: float) -> datetime:
    return datetime.fromtimestamp(int(moment) + window.seconds_left(moment), UTC)


def network(source: str) -> str:
    """An IPv4 address as it is; of an IPv6 address its /64 network, since one household has a whole one."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def hash_name(name: str) -> str:
    """Addresses and sources are stored only as hashes."""
    return hashlib.sha256(name.encode()).hexdigest()
