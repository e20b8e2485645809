"""The messages of SQS's queues."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from moto.sqs.models import Message, sqs_backends

from local.aws import ACCOUNT, REGION
from local.moto_patches.sqs import RECEIVED_BY_FUNCTIONS
from local.state.part import Documents, Kept

_MESSAGES = "messages"
_ATTRIBUTES = (
    *("body", "message_attributes", "system_attributes", "sender_id", "sent_timestamp", "receipt_handle"),
    *("_old_receipt_handles", "approximate_first_receive_timestamp", "approximate_receive_count"),
    *("deduplication_id", "group_id", "sequence_number", "visible_at", "delayed_until"),
)


class Queues:
    """One document a message."""

    service = "sqs"
    kinds: tuple[str, ...] = (_MESSAGES,)
    is_whole = True

    def restore(self, documents: Mapping[str, Documents]) -> None:
        """Put the messages back. One that a function had received is visible again, and that receipt does not count."""
        queues = sqs_backends[ACCOUNT][REGION].queues
        for name, document in sorted(documents[_MESSAGES].items(), key=lambda each: int(each[1]["sent_timestamp"])):
            queue_name, message_id = json.loads(name)
            if queue_name not in queues:
                continue
            message = Message(message_id, document["body"])
            message.__dict__ |= {each: document[each] for each in _ATTRIBUTES}
            if document["is_received_by_function"]:
                message.visible_at = 0.0
                message.approximate_receive_count -= 1
            elif document["is_pending"]:
                queues[queue_name].pending_messages.add(message)
            queues[queue_name]._messages.append(message)

    def changed(self, names: Collection[Any]) -> Kept:
        """All messages."""
        queues = sqs_backends[ACCOUNT][REGION].queues
        return {
            _MESSAGES: {
                json.dumps([queue.name, message.id]): _document(queue, message)
                for queue in queues.values()
                for message in queue._messages
            }
        }


def _document(queue: Any, message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in _ATTRIBUTES} | {
        "is_pending": message in queue.pending_messages,
        "is_received_by_function": message.id in RECEIVED_BY_FUNCTIONS,
    }
