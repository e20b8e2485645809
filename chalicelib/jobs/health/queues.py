"""The queues of the stage: how many messages each holds, and since when the oldest work waits."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import actions, images
from chalicelib.core import clients
from chalicelib.core.aws.grants import DynamoDBOperation, SQSOperation, required_env_vars
from chalicelib.core.settings import Settings
from chalicelib.images import Status


@dataclass(frozen=True)
class Depth:
    """How many messages wait, and how many a function works on now; SQS counts approximately.

    `oldest_since` is in ISO 8601; None where nothing waits, or where no row tells it.
    """

    waiting: int
    in_flight: int
    oldest_since: str | None


@dataclass(frozen=True)
class Queue:
    """`oldest` gives since when the oldest work waits, from the rows of that work: SQS tells no message's age."""

    name: str
    url: Callable[[], str]
    oldest: Callable[[], str | None] = lambda: None

    def depth(self) -> Depth:
        """Asks the queue. Raises ClientError where it does not answer."""
        waiting, in_flight = _count_messages(self.url())
        return Depth(waiting, in_flight, self.oldest() if waiting else None)


def _count_messages(url: str) -> tuple[int, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = clients.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    waiting, in_flight = (int(counts[name]) for name in names)
    return waiting, in_flight


def _errors_url() -> str:
    name = Settings.CRITICAL_ERRORS_SQS_QUEUE_NAME.get()
    return str(clients.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


UPLOADS = Queue("uploads-queue", Settings.SQS_QUEUE_URL.get, functools.partial(images.oldest_since, Status.UPLOADED))
ACTIONS = Queue("actions-queue", Settings.ACTIONS_QUEUE_URL.get, actions.oldest_since)
IMPORTS = Queue("imports-queue", Settings.IMPORTS_QUEUE_URL.get, images.oldest_import)
# Operators must be reachable.
ERRORS = Queue("errors-queue", _errors_url)
# Dead letters: failed runs of all schedules.
SCHEDULED_RUNS = Queue("schedules-dead", Settings.SCHEDULES_DEAD_LETTERS_URL.get)


@required_env_vars(
    {
        "SQS_QUEUE_URL": [SQSOperation.GET_QUEUE_ATTRIBUTES],
        "ACTIONS_QUEUE_URL": [SQSOperation.GET_QUEUE_ATTRIBUTES],
        "IMPORTS_QUEUE_URL": [SQSOperation.GET_QUEUE_ATTRIBUTES],
        "CRITICAL_ERRORS_SQS_QUEUE_NAME": [SQSOperation.GET_QUEUE_URL, SQSOperation.GET_QUEUE_ATTRIBUTES],
        "IMAGES_TABLE": [DynamoDBOperation.QUERY_INDEX],
        "ACTIONS_TABLE": [DynamoDBOperation.QUERY_INDEX],
    }
)
def work_queues() -> list[Queue]:
    """The queues that functions read."""
    return [UPLOADS, ACTIONS, IMPORTS, ERRORS]


@required_env_vars({"DEAD_LETTER_QUEUE_URLS": [SQSOperation.GET_QUEUE_ATTRIBUTES]})
def dead_letter_queues() -> list[Queue]:
    """The queues of what failed too often, each by its name in SQS."""
    return [Queue(url.rsplit("/", 1)[-1], functools.partial(str, url)) for url in Settings.DEAD_LETTER_QUEUE_URLS.get()]
