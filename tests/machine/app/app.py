"""A little application for tests: its functions fail, crash and hang when a test wants it.

Every run is written into the daily table. A run whose event contains the word fail-NAME fails as long as the table has
a row for that word. A run whose event contains the word forever never ends.
"""

import json
import os
import re
import signal
import time

import boto3
from chalice import Chalice

app = Chalice(app_name="tiny")

BUCKET = os.environ.get("S3_INPUT_BUCKET", "placeholder")
TOPIC = os.environ.get("SNS_TOPIC_ARN", "placeholder")
QUEUE = os.environ.get("SQS_QUEUE_URL", "placeholder").rsplit("/", 1)[-1]
STREAM = os.environ.get("IMAGES_STREAM_ARN", "arn:aws:dynamodb:us-east-1:123456789012:table/none/stream/none")


def _note(name, event):
    """Write the run into the table, then fail if the event contains a failing word."""
    table = boto3.resource("dynamodb").Table(os.environ["DAILY_TABLE"])
    text = json.dumps(event)
    words = sorted(set(re.findall(r"fail-\w+", text)))
    # Read before the run is visible: a test that has seen it may stop the failing at once.
    failing = [word for word in words if "Item" in table.get_item(Key={"scope": "fails", "day#what": word})]
    table.put_item(Item={"scope": f"run#{name}", "day#what": f"{time.time_ns()}", "event": text})
    if "forever" in text:
        signal.pause()
    if failing:
        raise ValueError(f"told to {failing[0]}")


@app.route("/health")
def health():
    return {"success": True}


@app.route("/echo/{word}", methods=["GET", "POST"], cors=True)
def echo(word):
    return {"word": word, "body": app.current_request.json_body if app.current_request.raw_body else None}


@app.on_s3_event(bucket=BUCKET, events=["s3:ObjectCreated:*"], prefix="uploads/")
def uploaded(event):
    _note("uploaded", event.to_dict())


@app.on_sqs_message(queue=QUEUE, batch_size=10)
def queued(event):
    _note("queued", event.to_dict())


@app.on_dynamodb_record(stream_arn=STREAM, batch_size=10)
def changed(event):
    _note("changed", event.to_dict())


@app.on_sns_message(topic=TOPIC)
def announced(event):
    _note("announced", event.to_dict())


@app.schedule("rate(10 minutes)")
def ticked(event):
    # A rule's event cannot contain a test's word.
    _note("ticked", event.to_dict() | {"word": "fail-ticked"})


@app.schedule("cron(30 4 ? * MON-FRI *)")
def rang(event):
    _note("rang", event.to_dict())


@app.lambda_function()
def validation(event, context):
    return {**event, "seen": ["validation"]}


@app.lambda_function()
def resize(event, context):
    return {**event, "seen": [*event["seen"], "resize"]}


@app.lambda_function()
def watermark(event, context):
    record = {"variants": {"L": []}, "metadata": {"M": {}}, "placeholder": {"S": "#000000"}, "recipe": {"S": "r"}}
    return {**event, "seen": [*event["seen"], "watermark"], "record": record, "written": []}


@app.lambda_function()
def stuck(event, context):
    """Never ends."""
    signal.pause()


@app.lambda_function()
def obedient(event, context):
    """Does what the event says."""
    action = event.get("do")
    if action == "exit":
        os._exit(3)
    if action == "raise":
        raise KeyError("missing")
    if action == "return a set":
        return {1, 2}
    if action == "wait":
        with open(event["started"], "w") as pipe:
            pipe.write(str(os.getpid()))
        with open(event["go"]) as pipe:
            pipe.read()
    return {"pid": os.getpid(), "environment": dict(os.environ), "context": _as_dict(context)}


def _as_dict(context):
    return {
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "request": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "log": [context.log_group_name, context.log_stream_name],
    }
