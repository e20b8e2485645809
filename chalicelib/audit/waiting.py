"""Entries that wait in the inbox longer than a request, and its stream, take: they are sent to the stream again.

Such an entry is begun, and its request was cut off; or the stream has lost it. Only the function of the stream may
write the trail, so the entry is changed in the inbox, and the change brings it there once more.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.audit.models import INBOX, SENT_AGAIN, TIMES_SENT
from chalicelib.core.aws.grants import DynamoDBOperation, required_env_vars
from chalicelib.core.aws.tables import Attr, ConditionFailedError

_PAGE_SIZE = 500
# Once an hour: after a day, the entry itself is what the chain cannot take.
MOST_TIMES = 24


@required_env_vars({"AUDIT_INBOX_TABLE": [DynamoDBOperation.SCAN]})
def waiting_since(moment: str) -> Iterator[Mapping[str, Any]]:
    """The items of the inbox that are older than that (ISO 8601). The inbox is empty, but for seconds."""
    for items, _ in INBOX.scan(_PAGE_SIZE):
        yield from (item for item in items if str(item.get("timestamp", "")) <= moment)


@required_env_vars({"AUDIT_INBOX_TABLE": [DynamoDBOperation.UPDATE_ITEM]})
def send_again(item: Mapping[str, Any], now: str) -> bool:
    """Sends an item to the stream again. False: its request has ended meanwhile, or the chain has it."""
    unchanged = Attr("id").exists() & Attr("outcome").eq(item.get("outcome"))
    try:
        INBOX.update(item["id"], when=unchanged, change={SENT_AGAIN: now}, add={TIMES_SENT: 1})
    except ConditionFailedError:
        return False
    return True


def is_given_up(item: Mapping[str, Any]) -> bool:
    """Whether an item was sent again so often that sending it once more is of no use."""
    return int(item.get(TIMES_SENT, 0)) >= MOST_TIMES
