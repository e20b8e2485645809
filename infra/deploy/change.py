"""A setting in AWS that has to change."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """`what` describes the change for people; `apply` makes it."""

    what: str
    apply: Callable[[], object]
