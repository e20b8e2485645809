"""EventBridge's scheduled rules: each sends an event at its times, which Lambda runs and retries.

The times are on the local clock. When a test moves it, every time that it passes sends an event with that time. After
a laptop's sleep there may be many: only the last `MAX_EVENTS_AT_ONCE` times of a rule are sent. Of the times that
passed while the machine was stopped only the last one is.
"""

import json
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.events.exceptions import ResourceNotFoundException
from moto.events.models import events_backends

from chalicelib.jobs.recurrence import ExpressionError, Recurrence, parse
from local import background
from local.async_invocations import AsyncInvocations
from local.aws import ACCOUNT, REGION
from local.clock import Clock
from local.errors import MachineError
from local.functions import Function
from local.state.changes import CHANGES

MAX_EVENTS_AT_ONCE = 96
# The thread's longest sleep in seconds: somebody may set the system's clock.
MAX_SLEEP = 5.0


@dataclass
class _Rule:
    name: str
    function: Function
    expression: str
    recurrence: Recurrence
    start: datetime
    due: datetime | None = field(init=False)
    is_restored: bool = False

    def __post_init__(self) -> None:
        self.due = self.recurrence.next_after(self.start, self.start)

    @property
    def is_enabled(self) -> bool:
        """Whether the rule is enabled in EventBridge. A deleted rule is not: its events end, and no thread does."""
        try:
            state: str = events_backends[ACCOUNT][REGION].describe_rule(self.name, None).state
        except ResourceNotFoundException:
            return False
        return state == "ENABLED"

    def take_passed_times(self, now: datetime) -> Iterator[datetime]:
        """The times since the last call, up to now."""
        while self.due is not None and self.due <= now:
            yield self.due
            self.due = self.recurrence.next_after(self.due, self.start)


class Scheduler:
    """All scheduled rules. The times of a disabled rule pass without an event."""

    def __init__(self, clock: Clock, events: AsyncInvocations) -> None:
        self._clock = clock
        self._events = events
        self._rules: dict[str, _Rule] = {}
        self._stopping = False
        self._thread = background.Loop("schedules", self._watch)

    def add(self, rule: str, function: Function, expression: str) -> None:
        """Invoke the function by this rule from now on.

        Raises:
            MachineError: EventBridge would refuse the expression.
        """
        try:
            self._rules[function.name] = _Rule(rule, function, expression, parse(expression), self._now())
        except ExpressionError as error:
            raise MachineError(f"The schedule of {function.name} is not valid: {error}.") from None

    def next_run(self, name: str) -> float | None:
        """When a function's rule sends its next event, in seconds since the epoch; None: never."""
        due = self._rules[name].due
        return None if due is None else due.timestamp()

    def dues(self) -> dict[str, Any]:
        """When each rule sends its next event, with its expression, for `restore`."""
        return {
            each.name: {"expression": each.expression, "due": each.due.timestamp()}
            for each in self._rules.values()
            if each.due is not None
        }

    def restore(self, dues: Mapping[str, Any]) -> None:
        """Go on from an earlier run. A rule with another expression than then begins anew."""
        for rule in self._rules.values():
            kept = dues.get(rule.name)
            if kept is not None and kept["expression"] == rule.expression:
                rule.due, rule.is_restored = datetime.fromtimestamp(kept["due"], UTC), True

    def start(self) -> None:
        """Start sending events."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more events."""
        with self._clock.moved:
            self._stopping = True
            self._clock.moved.notify_all()

    def join(self) -> None:
        """Wait until the thread has ended."""
        if self._thread.is_alive():
            self._thread.join()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def _watch(self) -> None:
        while True:
            with self._clock.moved:
                if not self._stopping:
                    self._clock.moved.wait(self._seconds_to_sleep())
                if self._stopping:
                    return
            with CHANGES.making():
                for moment, rule in self._take_due_events():
                    self._events.submit(rule.function, _event(rule.name, moment))

    def _seconds_to_sleep(self) -> float:
        dues = [rule.due.timestamp() for rule in self._rules.values() if rule.due is not None]
        return max(0.0, min([due - self._clock.now() for due in dues] + [MAX_SLEEP]))

    def _take_due_events(self) -> list[tuple[datetime, _Rule]]:
        """The events to send now, in the order of their times."""
        now = self._now()
        due: list[tuple[datetime, _Rule]] = []
        for rule in self._rules.values():
            times = deque(rule.take_passed_times(now), maxlen=1 if rule.is_restored else MAX_EVENTS_AT_ONCE)
            rule.is_restored = False
            if times and rule.is_enabled:
                due += [(moment, rule) for moment in times]
        return sorted(due, key=lambda each: each[0])


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
