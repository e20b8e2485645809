"""The retries, maximum event ages and dead-letter queues of each trigger, which Chalice has no settings for.

The queues are resources of resources.yaml. Limits: an asynchronous invocation is retried twice at most and waits six
hours at most (AWS Lambda, "How Lambda handles errors and retries with asynchronous invocation"). A schedule has two
levels of retries: its rule retries the delivery to Lambda, and Lambda retries the function.
"""

from dataclasses import dataclass

from chalicelib.core.schedules import SCHEDULES


@dataclass(frozen=True)
class AsyncDelivery:
    """An asynchronous invocation (S3, SNS): retries, maximum age of an event, queue for failed events."""

    retries: int
    max_age_seconds: int
    on_failure: str


@dataclass(frozen=True)
class RuleDelivery:
    """The target of a scheduled rule: retries to reach Lambda, maximum age of an event, dead-letter queue.

    EventBridge accepts 0 to 185 retries and 60 to 86,400 seconds (EventBridge, "Retry policies").
    """

    retries: int
    max_age_seconds: int
    dead_letters: str


@dataclass(frozen=True)
class StreamDelivery:
    """The batches of a stream: retries, whether a failed batch is split, queue for failed batches.

    `window_seconds` is how long Lambda collects a batch. It replaces the value of the function's decorator, which the
    local machine uses. `inserts_only` filters out changed and removed rows, which the function ignores.
    """

    retries: int
    bisect: bool
    on_failure: str
    window_seconds: int
    inserts_only: bool = False


@dataclass(frozen=True)
class QueueDelivery:
    """The batches of a queue. `partial` is only for code that returns `batchItemFailures`.

    Without `partial`, Lambda ignores what such code returns and deletes all messages. With it, code that returns
    nothing counts as completely successful. Code that deletes its finished messages and raises works either way.
    """

    partial: bool = False


# One queue for all schedules: messages are rare, and each names its rule or function.
_SCHEDULES_QUEUE = "SchedulesDeadLetterQueue"
# It runs every quarter of an hour anyway, and its result is of that moment: a retry is not needed.
_NOT_RETRIED = {"health_check"}

ASYNC = {
    "s3_event": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="S3EventDeadLetterQueue"),
    "notifications": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="NotificationsDeadLetterQueue"),
    **{
        name: AsyncDelivery(0 if name in _NOT_RETRIED else 2, max_age_seconds=3600, on_failure=_SCHEDULES_QUEUE)
        for name in SCHEDULES
    },
}
RULES = {name: RuleDelivery(retries=1, max_age_seconds=3600, dead_letters=_SCHEDULES_QUEUE) for name in SCHEDULES}
# Spending limits may lag five seconds. In that time the runs of an image arrive in one or two batches, and each batch
# writes a row of sums once.
STREAMS = {
    "image_changes": StreamDelivery(5, bisect=True, on_failure="ImageChangesDeadLetterQueue", window_seconds=5),
    "usage_records": StreamDelivery(
        5, bisect=True, on_failure="UsageRecordsDeadLetterQueue", window_seconds=5, inserts_only=True
    ),
    "audit_entries": StreamDelivery(
        5, bisect=True, on_failure="AuditEntriesDeadLetterQueue", window_seconds=1, inserts_only=True
    ),
}
# The orchestrator deletes the messages it has handled and raises for the others. The other functions get one message.
QUEUES = {name: QueueDelivery() for name in ("orchestrator", "action_worker", "import_worker", "critical_errors")}
