"""Asynchronous invocations (S3, SNS, Event) with Lambda's retries and dead-letter destinations."""

import heapq
import itertools
import json
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.sqs.models import sqs_backends

from local import background
from local.aws import ACCOUNT, REGION
from local.clock import Clock
from local.functions import Function, Outcome
from local.state.changes import CHANGES

# Lambda waits one minute before the first retry and two before the second.
DELAYS = (60.0, 120.0)
DEFAULT_RETRIES = 2
DEFAULT_MAX_AGE_SECONDS = 21600


@dataclass(order=True)
class _Event:
    due: float
    order: int
    function: Function = field(compare=False)
    payload: bytes = field(compare=False)
    request_id: str = field(compare=False)
    accepted: float = field(compare=False)
    attempts: int = field(default=0, compare=False)


class AsyncInvocations:
    """The queue of events and the threads that run them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[_Event] = []
        # Those that run too, by request id.
        self._unfinished: dict[str, _Event] = {}
        self._numbers = itertools.count()
        self._stopping = False
        self._runs = ThreadPoolExecutor(max_workers=32, thread_name_prefix="async")
        self._thread = background.Loop("async", self._dispatch)

    def start(self) -> None:
        """Start running events."""
        self._thread.start()

    def stop(self) -> None:
        """Start no more runs."""
        with self._clock.moved:
            self._stopping = True
            self._clock.moved.notify_all()

    def join(self) -> None:
        """Wait until all runs have ended."""
        if self._thread.is_alive():
            self._thread.join()
        self._runs.shutdown(cancel_futures=True)

    def submit(self, function: Function, payload: bytes) -> None:
        """Accept an event; it runs as soon as a worker is free."""
        now = self._clock.now()
        with CHANGES.making():
            self._enqueue(_Event(now, next(self._numbers), function, payload, str(uuid.uuid4()), now))

    def waiting(self) -> int:
        """How many events wait for their first run or for a retry."""
        return len(self._waiting)

    def is_running(self) -> bool:
        """Whether a run is in progress."""
        with self._clock.moved:
            return len(self._unfinished) > len(self._waiting)

    def next_due(self) -> float | None:
        """When the first of those that wait runs, in seconds since the epoch; None: none waits."""
        with self._clock.moved:
            return self._waiting[0].due if self._waiting else None

    def unfinished(self) -> dict[str, Any]:
        """The events that are not handled yet, by request id, for `restore`."""
        return {
            each.request_id: {
                "function": each.function.name,
                "payload": each.payload.decode(),
                "accepted": each.accepted,
                "attempts": each.attempts,
                "due": each.due,
            }
            for each in self._unfinished.values()
        }

    def restore(self, events: Mapping[str, Any], functions: Mapping[str, Function]) -> None:
        """Accept the events of an earlier run once more."""
        for request_id, each in events.items():
            if (function := functions.get(each["function"])) is not None:
                payload, number = each["payload"].encode(), next(self._numbers)
                self._enqueue(
                    _Event(each["due"], number, function, payload, request_id, each["accepted"], each["attempts"])
                )

    def _enqueue(self, event: _Event) -> None:
        with self._clock.moved:
            self._unfinished[event.request_id] = event
            heapq.heappush(self._waiting, event)
            self._clock.moved.notify_all()
        CHANGES.mark("work")

    def _dispatch(self) -> None:
        while True:
            with self._clock.moved:
                while not self._stopping and not self._is_due():
                    self._clock.moved.wait(self._seconds_until_due())
                if self._stopping:
                    return
                event = heapq.heappop(self._waiting)
            background.submit(self._runs, self._run, event)

    def _is_due(self) -> bool:
        return bool(self._waiting) and self._waiting[0].due <= self._clock.now()

    def _seconds_until_due(self) -> float | None:
        return max(0.0, self._waiting[0].due - self._clock.now()) if self._waiting else None

    def _run(self, event: _Event) -> None:
        outcome = event.function.invoke(event.payload, event.request_id)
        if outcome.errored and self._stopping:
            return
        with CHANGES.making():
            event.attempts += 1
            if not outcome.errored or not self._retry(event, outcome):
                del self._unfinished[event.request_id]
            CHANGES.mark("work")

    def _retry(self, event: _Event, outcome: Outcome) -> bool:
        """Whether the event will run again. If not, the destination gets it."""
        settings = _settings(event.function)
        delay = DELAYS[min(event.attempts, len(DELAYS)) - 1]
        if event.attempts > settings["MaximumRetryAttempts"]:
            self._send_to_destination(event, outcome, settings, "RetriesExhausted")
            return False
        if self._clock.now() + delay > event.accepted + settings["MaximumEventAgeInSeconds"]:
            self._send_to_destination(event, outcome, settings, "EventAgeExceeded")
            return False
        event.due = self._clock.now() + delay
        self._enqueue(event)
        return True

    def _send_to_destination(self, event: _Event, outcome: Outcome, settings: dict[str, Any], condition: str) -> None:
        target = settings["DestinationConfig"].get("OnFailure", {}).get("Destination")
        if target:
            message = dead_letter(event.function, condition, event.attempts, outcome, self._clock.now())
            message |= {"requestPayload": json.loads(event.payload), "responsePayload": outcome.value()}
            send_to_queue(target, json.dumps(message))


def _settings(function: Function) -> dict[str, Any]:
    """The function's event-invoke configuration in Lambda, with Lambda's defaults."""
    configured = lambda_backends[ACCOUNT][REGION].get_function(function.lambda_name).event_invoke_config
    values = configured[-1].response() if configured else {}
    defaults = {
        "MaximumRetryAttempts": DEFAULT_RETRIES,
        "MaximumEventAgeInSeconds": DEFAULT_MAX_AGE_SECONDS,
        "DestinationConfig": {},
    }
    return defaults | {name: values[name] for name in defaults if values.get(name) is not None}


def dead_letter(function: Function, condition: str, attempts: int, outcome: Outcome, now: float) -> dict[str, Any]:
    """The common part of what Lambda sends to a failure destination."""
    milliseconds = int(now * 1000) % 1000
    return {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{milliseconds:03d}Z",
        "requestContext": {
            "requestId": outcome.request_id,
            "functionArn": f"{function.arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    }


def send_to_queue(arn: str, body: str) -> None:
    """Send a message to the queue with this ARN."""
    sqs_backends[ACCOUNT][REGION].send_message(arn.rsplit(":", 1)[-1], body)
