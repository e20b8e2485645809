"""Which of several media types an `Accept` header wants (RFC 9110, sections 12.4 and 12.5.1)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.core.errors import NotAcceptableError

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105
_RANGE = re.compile(rf"\s*({_TOKEN})/({_TOKEN})\s*")
_PARAMETER = re.compile(rf"\s*({_TOKEN})\s*=\s*({_TOKEN}|\"(?:[^\"\\]|\\.)*\")\s*")
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
# The parts between commas, or between semicolons, outside of quotes.
_PARTS = {mark: re.compile(rf"(?:[^{mark}\"]|\"(?:[^\"\\]|\\.)*\"?)+") for mark in ",;"}


@dataclass(frozen=True)
class _Range:
    """`type/subtype`, each of which may be `*`; `weight` from 0 (refused) to 1."""

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
    """The offered media type (in lower case) that the header prefers; among equals, the first one.

    A type that the header does not mention is chosen only if it accepts none of the others: any picture is better than
    none. A type with `q=0` is never chosen. An empty or malformed header has no preference.

    Raises:
        NotAcceptableError: the header refuses all of them.
    """
    ranges = list(_ranges(accept))
    weights = {media_type: _weight(media_type, ranges) for media_type in offered}
    accepted = [each for each in offered if weights[each]]
    if accepted:
        return max(accepted, key=lambda each: weights[each] or 0)
    unmentioned = [each for each in offered if weights[each] is None]
    if not unmentioned:
        raise NotAcceptableError(f"This is there as: {', '.join(offered)}.")
    return unmentioned[0]


def _weight(media_type: str, ranges: Sequence[_Range]) -> float | None:
    """The weight of the most exact range for a media type; None if no range mentions it."""
    covering = [each for each in ranges if each.covers(media_type)]
    return max(covering, key=lambda each: each.exactness).weight if covering else None


def _ranges(accept: str) -> Iterator[_Range]:
    """The well-formed ranges of a header without parameters: our media types have none."""
    for part in _PARTS[","].findall(accept):
        name, *parameters = _PARTS[";"].findall(part) or [""]
        match = _RANGE.fullmatch(name)
        if match is None or (match[1] == "*" and match[2] != "*"):
            continue
        weight = _parse_weight(parameters)
        if weight is not None:
            yield _Range(match[1].lower(), match[2].lower(), weight)


def _parse_weight(parameters: Sequence[str]) -> float | None:
    """The weight of a range by its parameters: 1 without any; None if the first one is not a valid weight."""
    if not parameters:
        return 1.0
    match = _PARAMETER.fullmatch(parameters[0])
    if match is None or match[1].lower() != "q" or _WEIGHT.fullmatch(match[2]) is None:
        return None
    # Extensions after the weight are obsolete and ignored.
    return float(match[2])
