"""One setting that is not as it should be."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """`what` says in words what becomes how; `apply` makes it so."""

    what: str
    apply: Callable[[], object]
