"""How many bytes of images a user may keep, held against what they do keep.

That stands on the user's row, which every request reads anyway. It is counted from the stream of the images' rows, some
five seconds behind (infra/event_delivery.py).
"""

from collections.abc import Mapping
from typing import Any, Protocol

from chalicelib.core import config
from chalicelib.core.errors import ConflictError

# What a user's row may hold under `limits`, and the stage's setting where it does not.
OWN, SETTING = "storedBytes", "STORED_BYTES_PER_USER"
SETTINGS: dict[str, list[Any]] = {SETTING: []}


class Keeper(Protocol):
    """What is read of a user: their own limits, and the bytes that they keep."""

    @property
    def limits(self) -> Mapping[str, float]: ...
    @property
    def stored_bytes(self) -> int: ...


class StorageLimitError(ConflictError):
    code = "STORAGE_LIMIT_EXCEEDED"


def limit_of(user: Keeper) -> int:
    """The bytes that the user may keep."""
    return int(user.limits[OWN]) if OWN in user.limits else config.integer(SETTING)


def refuse_full(user: Keeper, more: int) -> None:
    """Raises StorageLimitError where the user keeps as much as they may, or would with so many bytes more."""
    limit = limit_of(user)
    if user.stored_bytes >= limit or user.stored_bytes + more > limit:
        raise StorageLimitError(
            f"Your images take {user.stored_bytes:,} bytes, and {limit:,} may be kept: delete some of them first."
        )
