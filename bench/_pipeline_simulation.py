"""A discrete-event simulation of the pipeline: queue, containers, throttling and retries.

Limits documented by AWS: a function gets at most 1,000 more containers in ten seconds, and all functions of an account
share its concurrency (AWS Lambda, "Lambda scaling behavior"). A queue's trigger starts with five concurrent batches and
adds 300 a minute, up to 1,000 ("Configuring scaling behavior for SQS event source mappings"). A throttled asynchronous
event is retried after one second, then after twice as long each time, up to five minutes ("How Lambda handles errors
and retries with asynchronous invocation"). The steps of an EXPRESS execution are retried as the state machine says;
an image that still fails is FAILED, and its message goes to the dead-letter queue.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

STEPS = ("validation", "resize", "watermark")
_NEW_CONTAINERS_PER_SECOND, _MAX_NEW_CONTAINERS = 100.0, 1000.0
_FIRST_BATCHES, _MORE_BATCHES_PER_SECOND, _MAX_BATCHES = 5, 5.0, 1000
_BATCH_SIZE = 10
_MAX_ASYNC_SECONDS = 300.0


@dataclass(frozen=True)
class Retry:
    """Seconds before the first retry, the factor of growth, the number of retries, the longest delay; full jitter."""

    interval: float
    backoff: float
    attempts: int
    max_delay: float


@dataclass(frozen=True)
class Limits:
    """`seconds` is the duration of a warm run by function (of the orchestrator: for one message)."""

    seconds: Mapping[str, float]
    cold_seconds: float
    retry: Retry
    concurrency: int = 1000
    max_orchestrators: int = _MAX_BATCHES


@dataclass
class Outcome:
    """By second: messages waiting, age of the oldest, containers busy in all and by function, images completed.

    `drained` is the second when the burst is processed.
    """

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
    new_containers: float = _MAX_NEW_CONTAINERS
    updated_at: float = 0.0


class Simulation:
    """One run of the simulation."""

    def __init__(self, limits: Limits, rng: random.Random) -> None:
        self._limits, self._rng = limits, rng
        self._functions = {name: _Function(seconds) for name, seconds in limits.seconds.items()}
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._queue: deque[float] = deque()
        self._batches = 0
        self._backlog_since: float | None = None
        self._in_flight = self._completed = 0
        self._outcome = Outcome(by_function={name: [] for name in limits.seconds})

    def run(self, rate: float, duration: float, images: int, burst_at: float) -> Outcome:
        """`rate` images a second for `duration` seconds, and `images` more at the second `burst_at`."""
        for number in range(int(rate * duration)):
            self._at(number / rate, self._arrive)
        for _ in range(images):
            self._at(burst_at, self._arrive)
        for second in range(int(duration)):
            self._at(float(second), self._record_second)
        usual_in_flight = max(1.0, rate * sum(self._limits.seconds.values()) * 4)
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            event()
            is_after_burst = self._now > burst_at + 1
            if is_after_burst and self._outcome.drained is None and self._in_flight <= usual_in_flight:
                self._outcome.drained = self._now
        return self._outcome

    def _at(self, second: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (second, next(self._count), event))

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        self._at(self._now + seconds, event)

    # ------------------------------------------------------------ containers

    def _start_run(self, name: str, seconds: float, done: Callable[[], None]) -> bool:
        """Starts a run if there is a container for it; False if Lambda would throttle it."""
        function = self._functions[name]
        busy = sum(each.busy for each in self._functions.values())
        if busy >= self._limits.concurrency or not (function.idle or self._add_container(function)):
            self._outcome.throttled += 1
            return False
        if function.idle:
            function.idle -= 1
        else:
            seconds += self._limits.cold_seconds
        function.busy += 1

        def end_run() -> None:
            function.busy -= 1
            function.idle += 1
            done()

        self._after(seconds, end_run)
        return True

    def _add_container(self, function: _Function) -> bool:
        more = (self._now - function.updated_at) * _NEW_CONTAINERS_PER_SECOND
        function.new_containers = min(_MAX_NEW_CONTAINERS, function.new_containers + more)
        function.updated_at = self._now
        if function.new_containers < 1:
            return False
        function.new_containers -= 1
        return True

    # ------------------------------------------------------------- the pipeline

    def _arrive(self) -> None:
        self._in_flight += 1
        self._notify(1.0)

    def _notify(self, delay: float) -> None:
        """Invokes s3_event asynchronously. Lambda keeps and retries a throttled event."""
        if not self._start_run("s3_event", self._functions["s3_event"].seconds, self._enqueue):
            next_delay = min(2 * delay, _MAX_ASYNC_SECONDS)
            self._after(self._rng.uniform(delay / 2, delay), lambda: self._notify(next_delay))

    def _enqueue(self) -> None:
        self._queue.append(self._now)
        self._poll()

    def _poll(self) -> None:
        """The queue's trigger: as many concurrent batches as it may have by now."""
        if self._queue and self._backlog_since is None:
            self._backlog_since = self._now
        while self._queue and self._batches < self._max_batches():
            size = min(_BATCH_SIZE, len(self._queue))
            messages = [self._queue.popleft() for _ in range(size)]
            self._batches += 1
            self._orchestrate(size, messages)
        if not self._queue:
            self._backlog_since = None

    def _max_batches(self) -> int:
        waited = 0.0 if self._backlog_since is None else self._now - self._backlog_since
        return min(
            self._limits.max_orchestrators, _MAX_BATCHES, int(_FIRST_BATCHES + _MORE_BATCHES_PER_SECOND * waited)
        )

    def _orchestrate(self, size: int, messages: list[float]) -> None:
        def done() -> None:
            self._batches -= 1
            for _ in range(size):
                self._step(0, 0)
            self._poll()

        if not self._start_run("orchestrator", size * self._functions["orchestrator"].seconds, done):
            # The trigger keeps the batch and retries later.
            self._after(self._rng.uniform(0.5, 1.5), lambda: self._orchestrate(size, messages))

    def _step(self, index: int, attempt: int) -> None:
        if index == len(STEPS):
            self._in_flight -= 1
            self._completed += 1
            return
        name, retry = STEPS[index], self._limits.retry
        if self._start_run(name, self._functions[name].seconds, lambda: self._step(index + 1, 0)):
            return
        if attempt == retry.attempts:
            self._in_flight -= 1
            self._outcome.failed += 1
            return
        max_delay = min(retry.interval * retry.backoff**attempt, retry.max_delay)
        self._after(self._rng.uniform(0, max_delay), lambda: self._step(index, attempt + 1))

    # ------------------------------------------------------------ the outcome

    def _record_second(self) -> None:
        self._poll()
        outcome = self._outcome
        outcome.queued.append(len(self._queue))
        outcome.oldest.append(self._now - self._queue[0] if self._queue else 0.0)
        outcome.busy.append(sum(each.busy for each in self._functions.values()))
        for name, each in self._functions.items():
            outcome.by_function[name].append(each.busy)
        outcome.completed.append(self._completed)
