"""How often a password may be tried: from one source ever more slowly, from all sources together so often a day.

Who tries an account's password from one place makes the owner wait nowhere else. Nobody is made to wait by a function
that sleeps: a refusal says when the next try is worth its while.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.core import config, log
from chalicelib.core.aws import grants
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.errors import NotAuthenticatedError, TooManyRequestsError, UnavailableError
from chalicelib.core.http import limits
from chalicelib.core.http.limits import COUNTERS, Standing

_PER_MINUTE, _PER_DAY = "WRONG_PASSWORDS_PER_MINUTE", "WRONG_PASSWORDS_PER_DAY"
_DAY = 86_400
# By the length of a window in seconds, how many times the minute's number it lets pass. NIST SP 800-63B, section 5.2.2,
# lets at most 100 wrong passwords in a row pass: with five a minute, forty a day are a source's.
_WINDOWS = {60: 1, 900: 2, 3600: 4, _DAY: 8}
# A counter is gone an hour after its day, as the others are after theirs.
_KEPT_SECONDS = _DAY + 3600


@dataclass(frozen=True)
class Stranger:
    """Who calls without a proof of who they are: the address that the request comes from.

    `rate` is what the answer's headers will say of limits; who is refused here is told there.
    """

    source: str
    rate: dict[str, str]


@dataclass(frozen=True)
class _Count:
    """One item of counters: by name, how many tries each lets pass, and when its window is over, in seconds."""

    key: str
    below: dict[str, int]
    left: dict[str, int]

    def standing(self, counts: dict[str, int]) -> Standing:
        """How it stands with the window that is used up for the longest time."""
        name = max((name for name in self.below if counts[name] >= self.below[name]), key=lambda name: self.left[name])
        return Standing(False, self.below[name], 0, self.left[name])


@required_env_vars({"LIMITS_TABLE": [DynamoDBOperation.UPDATE_ITEM], _PER_MINUTE: [], _PER_DAY: []})
@contextlib.contextmanager
def guessing(address: str, stranger: Stranger, now: float | None = None) -> Iterator[None]:
    """Around a try at the password of that address, be it registered or not. `now`: epoch seconds.

    It is counted beforehand, so that a hundred at once are no more than are allowed, and taken back unless the password
    turns out to be wrong (NotAuthenticatedError).

    Raises:
        TooManyRequestsError: that source, or all together, have been wrong too often; `retry_after` says until when.
        UnavailableError: the counters cannot be reached; nobody tries uncounted.
    """
    now = time.time() if now is None else now
    counted: list[_Count] = []
    try:
        for each in _counts(address, stranger.source, now):
            _add(each, stranger, now)
            counted.append(each)
        yield
    except NotAuthenticatedError:
        raise
    except BaseException:
        _take_back(counted)
        raise
    _take_back(counted)


NEEDS = grants.of(guessing)


def _counts(address: str, source: str, now: float) -> Iterator[_Count]:
    day = int(now) // _DAY * _DAY
    first = config.integer(_PER_MINUTE)
    place = limits.hashed(f"{address.lower()}\n{limits.network(source)}")
    names = {seconds: f"{seconds}@{int(now) % _DAY // seconds}" for seconds in _WINDOWS}
    yield _Count(
        f"guesses#{place}#{day}",
        {names[seconds]: first * times for seconds, times in _WINDOWS.items()},
        {names[seconds]: seconds - int(now) % seconds for seconds in _WINDOWS},
    )
    key = f"guesses#{limits.hashed(address.lower())}#{day}"
    yield _Count(key, {"all": config.integer(_PER_DAY)}, {"all": _DAY - int(now) % _DAY})


def _add(count: _Count, stranger: Stranger, now: float) -> None:
    ttl = int(now) // _DAY * _DAY + _KEPT_SECONDS
    try:
        # An absent counter would let the first one pass, where none is to.
        allowed, counts = (
            COUNTERS.count(count.key, count.below, {"ttl": ttl})
            if min(count.below.values()) > 0
            else (False, dict.fromkeys(count.below, 0))
        )
    except Exception as error:
        raise UnavailableError from error
    if not allowed:
        standing = count.standing(counts)
        stranger.rate.update(standing.headers())
        raise TooManyRequestsError(retry_after=standing.reset)


def _take_back(counted: list[_Count]) -> None:
    for each in counted:
        try:
            COUNTERS.count_back(each.key, each.below)
        except Exception as error:
            # One try less is left for a while: no reason to fail who has the password.
            log.warning("GUESS_NOT_TAKEN_BACK", error)
