"""Delivers messages and stream records like Lambda, but only when a test says so. The rest is in progress."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.deploy.aws import REGION
from tests.deploy.expected import STREAMS
from tests.deploy.upgrade.stage import Stage

# By queue: its function, and the batch size.
QUEUES = {"uploads": ("orchestrator", 10), "actions": ("action_worker", 1)}
_TABLES = {function: table.removeprefix("darkroom-prod-") for function, (table, *_) in STREAMS.items()}


@dataclass
class Triggers:
    """The queues and streams of the stage, and the positions in the streams."""

    stage: Stage
    _read: dict[str, int] = field(default_factory=dict)

    # ---------------------------------------------------------------------------- queues

    def deliver(self, queue: str) -> int:
        """Invokes a queue's function with a batch; returns the number of messages. Raises the function's error."""
        function, most = QUEUES[queue]
        url, sqs = self.stage.queue(queue), self.stage.aws.client("sqs")
        asked = {"MaxNumberOfMessages": most, "AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        messages = sqs.receive_message(QueueUrl=url, **asked).get("Messages", [])
        if not messages:
            return 0
        records = [_queue_record(each, queue) for each in messages]
        answer, fault = self.stage.invoke(function, {"Records": records})
        assert fault is None, (function, answer, [each["body"] for each in records])
        for each in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return len(messages)

    # --------------------------------------------------------------------------- streams

    def behind(self, function: str) -> list[dict[str, Any]]:
        """The unread records of a stream that pass the trigger's filter."""
        *_, events = STREAMS[function]
        records = self._records(function)[self._read.get(function, 0) :]
        return [each for each in records if not events or each["eventName"] in events]

    def catch_up(self, function: str) -> int:
        """Invokes a stream's function with all unread records, in batches; returns their number."""
        end, records = len(self._records(function)), self.behind(function)
        _, size, *_ = STREAMS[function]
        for first in range(0, len(records), size):
            answer, fault = self.stage.invoke(function, {"Records": records[first : first + size]})
            assert fault is None, (function, answer)
        self._read[function] = end
        return len(records)

    def _records(self, function: str) -> list[dict[str, Any]]:
        """All records of the table's stream, the oldest first."""
        name, aws = f"darkroom-dev-{_TABLES[function]}", self.stage.aws
        arn = aws.client("dynamodb").describe_table(TableName=name)["Table"]["LatestStreamArn"]
        streams = aws.client("dynamodbstreams")
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        at: str | None = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: list[dict[str, Any]] = []
        while at is not None:
            page = streams.get_records(ShardIterator=at)
            if not page["Records"]:
                break
            found += page["Records"]
            at = page.get("NextShardIterator")
        return [_stream_record(each, arn) for each in found]

    # ---------------------------------------------------------------------------- both

    def run_dry(self) -> None:
        """Delivers until all queues and streams are empty, including what the runs add."""
        while any([*map(self.deliver, QUEUES), *map(self.catch_up, STREAMS)]):
            pass


def _queue_record(message: dict[str, Any], queue: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:darkroom-dev-{queue}",
        "awsRegion": REGION,
    }


def _stream_record(record: dict[str, Any], arn: str) -> dict[str, Any]:
    details = dict(record["dynamodb"])
    created = details["ApproximateCreationDateTime"]
    if isinstance(created, datetime):
        details["ApproximateCreationDateTime"] = created.timestamp()
    return {**record, "dynamodb": details, "eventSourceARN": arn, "awsRegion": REGION}
