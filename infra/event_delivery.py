"""What AWS is told about each trigger beyond what Chalice can say: tries, ages, and where the undelivered rest.

Chalice has no setting for these (it sets the triggers themselves). The queue names are resources of
resources.yaml. Limits: an asynchronous invocation is retried at most twice and waits at most six hours
(AWS Lambda, "How Lambda handles errors and retries with asynchronous invocation"). A schedule has two layers of
retries: its rule tries again to hand the event to Lambda, and Lambda runs the function again that failed with it.
"""

from dataclasses import dataclass

from chalicelib.schedules import SCHEDULES


@dataclass(frozen=True)
class AsyncDelivery:
    """An asynchronous invocation (S3, SNS): further tries after the first, seconds an event may wait, last resort."""

    retries: int
    max_age_seconds: int
    on_failure: str


@dataclass(frozen=True)
class RuleDelivery:
    """A scheduled rule's target: further tries to reach Lambda, seconds that it may take, last resort.

    EventBridge takes 0 to 185 tries and 60 to 86,400 seconds (EventBridge, "Retry policies").
    """

    retries: int
    max_age_seconds: int
    dead_letters: str


@dataclass(frozen=True)
class StreamDelivery:
    """A stream's batch: further tries, whether a failing batch is halved, last resort.

    `window_seconds` is how long Lambda gathers a batch, in place of what the function's decorator says: so long does
    the machine of one, where somebody waits. `inserts_only` keeps what was changed or removed from
    waking the function, where its code looks at neither.
    """

    retries: int
    bisect: bool
    on_failure: str
    window_seconds: int
    inserts_only: bool = False


@dataclass(frozen=True)
class QueueDelivery:
    """A queue's batch. `partial` is for code that returns `batchItemFailures`, and for no other.

    Without the setting, what such code returned would be deleted with the rest; with it, code that returns nothing has
    succeeded altogether. Code that deletes what succeeded by itself and raises for the rest is safe either way.
    """

    partial: bool = False


# One for all schedules: they are few, each message names its rule or its function, and none is sent on by machine.
_SCHEDULES_LAST_RESORT = "SchedulesDeadLetterQueue"
# These run again within the quarter of an hour, before a retry would be of use.
_FREQUENT = {"health_check", "sweeper"}

ASYNC = {
    "s3_event": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="S3EventDeadLetterQueue"),
    "notifications": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="NotificationsDeadLetterQueue"),
    **{
        name: AsyncDelivery(0 if name in _FREQUENT else 2, max_age_seconds=3600, on_failure=_SCHEDULES_LAST_RESORT)
        for name in SCHEDULES
    },
}
RULES = {name: RuleDelivery(retries=1, max_age_seconds=3600, dead_letters=_SCHEDULES_LAST_RESORT) for name in SCHEDULES}
# Five seconds are how far limits of spending may lag behind; in them an image's runs come as one or two batches, and
# each batch writes a row of sums once.
STREAMS = {
    "image_changes": StreamDelivery(5, bisect=True, on_failure="ImageChangesDeadLetterQueue", window_seconds=5),
    "usage_records": StreamDelivery(
        5, bisect=True, on_failure="UsageRecordsDeadLetterQueue", window_seconds=5, inserts_only=True
    ),
    "audit_entries": StreamDelivery(
        5, bisect=True, on_failure="AuditEntriesDeadLetterQueue", window_seconds=1, inserts_only=True
    ),
}
# The orchestrator deletes what it has started and raises for the rest; the others take a message as a whole.
QUEUES = {name: QueueDelivery() for name in ("orchestrator", "action_worker", "critical_errors")}
