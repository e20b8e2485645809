"""The sums of a day, as DAILY_TABLE stores them. Owns DAILY_TABLE.

A row is one day of one `what` ("images", "operation:create_upload", "user:…") within a scope: a user's id, EVERYONE,
or EVERY_USER. Rows that are often written together share an item: below a KB, that costs as much as writing one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.core.aws.tables import Table
from chalicelib.core.settings import Settings

DAILY = Table(Settings.DAILY_TABLE, "scope", "day#what")
EVERYONE = "all"
EVERY_USER = "users"
# The beginning of the `what` of an operation's sums.
OPERATION = "operation:"

# In an item that rows share, an attribute is the row's own name, this, and the number's name.
_SEPARATOR = "|"


class Row(NamedTuple):
    """One day of one `what` within a scope.

    Rows of the same `group` share an item. The group is the beginning of their `what` ("operation:", or ""). A row
    whose group is None has an item of its own.
    """

    scope: str
    day: str
    what: str
    group: str | None = None

    @property
    def key(self) -> dict[str, Any]:
        return DAILY.key(self.scope, f"{self.day}#{self.what if self.group is None else self.group}")

    def attribute(self, name: str) -> str:
        """The attribute of the item that holds the row's number of that name."""
        return name if self.group is None else f"{self.what.removeprefix(self.group)}{_SEPARATOR}{name}"


def numbers_by_what(item: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The numbers of each row in an item, by the row's `what`."""
    group = item["day#what"].partition("#")[2]
    rows: dict[str, dict[str, Any]] = {}
    for attribute, value in item.items():
        if attribute not in ("scope", "day#what", "ttl"):
            own_name, _, name = attribute.rpartition(_SEPARATOR)
            rows.setdefault(f"{group}{own_name}", {})[name] = value
    return rows


@dataclass(frozen=True)
class Entry:
    """What one event adds: to each row, numbers by name.

    `origin` is the same whenever the event comes, and few events share it: they store their ids in one item.
    `former_id` is the id that an earlier release may have stored for the event.
    """

    event_id: str
    sums: Mapping[Row, Mapping[str, Any]]
    origin: str
    former_id: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells the event from all others."""
        return self.origin, self.event_id

    @property
    def ids(self) -> set[str]:
        """Each id that the event may have been stored under."""
        return {self.event_id} if self.former_id is None else {self.event_id, self.former_id}

    @property
    def dedupe_key(self) -> dict[str, Any]:
        """The key of the item with the ids of the origin's counted events. It names no user, and stays at erasure."""
        return DAILY.key(f"seen#{hashlib.sha256(self.origin.encode()).hexdigest()[:32]}", "seen")
