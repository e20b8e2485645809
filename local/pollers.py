"""What Lambda does for its event sources: queues and streams are polled, batches delivered, failures kept or parked."""

import base64
import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.exceptions import QueueDoesNotExist, ReceiptHandleIsInvalid
from moto.sqs.models import sqs_backends

from local.asynchronous import context, send_to_queue
from local.clock import Clock
from local.cloud import ACCOUNT, REGION
from local.functions import Function, Outcome

# At most this many runs of one queue's function at a time, where its trigger does not say.
CONCURRENCY = 2
LOOK_AGAIN = 1.0
STREAM_INTERVAL = 0.2


def _mapping(uuid: str) -> Any:
    """The mapping as it stands in Lambda: switched off there, it delivers nothing here."""
    mapping = lambda_backends[ACCOUNT][REGION].get_event_source_mapping(uuid)
    return mapping if mapping is not None and mapping.enabled else None


class QueuePoller:
    """One queue's event source mapping."""

    def __init__(self, clock: Clock, function: Function, queue: str, mapping: str, concurrency: int | None) -> None:
        self._clock = clock
        self._function = function
        self._name = queue
        self._mapping = mapping
        self._stopping = False
        self._slots = threading.Semaphore(concurrency or CONCURRENCY)
        self._runs = ThreadPoolExecutor(max_workers=concurrency or CONCURRENCY, thread_name_prefix=queue)
        self._thread = threading.Thread(target=self._poll, name=f"poll {queue}", daemon=True)

    @property
    def _queue(self) -> Any:
        return sqs_backends[ACCOUNT][REGION].get_queue(self._name)

    def start(self) -> None:
        """Deliver from now on."""
        self._thread.start()
        self._clock.on_advance(self._wake)

    def stop(self) -> None:
        """Deliver nothing more; messages in hand return to the queue in their time."""
        self._stopping = True
        self._slots.release()
        self._wake()
        with self._clock.moved:
            self._clock.moved.notify_all()

    def join(self) -> None:
        """Wait until nothing runs."""
        if self._thread.is_alive():
            self._thread.join()
            self._clock.off_advance(self._wake)
        self._runs.shutdown(cancel_futures=True)

    def _wake(self) -> None:
        # Of a queue that is gone nobody need be woken: its poller looks again by itself.
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
            self._runs.submit(self._deliver, messages)

    def _receive(self) -> list[Any]:
        """Wait for messages and take a batch of them."""
        queue = self._queue
        while not self._stopping:
            with queue._messages_lock:
                queue._messages_lock.wait_for(lambda: self._stopping or queue.messages, timeout=LOOK_AGAIN)
            mapping = _mapping(self._mapping)
            if mapping is None:
                with self._clock.moved:
                    self._clock.moved.wait(LOOK_AGAIN / 4)
                continue
            if self._stopping:
                break
            messages: list[Any] = sqs_backends[ACCOUNT][REGION].receive_message(
                self._name, mapping.batch_size or 10, 0, queue.visibility_timeout, ["All"]
            )
            if messages:
                return messages
        return []

    def _deliver(self, messages: list[Any]) -> None:
        try:
            event = {"Records": [_queue_record(each, self._queue.queue_arn) for each in messages]}
            outcome = self._function.invoke(json.dumps(event).encode())
            for message in self._done(messages, outcome):
                with contextlib.suppress(ReceiptHandleIsInvalid):
                    self._queue.delete_message(message.receipt_handle)
        finally:
            self._slots.release()

    def _done(self, messages: list[Any], outcome: Outcome) -> list[Any]:
        """The messages that Lambda deletes: all of a run that succeeded, or those that it does not report."""
        if outcome.errored:
            return []
        mapping = _mapping(self._mapping)
        if mapping is None or "ReportBatchItemFailures" not in (mapping.function_response_types or []):
            return messages
        answer = outcome.value()
        failures = answer.get("batchItemFailures", []) if isinstance(answer, dict) else []
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
    said = {"stringValue": value.get("StringValue"), "binaryValue": binary}
    return {name: each for name, each in said.items() if each is not None} | {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }


class StreamPoller:
    """One table stream's event source mapping: in order, one batch at a time."""

    def __init__(self, clock: Clock, function: Function, table: str, mapping: str, window: float = 0) -> None:
        """`window` is how long a batch waits for more records, in seconds."""
        self._clock = clock
        self._function = function
        self._table = table
        self._window = window
        self._mapping = mapping
        self._position = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=f"stream {table}", daemon=True)

    @property
    def _shard(self) -> Any:
        return dynamodb_backends[ACCOUNT][REGION].get_table(self._table).stream_shard

    def start(self) -> None:
        """Deliver from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver nothing more."""
        self._stopping.set()
        with self._clock.moved:
            self._clock.moved.notify_all()

    def join(self) -> None:
        """Wait until nothing runs."""
        if self._thread.is_alive():
            self._thread.join()

    def behind(self) -> int:
        """How many records wait."""
        return len(self._shard.items) - self._position

    def _poll(self) -> None:
        while not self._stopping.wait(STREAM_INTERVAL):
            mapping = _mapping(self._mapping)
            while mapping is not None and self.behind() > 0 and not self._stopping.is_set():
                most = mapping.batch_size or 100
                if self.behind() < most:
                    self._stopping.wait(self._window)
                records = self._shard.items[self._position : self._position + most]
                self._deliver(records, mapping)
                self._position += len(records)

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
            self._pause(2.0 ** min(attempts - 1, 6))
            outcome = self._invoke(records, mapping)
            attempts += 1
        if outcome.errored and not self._stopping.is_set():
            self._give_up(records, mapping, outcome, attempts)

    def _invoke(self, records: list[Any], mapping: Any) -> Outcome:
        event = {"Records": [_stream_record(each, mapping.event_source_arn) for each in records]}
        return self._function.invoke(json.dumps(event).encode())

    def _pause(self, seconds: float) -> None:
        due = self._clock.now() + seconds
        with self._clock.moved:
            while not self._stopping.is_set() and self._clock.now() < due:
                self._clock.moved.wait(min(due - self._clock.now(), LOOK_AGAIN))

    def _give_up(self, records: list[Any], mapping: Any, outcome: Outcome, attempts: int) -> None:
        target = ((mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
        if not target:
            return
        record = context(self._function, "RetryAttemptsExhausted", attempts, outcome, self._clock.now())
        first, last = records[0].to_json()["dynamodb"], records[-1].to_json()["dynamodb"]
        # As on AWS it names the records and does not hold them: whoever redrives reads them from the stream.
        record["DDBStreamBatchInfo"] = {
            "shardId": self._shard.id,
            "startSequenceNumber": str(first["SequenceNumber"]),
            "endSequenceNumber": str(last["SequenceNumber"]),
            "approximateArrivalOfFirstRecord": _iso(first["ApproximateCreationDateTime"]),
            "approximateArrivalOfLastRecord": _iso(last["ApproximateCreationDateTime"]),
            "batchSize": len(records),
            "streamArn": mapping.event_source_arn,
        }
        send_to_queue(target, json.dumps(record))


def _stream_record(item: Any, arn: str) -> dict[str, Any]:
    record: dict[str, Any] = item.to_json()
    details = dict(record["dynamodb"])
    created = details.get("ApproximateCreationDateTime")
    if isinstance(created, datetime):
        details["ApproximateCreationDateTime"] = created.timestamp()
    return record | {"dynamodb": details, "eventSourceARN": arn, "awsRegion": REGION}


def _iso(created: Any) -> str:
    return created.strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(created, datetime) else str(created)


Poller = QueuePoller | StreamPoller
