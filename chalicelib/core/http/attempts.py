"""How often a password, or an authenticator's code, may be tried: limits for one source, and one a day for all sources.

Attempts from one source do not make the owner wait elsewhere. No function sleeps: a refusal says when to try again.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.core import log
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.errors import NotAuthenticatedError, WrongCodeError
from chalicelib.core.http import limits
from chalicelib.core.http.limits import COUNTERS, LimitStatus
from chalicelib.core.settings import Settings

_DAY = 86_400
# By the length of a window in seconds: how many times the minute's number is allowed. NIST SP 800-63B, section 5.2.2,
# allows at most 100 wrong attempts in a row: with five a minute, a source has forty a day.
_WINDOWS = {60: 1, 900: 2, 3600: 4, _DAY: 8}
# A counter expires an hour after its day, as those of the limits do after their hour.
_KEPT_SECONDS = _DAY + 3600


@dataclass(frozen=True)
class AnonymousCaller:
    """A caller without a token: the address that the request comes from, and the RateLimit headers of its response."""

    source: str
    rate: dict[str, str]


@dataclass(frozen=True)
class _Counters:
    """One item: by counter, how many attempts it allows, and the seconds until its window is over."""

    key: str
    below: dict[str, int]
    left: dict[str, int]

    def status(self, counts: dict[str, int]) -> LimitStatus:
        """The status of the window that stays used up for the longest time."""
        name = max((name for name in self.below if counts[name] >= self.below[name]), key=lambda name: self.left[name])
        return LimitStatus(False, self.below[name], 0, self.left[name])


@required_env_vars(
    {
        "LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "WRONG_PASSWORDS_PER_MINUTE": [],
        "WRONG_PASSWORDS_PER_DAY": [],
    }
)
@contextlib.contextmanager
def password_attempt(address: str, anonymous: AnonymousCaller) -> Iterator[None]:
    """Surrounds one try of a password for that address, registered or not.

    The attempt is counted first, so that parallel attempts cannot exceed the limit. It is taken back unless the
    password is wrong (NotAuthenticatedError).

    Raises:
        TooManyRequestsError: too many wrong passwords; `retry_after` says when to try again.
        UnavailableError: the counters cannot be reached; no attempt passes uncounted.
    """
    per_minute, per_day = Settings.WRONG_PASSWORDS_PER_MINUTE.get(), Settings.WRONG_PASSWORDS_PER_DAY.get()
    with _attempt(_Guessed("guesses", address, per_minute, per_day), anonymous, NotAuthenticatedError):
        yield


@required_env_vars(
    {
        "LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM],
        "WRONG_CODES_PER_MINUTE": [],
        "WRONG_CODES_PER_DAY": [],
    }
)
@contextlib.contextmanager
def code_attempt(username: str, anonymous: AnonymousCaller) -> Iterator[None]:
    """Surrounds one try of an authenticator's code of that user; as `password_attempt`, for WrongCodeError.

    A code is one of a million, and three are right at a time: 100 tries a day guess one with a chance of 3 in 10,000.
    """
    per_minute, per_day = Settings.WRONG_CODES_PER_MINUTE.get(), Settings.WRONG_CODES_PER_DAY.get()
    with _attempt(_Guessed("wrong-codes", username, per_minute, per_day), anonymous, WrongCodeError):
        yield


@dataclass(frozen=True)
class _Guessed:
    """What is guessed: the kind of secret, whose it is, and how many wrong ones a source and all sources may send."""

    kind: str
    account: str
    per_minute: int
    per_day: int


@contextlib.contextmanager
def _attempt(guessed: _Guessed, anonymous: AnonymousCaller, wrong: type[Exception]) -> Iterator[None]:
    now = time.time()
    counted: list[_Counters] = []
    try:
        for counters in _counters(guessed, anonymous.source, now):
            _add(counters, anonymous, now)
            counted.append(counters)
        yield
    except wrong:
        raise
    except BaseException:
        _take_back(counted)
        raise
    _take_back(counted)


def _counters(guessed: _Guessed, source: str, now: float) -> Iterator[_Counters]:
    day = int(now) // _DAY * _DAY
    account = guessed.account.lower()
    place = limits.hash_name(f"{account}\n{limits.network(source)}")
    names = {seconds: f"{seconds}@{int(now) % _DAY // seconds}" for seconds in _WINDOWS}
    yield _Counters(
        f"{guessed.kind}#{place}#{day}",
        {names[seconds]: guessed.per_minute * times for seconds, times in _WINDOWS.items()},
        {names[seconds]: seconds - int(now) % seconds for seconds in _WINDOWS},
    )
    key = f"{guessed.kind}#{limits.hash_name(account)}#{day}"
    yield _Counters(key, {"all": guessed.per_day}, {"all": _DAY - int(now) % _DAY})


def _add(counters: _Counters, anonymous: AnonymousCaller, now: float) -> None:
    ttl = int(now) // _DAY * _DAY + _KEPT_SECONDS
    allowed, counts = limits.add_to_counters(counters.key, counters.below, ttl)
    if not allowed:
        counters.status(counts).require(anonymous.rate)


def _take_back(counted: list[_Counters]) -> None:
    for counters in counted:
        try:
            COUNTERS.count_back(counters.key, counters.below)
        except Exception as error:
            # One attempt less is left for a while: no reason to fail a caller who has the password.
            log.warning("GUESS_NOT_TAKEN_BACK", error)
