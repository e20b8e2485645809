"""moto's queues follow the local clock, take parallel requests, and remember duplicates as long as SQS does."""

import functools
from typing import Any

from local.clock import CLOCK
from local.patching import patch
from local.state.changes import CHANGES

# The ids of the messages that functions are working on. If the machine stops, these were not really received.
RECEIVED_BY_FUNCTIONS: set[str] = set()
# In seconds: how long a receiver waits before it looks again.
_MAX_WAIT = 1.0


def patch_sqs() -> None:
    """Apply the patches of this module."""
    _use_local_clock()
    _lock_queues()
    _remember_deduplication_ids()


def _use_local_clock() -> None:
    import moto.sqs.models as sqs

    patch(sqs, "unix_time", lambda dt=None: CLOCK.now())
    patch(sqs, "unix_time_millis", lambda dt=None: CLOCK.now() * 1000)


def _lock_queues() -> None:
    # Otherwise two receivers can get one message, and a message that is sent while another is deleted can be lost.
    from moto.sqs.models import Queue, SQSBackend

    receive, delete = SQSBackend.receive_message, Queue.delete_message

    def take(self: Any, queue: Any, count: int, visibility_timeout: int, names: list[str] | None) -> Any:
        with CHANGES.making(), queue._messages_lock:
            messages = receive(self, queue.name, count, 0, visibility_timeout, names)
            CHANGES.mark("sqs")
            return messages

    @functools.wraps(receive)
    def receive_message(
        self: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> Any:
        queue, ends_at = self.get_queue(queue_name), CLOCK.now() + wait_seconds_timeout
        while True:
            messages = take(self, queue, count, visibility_timeout, message_attribute_names)
            left = ends_at - CLOCK.now()
            if messages or left <= 0:
                return messages
            with CHANGES.waiting():
                queue.wait_for_messages(min(left, _MAX_WAIT))

    @functools.wraps(delete)
    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            delete(self, receipt_handle)
        CHANGES.mark("sqs")

    patch(SQSBackend, "receive_message", receive_message)
    patch(Queue, "delete_message", delete_message)


def _remember_deduplication_ids() -> None:
    # moto compares with the messages that still wait; SQS with all of the last five minutes, received or not.
    from moto.sqs.models import DEDUPLICATION_TIME_IN_SECONDS, Queue

    original = Queue.add_message

    def add_message(self: Any, message: Any) -> None:
        identity, now = message.deduplication_id, CLOCK.now()
        sent_at: dict[str, float] = self.__dict__.setdefault("sent_at_by_deduplication_id", {})
        if identity and now - sent_at.get(identity, float("-inf")) < DEDUPLICATION_TIME_IN_SECONDS:
            return
        if identity:
            sent_at[identity] = now
        original(self, message)
        CHANGES.mark("sqs")

    patch(Queue, "add_message", add_message)
