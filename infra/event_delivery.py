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
    """The batches of a stream: how they are retried, and the queue for those that are given up.

    A failed batch is split, so that Lambda finds what fails, and repeated until its records are older than
    `max_age_seconds`; `retries` bounds that, -1 does not. `window_seconds` is how long Lambda collects a batch. It
    replaces the value of the function's decorator, which the local machine uses. `events` are the kinds of changes
    that the function gets (INSERT, MODIFY, REMOVE); by default all.
    """

    on_failure: str
    window_seconds: int
    events: tuple[str, ...] = ()
    retries: int = -1
    bisect: bool = True
    max_age_seconds: int = 23 * 3600


@dataclass(frozen=True)
class QueueDelivery:
    """The batches of a queue. `partial` is only for code that returns `batchItemFailures`.

    Without `partial`, Lambda ignores what such code returns and deletes all messages. With it, code that returns
    nothing counts as completely successful. Code that deletes its finished messages and raises works either way.
    """

    partial: bool = False


# One queue for all schedules: messages are rare, and each names its rule. The sweeper deletes those of jobs that have
# succeeded since.
_SCHEDULES_QUEUE = "SchedulesDeadLetterQueue"

ASYNC = {
    "s3_event": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="S3EventDeadLetterQueue"),
    "notifications": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="NotificationsDeadLetterQueue"),
    **{name: AsyncDelivery(retries=2, max_age_seconds=3600, on_failure=_SCHEDULES_QUEUE) for name in SCHEDULES},
}
RULES = {name: RuleDelivery(retries=1, max_age_seconds=3600, dead_letters=_SCHEDULES_QUEUE) for name in SCHEDULES}
# DynamoDB keeps a stream's records for 24 hours. What is given up an hour before can still be read from there: Lambda's
# dead letter holds only the position. The functions set aside what they can never handle (core/aws/streams.py), so
# nothing but an outage makes a batch come again.
# Spending limits may lag five seconds. In that time the runs of an image arrive in one or two batches, and each batch
# writes a row of sums once.
STREAMS = {
    "image_changes": StreamDelivery("ImageChangesDeadLetterQueue", window_seconds=5),
    "usage_records": StreamDelivery("UsageRecordsDeadLetterQueue", window_seconds=5, events=("INSERT",)),
    "audit_entries": StreamDelivery("AuditEntriesDeadLetterQueue", window_seconds=1, events=("INSERT", "MODIFY")),
}
# The orchestrator deletes the messages it has handled and raises for the others. The other functions get one message.
QUEUES = {name: QueueDelivery() for name in ("orchestrator", "action_worker", "import_worker", "critical_errors")}
