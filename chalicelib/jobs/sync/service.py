"""What the route of syncs does: it lists them."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import ids
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Attr
from chalicelib.jobs.sync.models import CUSTOMERS, SYNCS, DailySync

DEFAULT_PAGE = 20


@required_env_vars({"SYNCS_TABLE": [DynamoDBOperation.QUERY]})
def list_syncs(data: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the syncs, newest first, filtered by `status` if given. Times are in milliseconds.

    Raises:
        InvalidRequestError: no cursor of ours.
    """
    keep = Attr("status").eq(data["status"]) if "status" in data else None
    after = ids.start_of_page(data)
    page = SYNCS.page(CUSTOMERS, limit=data.get("limit", DEFAULT_PAGE), after=after, keep=keep)
    return page.response(DailySync.show_item)
