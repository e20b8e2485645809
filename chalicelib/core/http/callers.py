"""Who calls an operation, and what an API key may carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# Dollars that were spent: window → whose → dollars (core/http/budgets.py).
Spent = Mapping[str, Mapping[str, float]]


class APIAccessType(StrEnum):
    """What an API key may carry: the kinds of operation that it opens."""

    FULL_ACCESS = "full_access"
    FILE_UPLOAD = "file_upload"
    ACTIONS = "actions"
    REPORTS = "reports"
    EXPORTS = "exports"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Who calls, as `authenticate` found them.

    `limits` are the user's own, `key_limits` those of the API key. `spent` holds the dollars of both, `stored_bytes`
    the size of the user's images. Requests of a caller who is not `is_active` are counted and recorded, but refused. Of
    one who `is_erasing` the account, the request that finishes it is not.
    """

    id: str
    email: str
    name: str = ""
    role: str = "USER"
    is_active: bool = True
    is_erasing: bool = False
    can_export_data: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    spent: Spent = field(default_factory=dict)
    stored_bytes: int = 0
    api_key_id: str | None = None
    access_types: frozenset[APIAccessType] = frozenset()
    key_limits: Mapping[str, float] = field(default_factory=dict)

    def carries(self, access: frozenset[APIAccessType]) -> bool:
        """Whether the caller's key carries one of these."""
        return carries(self.access_types, access)


def carries(held: frozenset[APIAccessType], access: frozenset[APIAccessType]) -> bool:
    """Whether one of `access` is held; full access means all but an administrator's."""
    full = APIAccessType.FULL_ACCESS in held and access != {APIAccessType.ADMIN}
    return full or not access.isdisjoint(held)
