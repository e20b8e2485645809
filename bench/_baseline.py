"""The plain architecture, as it is often drawn, to be run beside ours on the same embedded AWS.

An upload handler, an S3 event handler, an orchestrator, and a Standard workflow of validation, resize and watermark,
each of which opens, decodes and stores for itself and writes its own status. As drawn are its memory, the
two log lines a run and the two custom metrics that each function puts by an API call. Its functions are on x86-64,
Lambda's default. For all else we chose what is cheaper for it: one decode in each function and no
thumbnail more than it needs, no network interfaces, no NAT gateway, no provisioned concurrency.
"""

import io
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from bench._calls import Recorder, stored_bytes
from bench._ours import objects
from bench._taken import Function, Taken, is_billed, taken
from botocore.config import Config
from PIL import Image, ImageDraw, ImageFont

from local.machine import Machine

# MB, as the document sets them.
MEMORY = {
    "plain-upload": 256,
    "plain-s3-event": 512,
    "plain-orchestrator": 512,
    "plain-validation": 1024,
    "plain-resize": 2048,
    "plain-watermark": 1024,
}
# Start, three functions, the status, the notification: what a Standard workflow enters for each image.
TRANSITIONS = 6

_BUCKETS = ("plain-input", "plain-output")
_TABLE = "plain-images"
_SIZES = {"small": (800, 600), "medium": (1200, 900), "large": (1920, 1080)}
_TEXT = "Processed by Image Platform"


class Plain:
    """The six functions, with the CPU seconds and log bytes of each run; they run one after another in this thread."""

    def __init__(self, machine: Machine) -> None:
        self.cpu: dict[str, float] = dict.fromkeys(MEMORY, 0.0)
        self.logged = 0
        self._clients = {name: _clients(machine, name) for name in MEMORY}
        self._aws: Any = self._clients["plain-upload"]
        self._prepare(machine)

    def _prepare(self, machine: Machine) -> None:
        for bucket in _BUCKETS:
            machine.client("s3").create_bucket(Bucket=bucket)
        machine.client("dynamodb").create_table(
            TableName=_TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "imageId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "imageId", "KeyType": "HASH"}],
        )
        self._queue = machine.client("sqs").create_queue(QueueName="plain-uploads")["QueueUrl"]
        self._client = machine.client("s3")

    def process(self, number: int, data: bytes) -> None:
        """Sends one image all the way."""
        image = {
            "imageId": f"img_{number:016x}",
            "userId": "user_12345678-1234-1234-1234-123456789012",
            "s3Key": f"uploads/user_12345678-1234-1234-1234-123456789012/img_{number:016x}.jpg",
            "fileName": "vacation-photo.jpg",
            "fileSize": len(data),
            "fileType": "image/jpeg",
        }
        self._run("plain-upload", self._upload, image)
        self._client.put_object(Bucket=_BUCKETS[0], Key=image["s3Key"], Body=data)
        self._run("plain-s3-event", self._s3_event, image)
        self._run("plain-orchestrator", self._orchestrate, image)
        step = self._run("plain-validation", self._validate, image)
        step = self._run("plain-resize", self._resize, step)
        self._run("plain-watermark", self._watermark, step)

    def _run(self, name: str, handler: Callable[[Mapping[str, Any]], Any], event: Mapping[str, Any]) -> Any:
        self._aws = self._clients[name]
        started = time.thread_time()
        # Lambda puts time, level and request id before a line: 80 bytes.
        self.logged += len(f"Processing event: {json.dumps(event)}") + len("Function completed successfully") + 2 * 80
        answer = handler(event)
        for metric in ("ProcessingTime", "ImagesProcessed"):
            self._aws["cloudwatch"].put_metric_data(
                Namespace="PlainProcessing", MetricData=[{"MetricName": metric, "Value": 1.0, "Unit": "Count"}]
            )
        self.cpu[name] += time.thread_time() - started
        return answer

    # ---------------------------------------------------------------- the functions

    def _upload(self, image: Mapping[str, Any]) -> None:
        self._aws["s3"].generate_presigned_url(
            "put_object", Params={"Bucket": _BUCKETS[0], "Key": image["s3Key"]}, ExpiresIn=3600
        )
        self._track(image, "PENDING")

    def _s3_event(self, image: Mapping[str, Any]) -> None:
        self._aws["s3"].head_object(Bucket=_BUCKETS[0], Key=image["s3Key"])
        self._track(image, "UPLOADED")
        self._aws["sqs"].send_message(QueueUrl=self._queue, MessageBody=json.dumps(image))

    def _orchestrate(self, image: Mapping[str, Any]) -> None:
        # The start of a Standard execution: a call of the same size that the embedded AWS can answer at once.
        self._aws["stepfunctions"].list_state_machines()
        self._track(image, "PROCESSING")

    def _validate(self, image: Mapping[str, Any]) -> dict[str, Any]:
        data = self._read(_BUCKETS[0], image["s3Key"])
        Image.open(io.BytesIO(data)).verify()
        picture = Image.open(io.BytesIO(data))
        picture.load()
        self._track(image, "VALIDATED")
        metadata = {"width": picture.width, "height": picture.height, "format": "JPEG", "colorSpace": "sRGB"}
        return {**image, "validationResult": "valid", "imageMetadata": metadata}

    def _resize(self, image: Mapping[str, Any]) -> dict[str, Any]:
        picture = Image.open(io.BytesIO(self._read(_BUCKETS[0], image["s3Key"]))).convert("RGB")
        made = []
        for name, size in _SIZES.items():
            small = picture.copy()
            small.thumbnail(size, Image.Resampling.LANCZOS)
            key = f"processed/{image['userId']}/{image['imageId']}-{name}.jpg"
            made.append({"size": name, "dimensions": f"{small.width}x{small.height}", "s3Key": key})
            self._write(key, small)
        self._track(image, "RESIZED")
        return {**image, "resizedImages": made}

    def _watermark(self, image: Mapping[str, Any]) -> None:
        for each in image["resizedImages"]:
            picture = Image.open(io.BytesIO(self._read(_BUCKETS[1], each["s3Key"]))).convert("RGB")
            font = ImageFont.load_default(picture.height * 0.03)
            ImageDraw.Draw(picture).text((20, 20), _TEXT, "#FFFFFF", font)
            self._write(each["s3Key"].replace(".jpg", "-watermarked.jpg"), picture)
        self._track(image, "WATERMARKED")

    # ------------------------------------------------------------------------- AWS

    def _read(self, bucket: str, key: str) -> bytes:
        data: bytes = self._aws["s3"].get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    def _write(self, key: str, picture: Image.Image) -> None:
        output = io.BytesIO()
        picture.save(output, "JPEG", quality=85, progressive=True)
        self._aws["s3"].put_object(Bucket=_BUCKETS[1], Key=key, Body=output.getvalue(), ContentType="image/jpeg")

    def _track(self, image: Mapping[str, Any], status: str) -> None:
        item = {name: {"S": str(value)} for name, value in image.items() if not isinstance(value, dict | list)}
        self._aws["dynamodb"].put_item(TableName=_TABLE, Item={**item, "status": {"S": status}})


def _clients(machine: Machine, name: str) -> dict[str, Any]:
    config = Config(user_agent_appid=name, s3={"addressing_style": "path"}, signature_version="v4")
    session = boto3.Session(
        aws_access_key_id=machine.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=machine.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=machine.environment["AWS_DEFAULT_REGION"],
    )
    services = ("s3", "sqs", "dynamodb", "stepfunctions", "cloudwatch")
    s3 = config.merge(Config(signature_version="s3v4"))
    return {
        each: session.client(each, endpoint_url=machine.aws_url, config=s3 if each == "s3" else config)
        for each in services
    }


def measure(machine: Machine, recorder: Recorder, sent: list[bytes], init: float) -> Taken:
    """What the same pictures take of the plain architecture."""
    plain = Plain(machine)
    # With the first, clients are made and codecs loaded.
    plain.process(0, sent[0])
    plain.cpu, plain.logged = dict.fromkeys(MEMORY, 0.0), 0
    stored, kept = _stored(machine), stored_bytes()
    recorder.clear()
    for number, data in enumerate(sent, start=1):
        plain.process(number, data)
    calls = [call for call in recorder.calls if is_billed(call)]
    functions = {
        name: Function(
            memory=memory,
            invocations=len(sent),
            cpu=plain.cpu[name],
            calls=Counter(f"{call.service}:{call.operation}" for call in calls if call.caller == name),
            begins_traces=name in ("plain-upload", "plain-s3-event"),
        )
        for name, memory in MEMORY.items()
    }
    return taken(
        len(sent),
        functions,
        calls,
        log_bytes=plain.logged,
        object_bytes=_stored(machine) - stored,
        item_bytes=stored_bytes() - kept,
        init=init,
    )


def _stored(machine: Machine) -> int:
    return sum(each["Size"] for bucket in _BUCKETS for each in objects(machine, bucket))
