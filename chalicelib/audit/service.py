"""The list of audit entries, for administrators."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.audit.models import SEQUENCE_DIGITS, TRAIL, Entry
from chalicelib.core import ids
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Page

DEFAULT_PAGE = 50
# To find one user's entries, a request reads this many of the day's entries at most. The cursor continues there.
_READ_AT_ONCE = 500
_READS = 4


@required_env_vars({"AUDIT_TABLE": [DynamoDBOperation.QUERY]})
def list_entries(data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a day's entries (default: today), newest first, of everyone or of one user.

    A page of one user may hold fewer entries than asked for, or none: the cursor says whether there may be more.

    Raises:
        InvalidRequestError: no such day, or no cursor of ours.
    """
    day = (ids.day_of(data, "day") or datetime.now(UTC).date()).isoformat()
    limit, after = data.get("limit", DEFAULT_PAGE), ids.start_of_page(data, f"[0-9]{{{SEQUENCE_DIGITS}}}")
    if "userId" in data:
        page = _page_of_user(data["userId"], day, limit, after)
    else:
        page = TRAIL.page(day, limit=limit, after=after)
    return page.response(Entry.show_item)


def _page_of_user(user_id: str, day: str, limit: int, after: str | None) -> Page:
    items: list[dict[str, Any]] = []
    for _ in range(_READS):
        page = TRAIL.page(day, limit=_READ_AT_ONCE, after=after)
        for item in page.items:
            if item.get("userId") == user_id:
                items.append(item)
            if len(items) == limit:
                return Page(items, item["sequence"])
        after = page.next_after
        if after is None:
            break
    return Page(items, after)
