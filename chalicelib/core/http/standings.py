"""How much of a limit a caller has used up, and when it begins anew."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.core import ids
from chalicelib.core.schemas import TIME, says, shape

_AMOUNT = {"type": "number"}
SCHEMA = shape(
    {
        "limit": {"type": ["number", "null"], **says("How much there may be; null if there is no limit.", 600)},
        "used": {**_AMOUNT, **says("How much of it is used up.", 12)},
        "left": {"type": ["number", "null"], **says("How much is left; null if there is no limit.", 588)},
        "endsAt": {
            **TIME,
            "type": ["string", "null"],
            **says("When counting begins anew; null if it never does.", "2026-11-28T09:31:00.000Z"),
        },
    }
)


@dataclass(frozen=True)
class Standing:
    """`used` of `limit`, which may be infinite. `ends` is when the window ends; None if there is no window."""

    limit: float
    used: float
    ends: datetime | None = None

    @property
    def left(self) -> float:
        return max(0, self.limit - self.used)

    def shown(self) -> dict[str, Any]:
        """As an answer has it. JSON has no infinite number."""
        is_limited = math.isfinite(self.limit)
        return {
            "limit": self.limit if is_limited else None,
            "used": self.used,
            "left": self.left if is_limited else None,
            "endsAt": None if self.ends is None else ids.timestamp(self.ends),
        }


def strictest(standings: Iterable[tuple[str, Standing]]) -> dict[str, Standing]:
    """By name the standing that has least left: a user and an API key may both have a limit of that name."""
    nearest: dict[str, Standing] = {}
    for name, standing in standings:
        if name not in nearest or standing.left < nearest[name].left:
            nearest[name] = standing
    return nearest
