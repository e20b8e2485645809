"""What the machine is doing: whether anything runs, and when that which waits for its time goes on."""

from moto.sqs.models import sqs_backends

from local.aws import ACCOUNT, REGION
from local.clock import Clock
from local.functions import FunctionHost
from local.moto_patches.stepfunctions_progress import PROGRESS
from local.pollers import QueuePoller, StreamPoller
from local.triggers import Triggers


class Activity:
    """Of one machine. The API's own requests do not count: their callers wait for them."""

    def __init__(self, clock: Clock, host: FunctionHost, triggers: Triggers) -> None:
        self._clock, self._host, self._triggers = clock, host, triggers

    def is_any(self) -> bool:
        """Whether something runs or is about to, without the time moving."""
        if any(function.is_running() for function in self._host.functions.values()):
            return True
        if self._clock.count_sleepers() < len(PROGRESS) + self._streams_behind():
            return True
        now = self._clock.now()
        return self._triggers.events.is_running() or any(due <= now for due in self._dues())

    def next_due(self) -> float | None:
        """When the first of what waits goes on, in seconds since the epoch; None: nothing waits."""
        return min(self._dues(), default=None)

    def _streams_behind(self) -> int:
        """The streams with undelivered records; one that fails sleeps between its tries."""
        pollers = self._triggers.pollers.values()
        return sum(each.is_behind() for each in pollers if isinstance(each, StreamPoller))

    def _dues(self) -> list[float]:
        dues = [self._clock.next_wake(), self._triggers.events.next_due(), *self._messages()]
        return [each for each in dues if each is not None]

    def _messages(self) -> list[float]:
        """When the messages of the queues with functions become visible."""
        queues = [each.queue for each in self._triggers.pollers.values() if isinstance(each, QueuePoller)]
        return [
            max(message.visible_at, message.delayed_until) / 1000
            for name in queues
            for message in list(sqs_backends[ACCOUNT][REGION].get_queue(name)._messages)
        ]
