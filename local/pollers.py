"""Lambda's event source mappings: poll queues and streams, deliver batches, retry, send dead letters."""

import base64
import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.exceptions import QueueDoesNotExist, ReceiptHandleIsInvalid
from moto.sqs.models import sqs_backends

from local import background
from local.async_invocations import dead_letter, send_to_queue
from local.aws import ACCOUNT, REGION
from local.clock import Clock
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
        self._thread = threading.Thread(target=self._poll, name=f"poll {queue}", daemon=True)

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
            event = {"Records": [_queue_record(each, self._queue.queue_arn) for each in messages]}
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


def _queue_record(message: Any, arn: str) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    trace = message.system_attributes.get("AWSTraceHeader")
    if trace:
        attributes["AWSTraceHeader"] = trace["StringValue"]
    record = {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _message_attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }
    if message.message_attributes:
        record["md5OfMessageAttributes"] = message.attribute_md5
    return record


def _message_attribute(value: dict[str, Any]) -> dict[str, Any]:
    binary = value.get("BinaryValue")
    if isinstance(binary, bytes):
        binary = base64.b64encode(binary).decode()
    values = {"stringValue": value.get("StringValue"), "binaryValue": binary}
    return {name: each for name, each in values.items() if each is not None} | {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }


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
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=f"stream {table}", daemon=True)

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
                records = self._shard.items[self.position : self.position + batch_size]
                self.is_delivering = True
                self._deliver(records, mapping)
                if self._stopping.is_set():
                    return
                self.position += len(records)
                self.is_delivering = False
                CHANGES.mark("work")

    def _deliver(self, records: list[Any], mapping: Any) -> None:
        outcome = self._invoke(records, mapping)
        if not outcome.errored:
            return
        if len(records) > 1 and mapping.bisect_on_error:
            half = len(records) // 2
            self._deliver(records[:half], mapping)
            self._deliver(records[half:], mapping)
            return
        retries = mapping.max_retry_attempts if mapping.max_retry_attempts is not None else 10_000
        attempts = 1
        while attempts <= retries and outcome.errored and not self._stopping.is_set():
            self._clock.sleep(2.0 ** min(attempts - 1, 6), self._stopping.is_set)
            outcome = self._invoke(records, mapping)
            attempts += 1
        if outcome.errored and not self._stopping.is_set():
            self._send_to_destination(records, mapping, outcome, attempts)

    def _invoke(self, records: list[Any], mapping: Any) -> Outcome:
        event = {"Records": [_stream_record(each, mapping.event_source_arn) for each in records]}
        return self._function.invoke(json.dumps(event).encode())

    def _send_to_destination(self, records: list[Any], mapping: Any, outcome: Outcome, attempts: int) -> None:
        target = ((mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
        if not target:
            return
        message = dead_letter(self._function, "RetryAttemptsExhausted", attempts, outcome, self._clock.now())
        first, last = records[0].to_json()["dynamodb"], records[-1].to_json()["dynamodb"]
        # As on AWS, the message has the records' numbers and not their contents.
        message["DDBStreamBatchInfo"] = {
            "shardId": self._shard.id,
            "startSequenceNumber": str(first["SequenceNumber"]),
            "endSequenceNumber": str(last["SequenceNumber"]),
            "approximateArrivalOfFirstRecord": _iso(first["ApproximateCreationDateTime"]),
            "approximateArrivalOfLastRecord": _iso(last["ApproximateCreationDateTime"]),
            "batchSize": len(records),
            "streamArn": mapping.event_source_arn,
        }
        send_to_queue(target, json.dumps(message))


def _stream_record(item: Any, arn: str) -> dict[str, Any]:
    record: dict[str, Any] = item.to_json()
    details = dict(record["dynamodb"])
    created = details.get("ApproximateCreationDateTime")
    if isinstance(created, datetime):
        details["ApproximateCreationDateTime"] = _in_utc(created).timestamp()
    return record | {"dynamodb": details, "eventSourceARN": arn, "awsRegion": REGION}


def _iso(created: Any) -> str:
    return _in_utc(created).strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(created, datetime) else str(created)


def _in_utc(created: datetime) -> datetime:
    """moto's times have no zone, and are in UTC."""
    return created.replace(tzinfo=UTC)


Poller = QueuePoller | StreamPoller
