"""What EventBridge does for scheduled rules: at its times each sends one event, which Lambda then runs and retries.

The times are those of the machine's clock. Where a test moves it, every time that is passed over sends its event with
its own time in it, as if it had been waited for. But a laptop that was asleep for a night is not to run a night's
events: of more than `MOST_AT_ONCE` times of a rule only the last ones are sent.
"""

import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from moto.events.models import events_backends

from chalicelib.jobs.recurrence import ExpressionError, Recurrence, parse
from local.asynchronous import AsyncInvocations
from local.clock import Clock
from local.cloud import ACCOUNT, REGION
from local.errors import MachineError
from local.functions import Function

MOST_AT_ONCE = 96
# How long the thread sleeps at most: the system's own clock may have been set.
LOOK_AGAIN = 5.0


@dataclass
class _Rule:
    name: str
    function: Function
    recurrence: Recurrence
    start: datetime
    due: datetime | None = field(init=False)

    def __post_init__(self) -> None:
        self.due = self.recurrence.next_after(self.start, self.start)

    @property
    def enabled(self) -> bool:
        """Whether the rule as it stands in EventBridge sends events."""
        state: str = events_backends[ACCOUNT][REGION].describe_rule(self.name, None).state
        return state == "ENABLED"

    def passed(self, now: datetime) -> Iterator[datetime]:
        """The times since it was asked last, up to now."""
        while self.due is not None and self.due <= now:
            yield self.due
            self.due = self.recurrence.next_after(self.due, self.start)


class Scheduler:
    """All scheduled rules. One that is disabled lets its times pass."""

    def __init__(self, clock: Clock, events: AsyncInvocations) -> None:
        self._clock = clock
        self._events = events
        self._rules: dict[str, _Rule] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, name="schedules", daemon=True)

    def add(self, rule: str, function: Function, expression: str) -> None:
        """Fire the function by this rule of EventBridge, from now on.

        Raises:
            MachineError: EventBridge would not take the expression.
        """
        try:
            self._rules[function.name] = _Rule(rule, function, parse(expression), self._now())
        except ExpressionError as fault:
            raise MachineError(f"The schedule of {function.name} cannot be: {fault}.") from None

    def due(self, name: str) -> float | None:
        """When a function's rule sends its next event, in seconds since the epoch; None where it never will."""
        due = self._rules[name].due
        return None if due is None else due.timestamp()

    def start(self) -> None:
        """Fire from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Fire nothing more."""
        with self._clock.moved:
            self._stopping = True
            self._clock.moved.notify_all()

    def join(self) -> None:
        """Wait until nothing is being sent."""
        if self._thread.is_alive():
            self._thread.join()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def _watch(self) -> None:
        while True:
            with self._clock.moved:
                if not self._stopping:
                    self._clock.moved.wait(self._pause())
                if self._stopping:
                    return
            for moment, rule in self._passed():
                self._events.submit(rule.function, _event(rule.name, moment))

    def _pause(self) -> float:
        dues = [rule.due.timestamp() for rule in self._rules.values() if rule.due is not None]
        return max(0.0, min([due - self._clock.now() for due in dues] + [LOOK_AGAIN]))

    def _passed(self) -> list[tuple[datetime, _Rule]]:
        """What is to be sent now, in the order of its times."""
        now = self._now()
        found: list[tuple[datetime, _Rule]] = []
        for rule in self._rules.values():
            times = deque(rule.passed(now), maxlen=MOST_AT_ONCE)
            if times and rule.enabled:
                found += [(moment, rule) for moment in times]
        return sorted(found, key=lambda each: each[0])


def _event(rule: str, moment: datetime) -> bytes:
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", moment.utctimetuple()),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }
    return json.dumps(event).encode()
