"""How many requests a caller may make, and who may go on: atomic counters in fixed windows. Owns LIMITS_TABLE.

All counts of a caller stand in one item an hour, a counter for the hour and one for each of its minutes. So one
conditional write checks every limit that holds for a request and counts it against all of them, or against none: the
strictest decides, and a hundred at once never take more places than there are.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from chalicelib.core import config
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Table
from chalicelib.core.errors import UnavailableError
from chalicelib.core.http import budgets, storage_limit

COUNTERS = Table("LIMITS_TABLE", "key")

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

_HOUR = 3600
# A counter is gone an hour after its window: long enough for containers whose clocks differ.
_KEPT_SECONDS = 2 * _HOUR


class Window(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"

    @property
    def seconds(self) -> int:
        return 60 if self is Window.MINUTE else _HOUR

    def left(self, now: float) -> int:
        """Whole seconds until the window that holds the moment `now` (epoch seconds) is over: at least one."""
        return self.seconds - int(now) % self.seconds


@dataclass(frozen=True)
class Limit:
    """So many requests in each window; one that an operation sets for itself holds for each caller apart."""

    number: int
    window: Window

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError("a limit lets at least one request pass")


@dataclass(frozen=True)
class Strangers:
    """What limits a public operation: where a request comes from, and the account that it names in `field`, if it does.

    `account` tells by what that field holds whose account it is. What is `counted` apart uses up nothing else.
    """

    per_source: str
    per_address: str = ""
    field: str = ""
    account: Callable[[str], str] = str.lower
    counted: str = "address"


# By their source alone. Passwords are counted where they are tried (core/http/password_attempts.py).
STRANGERS = Strangers("AUTH_PER_SOURCE_PER_MINUTE", "AUTH_PER_ADDRESS_PER_MINUTE")
# What has a letter sent to an address, and what tries a code that was sent there: the one must not use up the other.
LETTERS = replace(STRANGERS, field="email", counted="letters")
CODES = replace(STRANGERS, field="email", counted="codes")

# What a user's row and a key's record may hold under `limits`, with the stage's setting where a user's does not.
_OWN = {
    "requestsPerMinute": (Window.MINUTE, "REQUESTS_PER_MINUTE"),
    "requestsPerHour": (Window.HOUR, "REQUESTS_PER_HOUR"),
}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": "integer", "minimum": 1, "maximum": 1_000_000_000} for name in _OWN},
        **{name: {"type": "number", "minimum": 0, "maximum": 1_000_000_000} for name in budgets.OWN},
    },
    "additionalProperties": False,
}
# A user's own; an API key has no files of its own.
OF_USER: dict[str, Any] = {
    **SCHEMA,
    "properties": {**SCHEMA["properties"], storage_limit.OWN: {"type": "integer", "minimum": 0, "maximum": 10**15}},
}


def read(stored: Mapping[str, Any] | None) -> dict[str, float]:
    """The `limits` of a user's row or a key's record as plain numbers; empty where there are none."""
    return {name: _plain(stored[name]) for name in OF_USER["properties"] if name in stored} if stored else {}


def _plain(number: Any) -> float:
    return int(number) if number == int(number) else float(number)


class Limited(Protocol):
    """What counts of a caller: the user, with their own numbers, and the API key, with its own."""

    @property
    def id(self) -> str: ...
    @property
    def limits(self) -> Mapping[str, float]: ...
    @property
    def api_key_id(self) -> str | None: ...
    @property
    def key_limits(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Rule:
    """A number of requests in a window, and whose they are: a counter's name within the caller's item."""

    subject: str
    window: Window
    number: int

    def counter(self, now: float) -> str:
        """The attribute that counts in the window that holds `now`; the item is that hour's already."""
        return self.subject if self.window is Window.HOUR else f"{self.subject}@{int(now) % _HOUR // 60:02d}"


@dataclass(frozen=True)
class Standing:
    """How a request stands with the limit that is nearest to its end. `reset` is in seconds from now."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        return dict(zip(HEADERS, (str(self.limit), str(self.remaining), str(self.reset)), strict=True))


@required_env_vars(
    {
        "LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        **{setting: [] for _, setting in _OWN.values()},
        **budgets.SETTINGS,
    }
)
def of_caller(caller: Limited, operation: str, own: Limit | None = None, now: float | None = None) -> Standing:
    """Counts a request of that caller, if all limits let it pass: the user's, the key's and the operation's own.

    A user's number stands instead of the stage's; a key's and an operation's come on top.

    Raises:
        UnavailableError: the counters cannot be reached; nobody goes on uncounted.
    """
    rules = [
        Rule("user", window, int(caller.limits[name]) if name in caller.limits else config.integer(setting))
        for name, (window, setting) in _OWN.items()
    ]
    rules += [
        Rule(str(caller.api_key_id), window, int(caller.key_limits[name]))
        for name, (window, _) in _OWN.items()
        if name in caller.key_limits
    ]
    if own is not None:
        rules.append(_of_operation(operation, own))
    return count(f"user#{caller.id}", rules, now)


def of_key(caller: Limited, now: float | None = None) -> Standing:
    """Counts a request against the caller's API key alone: of a key that is used where it opens nothing.

    The key's own numbers hold, else the stage's for a user. Raises as `of_caller` does.
    """
    rules = [
        Rule(
            str(caller.api_key_id),
            window,
            int(caller.key_limits[name]) if name in caller.key_limits else config.integer(setting),
        )
        for name, (window, setting) in _OWN.items()
    ]
    return count(f"user#{caller.id}", rules, now)


def of_operation(caller: Limited, operation: str, own: Limit, now: float | None = None) -> Standing:
    """Counts a call that the caller's own limits have let pass against the operation's. Raises as `of_caller` does."""
    return count(f"user#{caller.id}", [_of_operation(operation, own)], now)


def _of_operation(operation: str, own: Limit) -> Rule:
    return Rule(f"operation:{operation}", own.window, own.number)


@required_env_vars(
    {
        "LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        STRANGERS.per_source: [],
        STRANGERS.per_address: [],
    }
)
def of_source(source: str, limit: Strangers, now: float | None = None) -> Standing:
    """Counts a request of somebody unknown by where it comes from. Raises as `of_caller` does."""
    number = config.integer(limit.per_source)
    return count(f"source#{hashed(network(source))}", [Rule("all", Window.MINUTE, number)], now)


def of_address(address: str, limit: Strangers, now: float | None = None) -> Standing:
    """Counts a request by the account that it names, be it registered or not. Raises as `of_caller` does."""
    number = config.integer(limit.per_address)
    return count(f"{limit.counted}#{hashed(limit.account(address))}", [Rule("all", Window.MINUTE, number)], now)


CALLER_NEEDS = grants.of(of_caller)
STRANGER_NEEDS = grants.of(of_source)


def count(who: str, rules: list[Rule], now: float | None = None) -> Standing:
    """Counts one request against all of the rules, or, where one is used up, against none. `now`: epoch seconds.

    Raises:
        UnavailableError: the counters cannot be reached.
    """
    now = time.time() if now is None else now
    hour = int(now) // _HOUR * _HOUR
    below = {rule.counter(now): rule.number for rule in rules}
    try:
        # A number of none is an operator's way to shut somebody out; an absent counter would let the first one pass.
        allowed, counts = (
            COUNTERS.count(f"{who}#{hour}", below, {"ttl": hour + _KEPT_SECONDS})
            if min(below.values()) > 0
            else (False, dict.fromkeys(below, 0))
        )
    except Exception as error:
        # Whatever keeps us from counting, a door that opens when its guard is out is no door.
        raise UnavailableError from error
    return standing(rules, counts, allowed, now)


def standing(rules: list[Rule], counts: Mapping[str, int], allowed: bool, now: float) -> Standing:
    """What a caller is told of the rules after a request: of the one that has least left, or that lasts longest."""
    left = {rule: max(0, rule.number - counts[rule.counter(now)]) for rule in rules}
    nearest = min(rules, key=lambda rule: (left[rule], -rule.window.seconds))
    return Standing(allowed, nearest.number, left[nearest], nearest.window.left(now))


def network(source: str) -> str:
    """An IPv4 address as it is; of IPv6 the /64, in which one household has more addresses than can be counted."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def hashed(name: str) -> str:
    """A name as it is stored: addresses and sources are not."""
    return hashlib.sha256(name.encode()).hexdigest()
