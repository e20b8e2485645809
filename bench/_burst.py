"""The pipeline as a queueing network: events in time, containers that start, are busy and are kept.

Documented by AWS: a function gains 1,000 containers in ten seconds at most, and all functions of an account together
run no more than its concurrency (AWS Lambda, "Lambda scaling behavior"); a queue's trigger begins with five batches at
once and adds 300 a minute up to 1,000 ("Configuring scaling behavior for SQS event source mappings"); an asynchronous
event that is throttled is tried again after one second, then twice as long up to five minutes ("How Lambda handles
errors and retries with asynchronous invocation"). An EXPRESS execution's steps are tried again as the state machine
says; what then still fails is FAILED, and its message rests in the dead-letter queue.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

STEPS = ("validation", "resize", "watermark")
_GAINED_A_SECOND, _GAINED_AT_ONCE = 100.0, 1000.0
_BATCHES_AT_FIRST, _BATCHES_MORE_A_SECOND, _MOST_BATCHES = 5, 5.0, 1000
_BATCH = 10
_ASYNC_LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Retry:
    """Seconds before the first further try, what they grow by, how many tries, the longest pause; full jitter."""

    interval: float
    backoff: float
    attempts: int
    longest: float


@dataclass(frozen=True)
class Limits:
    """`seconds` a run takes by function, once warm (the orchestrator's: a message); how far each thing may go."""

    seconds: Mapping[str, float]
    cold_seconds: float
    retry: Retry
    concurrency: int = 1000
    orchestrators: int = _MOST_BATCHES


@dataclass
class Outcome:
    """What was seen each second: messages waiting, the oldest one's age, containers busy in all and by function."""

    queued: list[int] = field(default_factory=list)
    oldest: list[float] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    by_function: dict[str, list[int]] = field(default_factory=dict)
    completed: list[int] = field(default_factory=list)
    throttled: int = 0
    failed: int = 0
    drained: float | None = None


@dataclass
class _Function:
    seconds: float
    idle: int = 0
    busy: int = 0
    gain: float = _GAINED_AT_ONCE
    gained_at: float = 0.0


class Burst:
    """One run of the simulation."""

    def __init__(self, its: Limits, chance: random.Random) -> None:
        self._its, self._chance = its, chance
        self._functions = {name: _Function(seconds) for name, seconds in its.seconds.items()}
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._queue: deque[float] = deque()
        self._batches = 0
        self._backlog_since: float | None = None
        self._in_flight = self._completed = 0
        self._outcome = Outcome(by_function={name: [] for name in its.seconds})

    def run(self, rate: float, lasts: float, images: int, at: float) -> Outcome:
        """So many images a second for so many seconds, and a burst of `images` at one moment."""
        for number in range(int(rate * lasts)):
            self._at(number / rate, self._arrive)
        for _ in range(images):
            self._at(at, self._arrive)
        for second in range(int(lasts)):
            self._at(float(second), self._look)
        normal = rate * sum(self._its.seconds.values()) * 4
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            event()
            if self._now > at + 1 and self._outcome.drained is None and self._in_flight <= max(normal, 1):
                self._outcome.drained = self._now
        return self._outcome

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._count), event))

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        self._at(self._now + seconds, event)

    # ------------------------------------------------------------ containers

    def _runs(self, name: str, seconds: float, done: Callable[[], None]) -> bool:
        """Begins a run where there is a container for it; False where Lambda would throttle."""
        function = self._functions[name]
        busy = sum(each.busy for each in self._functions.values())
        if busy >= self._its.concurrency or not (function.idle or self._gains(function)):
            self._outcome.throttled += 1
            return False
        if function.idle:
            function.idle -= 1
        else:
            seconds += self._its.cold_seconds
        function.busy += 1

        def ended() -> None:
            function.busy -= 1
            function.idle += 1
            done()

        self._after(seconds, ended)
        return True

    def _gains(self, function: _Function) -> bool:
        since = self._now - function.gained_at
        function.gain = min(_GAINED_AT_ONCE, function.gain + since * _GAINED_A_SECOND)
        function.gained_at = self._now
        if function.gain < 1:
            return False
        function.gain -= 1
        return True

    # ------------------------------------------------------------- the journey

    def _arrive(self) -> None:
        self._in_flight += 1
        self._notice(1.0)

    def _notice(self, pause: float) -> None:
        """s3_event, invoked asynchronously: Lambda itself keeps what it throttles."""
        if not self._runs("s3_event", self._functions["s3_event"].seconds, self._enqueue):
            again = min(2 * pause, _ASYNC_LONGEST_SECONDS)
            self._after(self._chance.uniform(pause / 2, pause), lambda: self._notice(again))

    def _enqueue(self) -> None:
        self._queue.append(self._now)
        self._poll()

    def _poll(self) -> None:
        """The queue's trigger: as many batches at once as it has pollers by now."""
        if self._queue and self._backlog_since is None:
            self._backlog_since = self._now
        while self._queue and self._batches < self._pollers():
            size = min(_BATCH, len(self._queue))
            messages = [self._queue.popleft() for _ in range(size)]
            self._batches += 1
            self._orchestrate(size, messages)
        if not self._queue:
            self._backlog_since = None

    def _pollers(self) -> int:
        waited = self._now - (self._now if self._backlog_since is None else self._backlog_since)
        return min(self._its.orchestrators, _MOST_BATCHES, int(_BATCHES_AT_FIRST + _BATCHES_MORE_A_SECOND * waited))

    def _orchestrate(self, size: int, messages: list[float]) -> None:
        def done() -> None:
            self._batches -= 1
            for _ in range(size):
                self._step(0, 0)
            self._poll()

        if not self._runs("orchestrator", size * self._functions["orchestrator"].seconds, done):
            # The poller keeps the batch and slows down.
            self._after(self._chance.uniform(0.5, 1.5), lambda: self._orchestrate(size, messages))

    def _step(self, place: int, attempt: int) -> None:
        if place == len(STEPS):
            self._in_flight -= 1
            self._completed += 1
            return
        name, retry = STEPS[place], self._its.retry
        if self._runs(name, self._functions[name].seconds, lambda: self._step(place + 1, 0)):
            return
        if attempt == retry.attempts:
            self._in_flight -= 1
            self._outcome.failed += 1
            return
        longest = min(retry.interval * retry.backoff**attempt, retry.longest)
        self._after(self._chance.uniform(0, longest), lambda: self._step(place, attempt + 1))

    # ------------------------------------------------------------ what is seen

    def _look(self) -> None:
        self._poll()
        seen = self._outcome
        seen.queued.append(len(self._queue))
        seen.oldest.append(self._now - self._queue[0] if self._queue else 0.0)
        seen.busy.append(sum(each.busy for each in self._functions.values()))
        for name, each in self._functions.items():
            seen.by_function[name].append(each.busy)
        seen.completed.append(self._completed)
