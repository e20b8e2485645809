"""Which of several media types an `Accept` header wants (RFC 9110, sections 12.4 and 12.5.1)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.core.errors import NotAcceptableError

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105
_RANGE = re.compile(rf"\s*({_TOKEN})/({_TOKEN})\s*")
_PARAMETER = re.compile(rf"\s*({_TOKEN})\s*=\s*({_TOKEN}|\"(?:[^\"\\]|\\.)*\")\s*")
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
# What stands between commas, or between semicolons, outside of quotes.
_BETWEEN = {mark: re.compile(rf"(?:[^{mark}\"]|\"(?:[^\"\\]|\\.)*\"?)+") for mark in ",;"}


@dataclass(frozen=True)
class _Range:
    """One range of a header: `type/subtype`, either `*` for any; `weight` from 0 (refused) to 1."""

    type: str
    subtype: str
    weight: float

    def covers(self, media_type: str) -> bool:
        kind, _, subtype = media_type.partition("/")
        return self.type in ("*", kind) and self.subtype in ("*", subtype)

    @property
    def exactness(self) -> int:
        return (self.type != "*") + (self.subtype != "*")


def preferred(accept: str, offered: Sequence[str]) -> str:
    """The offered media type that the header likes best; among equals, the first one. `offered` is in lower case.

    A type that the header does not mention is given only where it likes none of the others: a client that says what
    it would rather have is better off with a picture than without. What it refuses (`q=0`) is never given. A header
    that is empty or makes no sense wishes for nothing in particular.

    Raises:
        NotAcceptableError: the header refuses all of them.
    """
    ranges = list(_ranges(accept))
    weights = {media_type: _weight(media_type, ranges) for media_type in offered}
    liked = [each for each in offered if weights[each]]
    if liked:
        return max(liked, key=lambda each: weights[each] or 0)
    unmentioned = [each for each in offered if weights[each] is None]
    if not unmentioned:
        raise NotAcceptableError(f"This is there as: {', '.join(offered)}.")
    return unmentioned[0]


def _weight(media_type: str, ranges: Sequence[_Range]) -> float | None:
    """The weight that the most exact of the ranges gives a media type; None where none mentions it."""
    covering = [each for each in ranges if each.covers(media_type)]
    return max(covering, key=lambda each: each.exactness).weight if covering else None


def _ranges(accept: str) -> Iterator[_Range]:
    """The ranges of a header that are well formed and have no parameters, as our media types have none."""
    for part in _BETWEEN[","].findall(accept):
        name, *parameters = _BETWEEN[";"].findall(part) or [""]
        found = _RANGE.fullmatch(name)
        if found is None or (found[1] == "*" and found[2] != "*"):
            continue
        weight = _told_weight(parameters)
        if weight is not None:
            yield _Range(found[1].lower(), found[2].lower(), weight)


def _told_weight(parameters: Sequence[str]) -> float | None:
    """The weight of a range by its parameters: 1 where it has none; None where it asks for more, or is no weight."""
    if not parameters:
        return 1.0
    told = _PARAMETER.fullmatch(parameters[0])
    if told is None or told[1].lower() != "q" or _WEIGHT.fullmatch(told[2]) is None:
        return None
    # Behind the weight stood extensions once, which mean nothing any more.
    return float(told[2])
