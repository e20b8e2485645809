"""Functions are triggered as on AWS: at least once, again after failures, then as dead letters."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from tests.conftest import Eventually
from tests.machine.conftest import BUCKET, Tiny

IMAGES = "darkroom-tiny-images"


def _send(tiny: Tiny, body: str, **attributes: Any) -> None:
    tiny.client("sqs").send_message(QueueUrl=tiny.resource("UploadsQueue"), MessageBody=body, **attributes)


def _depth(tiny: Tiny) -> tuple[int, int]:
    return tiny.machine.queue_depth(tiny.resource("UploadsQueue"))


def _upload(tiny: Tiny, key: str) -> None:
    tiny.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"picture")


def _ran(tiny: Tiny, name: str, word: str, times: int) -> Callable[[], bool]:
    return lambda: len(tiny.runs(name, word)) == times


# ---------------------------------------------------------------- queues


def test_a_message_has_the_shape_of_sqs_and_is_deleted(tiny: Tiny, eventually: Eventually) -> None:
    word = uuid.uuid4().hex
    _send(tiny, word, MessageAttributes={"colour": {"DataType": "String", "StringValue": "red"}})
    (run,) = eventually(lambda: tiny.runs("queued", word))
    record = next(each for each in run["Records"] if each["body"] == word)
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:darkroom-tiny-uploads"
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"].isdigit()
    assert record["messageAttributes"]["colour"]["stringValue"] == "red"
    assert record["messageAttributes"]["colour"]["dataType"] == "String"
    assert len(record["md5OfBody"]) == 32
    assert record["messageId"]
    assert record["receiptHandle"]
    eventually(lambda: _depth(tiny) == (0, 0))


def test_a_message_returns_after_a_failed_run(tiny: Tiny, eventually: Eventually) -> None:
    word = tiny.failing_word()
    _send(tiny, word)
    eventually(lambda: len(tiny.runs("queued", word)) == 1)
    assert _depth(tiny) == (0, 1)
    tiny.stop_failing(word)
    tiny.clock.advance(361)
    _, second = eventually(lambda: len(runs := tiny.runs("queued", word)) == 2 and runs)
    assert second["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"
    eventually(lambda: _depth(tiny) == (0, 0))


def test_a_message_that_always_fails_goes_to_the_dead_letters(tiny: Tiny, eventually: Eventually) -> None:
    word = tiny.failing_word()
    _send(tiny, word)
    for times in range(1, 6):
        eventually(_ran(tiny, "queued", word, times))
        tiny.clock.advance(361)
    assert eventually(lambda: tiny.dead_letter("UploadsDeadLetterQueue", word)) == word
    assert len(tiny.runs("queued", word)) == 5
    assert _depth(tiny) == (0, 0)


def test_many_messages_come_in_batches_and_none_is_lost(tiny: Tiny, eventually: Eventually) -> None:
    word = uuid.uuid4().hex
    url = tiny.resource("UploadsQueue")
    for start in range(0, 60, 10):
        entries = [{"Id": str(each), "MessageBody": f"{word}-{each}"} for each in range(start, start + 10)]
        tiny.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    eventually(lambda: _depth(tiny) == (0, 0))
    sizes = [len(run["Records"]) for run in tiny.runs("queued", word)]
    assert sum(sizes) == 60
    assert max(sizes) <= 10


def test_a_disabled_mapping_delivers_nothing(tiny: Tiny, eventually: Eventually) -> None:
    functions, word = tiny.client("lambda"), uuid.uuid4().hex
    (mapping,) = functions.list_event_source_mappings(FunctionName="darkroom-tiny-queued")["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        _send(tiny, word)
        eventually(lambda: _depth(tiny) == (1, 0))
        assert tiny.runs("queued", word) == []
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    eventually(lambda: len(tiny.runs("queued", word)) == 1)


# ---------------------------------------------------------------- asynchronous invocations


def test_an_upload_triggers_the_function_of_its_prefix(tiny: Tiny, eventually: Eventually) -> None:
    word = uuid.uuid4().hex
    _upload(tiny, f"elsewhere/{word}.jpg")
    _upload(tiny, f"uploads/{word}.jpg")
    (run,) = eventually(lambda: tiny.runs("uploaded", word))
    assert run["Records"][0]["s3"]["object"]["key"] == f"uploads/{word}.jpg"


def test_an_event_is_retried_after_one_and_two_minutes(tiny: Tiny, eventually: Eventually) -> None:
    word = tiny.failing_word()
    _upload(tiny, f"uploads/{word}.jpg")
    for times, delay in ((1, 61), (2, 121)):
        eventually(_ran(tiny, "uploaded", word, times))
        eventually(lambda: tiny.machine.events_waiting() == 1)
        tiny.clock.advance(delay)
    letter = eventually(lambda: tiny.dead_letter("S3EventDeadLetterQueue", word))
    assert len(tiny.runs("uploaded", word)) == 3
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert letter["requestContext"]["approximateInvokeCount"] == 3
    assert letter["requestContext"]["functionArn"].endswith(":function:darkroom-tiny-uploaded:$LATEST")
    assert word in letter["requestPayload"]["Records"][0]["s3"]["object"]["key"]
    assert letter["responseContext"]["functionError"] == "Unhandled"
    assert letter["responsePayload"]["errorType"] == "ValueError"


def test_a_retry_that_succeeds_is_the_last(tiny: Tiny, eventually: Eventually) -> None:
    word = tiny.failing_word()
    _upload(tiny, f"uploads/{word}.jpg")
    eventually(lambda: len(tiny.runs("uploaded", word)) == 1 and tiny.machine.events_waiting() == 1)
    tiny.stop_failing(word)
    tiny.clock.advance(61)
    eventually(lambda: len(tiny.runs("uploaded", word)) == 2)
    eventually(lambda: tiny.machine.events_waiting() == 0)


def test_an_event_invocation_answers_before_it_runs(tiny: Tiny, eventually: Eventually) -> None:
    word = uuid.uuid4().hex
    event: Any = {"Records": [{"Sns": {"Message": word, "Subject": None, "MessageAttributes": {}}}]}
    response = tiny.client("lambda").invoke(
        FunctionName="darkroom-tiny-announced", InvocationType="Event", Payload=json.dumps(event)
    )
    assert response["StatusCode"] == 202
    assert response["Payload"].read() == b""
    eventually(lambda: len(tiny.runs("announced", word)) == 1)


def test_a_notification_has_the_shape_of_sns(tiny: Tiny, eventually: Eventually) -> None:
    word = uuid.uuid4().hex
    topic = tiny.resource("NotificationsTopic")
    sent = tiny.client("sns").publish(
        TopicArn=topic,
        Message=word,
        Subject="news",
        MessageAttributes={"status": {"DataType": "String", "StringValue": "COMPLETED"}},
    )
    (run,) = eventually(lambda: tiny.runs("announced", word))
    record = run["Records"][0]
    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"].startswith(topic)
    assert record["Sns"]["TopicArn"] == topic
    assert record["Sns"]["MessageId"] == sent["MessageId"]
    assert record["Sns"]["Subject"] == "news"
    assert record["Sns"]["MessageAttributes"] == {"status": {"Type": "String", "Value": "COMPLETED"}}


# ---------------------------------------------------------------- streams


def _put(tiny: Tiny, image: str, note: str = "") -> None:
    item = {"userId": {"S": "stream"}, "imageId": {"S": image}, "note": {"S": note}}
    tiny.client("dynamodb").put_item(TableName=IMAGES, Item=item)


def test_changes_arrive_in_order_with_both_images(tiny: Tiny, eventually: Eventually) -> None:
    word = uuid.uuid4().hex
    _put(tiny, word, "one")
    _put(tiny, word, "two")
    tiny.client("dynamodb").delete_item(TableName=IMAGES, Key={"userId": {"S": "stream"}, "imageId": {"S": word}})

    def records() -> list[Any]:
        return [each for run in tiny.runs("changed", word) for each in run["Records"]]

    eventually(lambda: len(records()) == 3)
    assert [each["eventName"] for each in records()] == ["INSERT", "MODIFY", "REMOVE"]
    change = records()[1]["dynamodb"]
    assert (change["OldImage"]["note"]["S"], change["NewImage"]["note"]["S"]) == ("one", "two")
    assert isinstance(change["ApproximateCreationDateTime"], float)
    assert f"table/{IMAGES}/stream/" in records()[1]["eventSourceARN"]


def test_a_record_that_always_fails_is_isolated_as_a_dead_letter(tiny: Tiny, eventually: Eventually) -> None:
    good, bad = uuid.uuid4().hex, tiny.failing_word()
    _put(tiny, f"{good}-before")
    _put(tiny, bad)
    _put(tiny, f"{good}-after")

    def all_delivered() -> bool:
        """Advance the clock, which each retry waits for."""
        tiny.clock.advance(5)
        return tiny.machine.records_waiting("changed") == 0

    eventually(all_delivered)
    letter = eventually(lambda: tiny.dead_letter("ImageChangesDeadLetterQueue", "DDBStreamBatchInfo"))
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["requestContext"]["approximateInvokeCount"] == 3
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1
    assert f"table/{IMAGES}/stream/" in letter["DDBStreamBatchInfo"]["streamArn"]
    records = [each for run in tiny.runs("changed", good) if bad not in json.dumps(run) for each in run["Records"]]
    assert {each["dynamodb"]["Keys"]["imageId"]["S"] for each in records} == {f"{good}-before", f"{good}-after"}
