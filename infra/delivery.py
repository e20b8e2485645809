"""What AWS is told about each trigger beyond what Chalice can say: tries, ages, and where the undelivered rest.

Chalice has no setting for these (it sets the triggers themselves). The queue names are resources of
resources.yaml. Limits: an asynchronous invocation is retried at most twice and waits at most six hours
(AWS Lambda, "How Lambda handles errors and retries with asynchronous invocation").
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class AsyncDelivery:
    """An asynchronous invocation (S3, SNS): further tries after the first, seconds an event may wait, last resort."""

    retries: int
    max_age_seconds: int
    on_failure: str


@dataclass(frozen=True)
class StreamDelivery:
    """A stream's batch: further tries, whether a failing batch is halved, last resort."""

    retries: int
    bisect: bool
    on_failure: str


ASYNC = {
    "s3_event": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="S3EventDeadLetterQueue"),
    "notifications": AsyncDelivery(retries=2, max_age_seconds=3600, on_failure="NotificationsDeadLetterQueue"),
}
STREAMS = {
    "image_changes": StreamDelivery(retries=5, bisect=True, on_failure="ImageChangesDeadLetterQueue"),
}
