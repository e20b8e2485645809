"""What must not come back: accounts that were erased, images that were deleted, rights that were changed.

The audit trail says what happened since a moment. It is never erased, so it knows more than the tables: a tombstone
expires after 30 days, and an erased account leaves no row. Accounts that have neither a row nor an entry in the user
pool count as erased too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from chalicelib.accounts import cognito
from chalicelib.accounts.models import user_exists
from chalicelib.audit import BEGUN, INBOX, TRAIL, Head
from chalicelib.core import clients, ids
from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT

_ERASURE = "erase_account"
_DELETION = "delete_image"
# By an administrator, and on the command line (infra/administrators.py).
_CHANGES_OF_RIGHTS = {"change_rights", "admin_grant", "admin_revoke"}
# An entry has the time when its request began.
_LONGEST_REQUEST = timedelta(minutes=1)
_PAGE_SIZE = 500
# No text that could end the filter of ListUsers.
_USER_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


@dataclass
class Gone:
    """What happened since a moment. `erased` holds the time of the erasure by user id (ISO 8601 UTC)."""

    erased: dict[str, str] = field(default_factory=dict)
    deleted_images: set[str] = field(default_factory=set)
    users_changed: set[str] = field(default_factory=set)
    _known: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def since(cls, moment: datetime) -> Self:
        """Reads the trail from that moment on."""
        gone = cls()
        for entry in _entries(moment - _LONGEST_REQUEST):
            target = entry.get("target", {})
            if entry["operation"] == _ERASURE:
                if entry["outcome"] == "ok" or _is_half_erased(entry["userId"]):
                    gone.erased[entry["userId"]] = entry["timestamp"]
            # What has only begun was cut off, and may have taken place.
            elif entry["outcome"] not in ("ok", BEGUN):
                continue
            elif entry["operation"] == _DELETION:
                gone.deleted_images.add(target["imageId"])
            elif entry["operation"] in _CHANGES_OF_RIGHTS:
                gone.users_changed.add(target["userId"])
        return gone

    def is_erased(self, user_id: str | None) -> bool:
        """Whether that user's account is gone. None and the system's own are no accounts."""
        if user_id in (None, SYSTEM_ACCOUNT):
            return False
        owner = str(user_id)
        if owner not in self._known:
            self._known[owner] = owner in self.erased or not (user_exists(owner) or is_in_pool(owner))
        return self._known[owner]


def _is_half_erased(user_id: str) -> bool:
    """Whether an erasure that failed, or was cut off, came so far that the account cannot be used any more."""
    return not (user_exists(user_id) and is_in_pool(user_id))


def is_in_pool(user_id: str) -> bool:
    """Whether the user pool has an account of that id."""
    if _USER_ID.fullmatch(user_id) is None:
        return False
    found = clients.client("cognito-idp").list_users(UserPoolId=cognito.pool_id(), Filter=f'sub = "{user_id}"', Limit=1)
    return bool(found["Users"])


def _entries(moment: datetime) -> Iterator[dict[str, Any]]:
    """The entries from that moment on. The inbox is read first: its entries move into the trail meanwhile."""
    since = ids.timestamp(moment)
    waiting = [entry for items, _ in INBOX.scan(_PAGE_SIZE) for entry in items]
    yield from (entry for entry in waiting if entry["timestamp"] >= since)
    head = Head.read()
    today = datetime.now(UTC).date()
    day = moment.date() if head is None else max(moment.date(), date.fromisoformat(head.since))
    while day <= today:
        yield from (entry for entry in TRAIL.all_of(day.isoformat()) if entry["timestamp"] >= since)
        day += timedelta(days=1)
