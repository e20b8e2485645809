"""Lambda's event source mappings: poll queues and streams, deliver batches, retry, send dead letters."""

import contextlib
import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.exceptions import QueueDoesNotExist, ReceiptHandleIsInvalid
from moto.sqs.models import sqs_backends

from local import background
from local.async_invocations import dead_letter, send_to_queue
from local.aws import ACCOUNT, REGION
from local.clock import Clock
from local.event_records import iso, queue_record, stream_record
from local.functions import Function, Outcome
from local.moto_patches.sqs import RECEIVED_BY_FUNCTIONS
from local.state.changes import CHANGES

# Parallel runs of a queue's function, if its trigger does not set maximum_concurrency.
DEFAULT_CONCURRENCY = 2
# In seconds: how long to wait for a notification before looking again, and between looks at a stream.
MAX_WAIT = 1.0
STREAM_INTERVAL = 0.2


def _enabled_mapping(uuid: str) -> Any:
    """The mapping in Lambda; None if it is disabled or gone."""
    mapping = lambda_backends[ACCOUNT][REGION].get_event_source_mapping(uuid)
    return mapping if mapping is not None and mapping.enabled else None


class QueuePoller:
    """The event source mapping of one queue."""

    def __init__(self, clock: Clock, function: Function, queue: str, mapping: str, concurrency: int | None) -> None:
        self._clock = clock
        self._function = function
        self.queue = queue
        self._mapping = mapping
        self._stopping = False
        self._slots = threading.Semaphore(concurrency or DEFAULT_CONCURRENCY)
        self._runs = ThreadPoolExecutor(max_workers=concurrency or DEFAULT_CONCURRENCY, thread_name_prefix=queue)
        self._thread = background.Loop(f"poll {queue}", self._poll)

    @property
    def _queue(self) -> Any:
        return sqs_backends[ACCOUNT][REGION].get_queue(self.queue)

    def start(self) -> None:
        """Start delivering."""
        self._thread.start()
        self._clock.on_advance(self._wake)

    def stop(self) -> None:
        """Stop delivering; received messages return to the queue after their visibility timeout."""
        self._stopping = True
        self._slots.release()
        self._wake()
        with self._clock.moved:
            self._clock.moved.notify_all()

    def join(self) -> None:
        """Wait until all runs have ended."""
        if self._thread.is_alive():
            self._thread.join()
            self._clock.off_advance(self._wake)
        self._runs.shutdown(cancel_futures=True)

    def _wake(self) -> None:
        # The poller of a deleted queue looks again by itself.
        with contextlib.suppress(QueueDoesNotExist):
            queue = self._queue
            with queue._messages_lock:
                queue._messages_lock.notify_all()

    def _poll(self) -> None:
        while True:
            self._slots.acquire()
            messages = self._receive()
            if self._stopping:
                return
            background.submit(self._runs, self._deliver, messages)

    def _receive(self) -> list[Any]:
        """Wait for messages and take a batch of them."""
        queue = self._queue
        while not self._stopping:
            with queue._messages_lock:
                queue._messages_lock.wait_for(lambda: self._stopping or queue.messages, timeout=MAX_WAIT)
            mapping = _enabled_mapping(self._mapping)
            if mapping is None:
                with self._clock.moved:
                    self._clock.moved.wait(MAX_WAIT / 4)
                continue
            if self._stopping:
                break
            if messages := self._take_batch(queue, mapping.batch_size or 10):
                return messages
        return []

    def _take_batch(self, queue: Any, size: int) -> list[Any]:
        with CHANGES.making():
            messages: list[Any] = sqs_backends[ACCOUNT][REGION].receive_message(
                self.queue, size, 0, queue.visibility_timeout, ["All"]
            )
            RECEIVED_BY_FUNCTIONS.update(each.id for each in messages)
        return messages

    def _deliver(self, messages: list[Any]) -> None:
        try:
            event = {"Records": [queue_record(each, self._queue.queue_arn) for each in messages]}
            outcome = self._function.invoke(json.dumps(event).encode())
            with CHANGES.making():
                for message in self._handled(messages, outcome):
                    with contextlib.suppress(ReceiptHandleIsInvalid):
                        self._queue.delete_message(message.receipt_handle)
                RECEIVED_BY_FUNCTIONS.difference_update(each.id for each in messages)
                CHANGES.mark("sqs")
        finally:
            self._slots.release()

    def _handled(self, messages: list[Any], outcome: Outcome) -> list[Any]:
        """The messages to delete: those of a successful run that it does not report in batchItemFailures."""
        if outcome.errored:
            return []
        mapping = _enabled_mapping(self._mapping)
        if mapping is None or "ReportBatchItemFailures" not in (mapping.function_response_types or []):
            return messages
        response = outcome.value()
        failures = response.get("batchItemFailures", []) if isinstance(response, dict) else []
        failed = {each.get("itemIdentifier") for each in failures}
        return [each for each in messages if each.id not in failed] if failed <= {each.id for each in messages} else []


class StreamPoller:
    """The event source mapping of one table's stream: in order, one batch at a time."""

    def __init__(self, clock: Clock, function: Function, table: str, mapping: str, window: float = 0) -> None:
        """`window` is how long an incomplete batch waits for more records, in seconds."""
        self._clock = clock
        self._function = function
        self.table = table
        self._window = window
        self._mapping = mapping
        self.position = 0
        self.is_delivering = False
        # By place in the stream: when the record was first seen, on the machine's clock.
        self._arrived: list[float] = []
        self._stopping = threading.Event()
        self._thread = background.Loop(f"stream {table}", self._poll)

    @property
    def _shard(self) -> Any:
        return dynamodb_backends[ACCOUNT][REGION].get_table(self.table).stream_shard

    def start(self) -> None:
        """Start delivering."""
        self._thread.start()

    def stop(self) -> None:
        """Stop delivering."""
        self._stopping.set()
        with self._clock.moved:
            self._clock.moved.notify_all()

    def join(self) -> None:
        """Wait until all runs have ended."""
        if self._thread.is_alive():
            self._thread.join()

    def is_behind(self) -> bool:
        """Whether it delivers records, or is about to."""
        return self.is_delivering or (self.waiting() > 0 and _enabled_mapping(self._mapping) is not None)

    def waiting(self) -> int:
        """How many records are not delivered yet."""
        return len(self._shard.items) - self.position

    def _poll(self) -> None:
        while not self._stopping.wait(STREAM_INTERVAL):
            mapping = _enabled_mapping(self._mapping)
            while mapping is not None and self.waiting() > 0 and not self._stopping.is_set():
                batch_size = mapping.batch_size or 100
                if self.waiting() < batch_size:
                    self._stopping.wait(self._window)
                self._note_arrivals()
                records = self._shard.items[self.position : self.position + batch_size]
                self.is_delivering = True
                self._deliver(self.position, records, mapping)
                if self._stopping.is_set():
                    return
                self.position += len(records)
                self.is_delivering = False
                CHANGES.mark("work")

    def _deliver(self, first: int, records: list[Any], mapping: Any) -> None:
        """Delivers the records that begin at the place `first` of the stream, until they are handled or given up."""
        outcome = self._invoke(records, mapping)
        if not outcome.errored:
            return
        if len(records) > 1 and mapping.bisect_on_error:
            half = len(records) // 2
            self._deliver(first, records[:half], mapping)
            self._deliver(first + half, records[half:], mapping)
            return
        most = mapping.max_retry_attempts
        retries = math.inf if most in (None, -1) else most
        attempts = 1
        while attempts <= retries and outcome.errored and not self._stopping.is_set():
            self._clock.sleep(2.0 ** min(attempts - 1, 6), self._stopping.is_set)
            self._note_arrivals()
            if self._is_too_old(first, mapping):
                self._send_to_destination(records, mapping, outcome, attempts, "RecordAgeExceeded")
                return
            outcome = self._invoke(records, mapping)
            attempts += 1
        if outcome.errored and not self._stopping.is_set():
            self._send_to_destination(records, mapping, outcome, attempts, "RetryAttemptsExhausted")

    def _note_arrivals(self) -> None:
        """Notes when records came: a record has a time of its own, but a test may have moved the clock since."""
        self._arrived += [self._clock.now()] * (len(self._shard.items) - len(self._arrived))

    def _is_too_old(self, place: int, mapping: Any) -> bool:
        most = mapping.max_record_age
        return most not in (None, -1) and self._clock.now() - self._arrived[place] > most

    def _invoke(self, records: list[Any], mapping: Any) -> Outcome:
        event = {"Records": [stream_record(each, mapping.event_source_arn) for each in records]}
        return self._function.invoke(json.dumps(event).encode())

    def _send_to_destination(
        self, records: list[Any], mapping: Any, outcome: Outcome, attempts: int, condition: str
    ) -> None:
        target = ((mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
        if not target:
            return
        message = dead_letter(self._function, condition, attempts, outcome, self._clock.now())
        first, last = records[0].to_json()["dynamodb"], records[-1].to_json()["dynamodb"]
        # As on AWS, the message has the records' numbers and not their contents.
        message["DDBStreamBatchInfo"] = {
            "shardId": self._shard.id,
            "startSequenceNumber": str(first["SequenceNumber"]),
            "endSequenceNumber": str(last["SequenceNumber"]),
            "approximateArrivalOfFirstRecord": iso(first["ApproximateCreationDateTime"]),
            "approximateArrivalOfLastRecord": iso(last["ApproximateCreationDateTime"]),
            "batchSize": len(records),
            "streamArn": mapping.event_source_arn,
        }
        send_to_queue(target, json.dumps(message))


Poller = QueuePoller | StreamPoller
