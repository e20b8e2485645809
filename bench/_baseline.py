"""The baseline architecture, a common design for the same task, measured on the same embedded AWS.

An upload handler, an S3 event handler, an orchestrator, and a Standard workflow of validation, resize and watermark.
Each step opens, decodes and stores the image again and writes its own status. Each run writes two log lines, and two
custom metrics by API calls. The functions run on x86-64, Lambda's default. Everything else is the cheaper choice: one
decode per function, no extra thumbnail, no network interfaces, no NAT gateway, no provisioned concurrency.
"""

import io
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from PIL import Image, ImageDraw, ImageFont

from bench._aws_calls import Recorder, stored_bytes
from bench._darkroom import objects
from bench._usage import FunctionUsage, Usage, is_billed, usage_of
from local.machine import Machine

# In MB.
MEMORY = {
    "baseline-upload": 256,
    "baseline-s3-event": 512,
    "baseline-orchestrator": 512,
    "baseline-validation": 1024,
    "baseline-resize": 2048,
    "baseline-watermark": 1024,
}
# States of the Standard workflow for each image: start, three functions, status, notification.
TRANSITIONS = 6

_BUCKETS = ("baseline-input", "baseline-output")
_TABLE = "baseline-images"
_SIZES = {"small": (800, 600), "medium": (1200, 900), "large": (1920, 1080)}
_TEXT = "Processed by Image Platform"


class Baseline:
    """The six functions, run one after another in this thread, with their CPU seconds and log bytes."""

    def __init__(self, machine: Machine) -> None:
        self.cpu: dict[str, float] = dict.fromkeys(MEMORY, 0.0)
        self.log_bytes = 0
        self._clients = {name: _clients(machine, name) for name in MEMORY}
        self._aws: Any = self._clients["baseline-upload"]
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
        self._queue = machine.client("sqs").create_queue(QueueName="baseline-uploads")["QueueUrl"]
        self._client = machine.client("s3")

    def process(self, number: int, data: bytes) -> None:
        """Runs all functions for one image."""
        image = {
            "imageId": f"img_{number:016x}",
            "userId": "user_12345678-1234-1234-1234-123456789012",
            "s3Key": f"uploads/user_12345678-1234-1234-1234-123456789012/img_{number:016x}.jpg",
            "fileName": "vacation-photo.jpg",
            "fileSize": len(data),
            "fileType": "image/jpeg",
        }
        self._run("baseline-upload", self._upload, image)
        self._client.put_object(Bucket=_BUCKETS[0], Key=image["s3Key"], Body=data)
        self._run("baseline-s3-event", self._s3_event, image)
        self._run("baseline-orchestrator", self._orchestrate, image)
        step = self._run("baseline-validation", self._validate, image)
        step = self._run("baseline-resize", self._resize, step)
        self._run("baseline-watermark", self._watermark, step)

    def _run(self, name: str, handler: Callable[[Mapping[str, Any]], Any], event: Mapping[str, Any]) -> Any:
        self._aws = self._clients[name]
        started = time.thread_time()
        # Lambda adds time, level and request id to a line: 80 bytes.
        lines = f"Processing event: {json.dumps(event)}", "Function completed successfully"
        self.log_bytes += sum(80 + len(line) for line in lines)
        result = handler(event)
        for metric in ("ProcessingTime", "ImagesProcessed"):
            self._aws["cloudwatch"].put_metric_data(
                Namespace="BaselineProcessing", MetricData=[{"MetricName": metric, "Value": 1.0, "Unit": "Count"}]
            )
        self.cpu[name] += time.thread_time() - started
        return result

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
        # In place of the start of a Standard execution: a call of the same size that the embedded AWS can answer.
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
        resized = []
        for name, size in _SIZES.items():
            small = picture.copy()
            small.thumbnail(size, Image.Resampling.LANCZOS)
            key = f"processed/{image['userId']}/{image['imageId']}-{name}.jpg"
            resized.append({"size": name, "dimensions": f"{small.width}x{small.height}", "s3Key": key})
            self._write(key, small)
        self._track(image, "RESIZED")
        return {**image, "resizedImages": resized}

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


def measure(machine: Machine, recorder: Recorder, images: list[bytes], init: float) -> Usage:
    """The usage of the same images by the baseline architecture."""
    baseline = Baseline(machine)
    # The first run is not measured: it makes clients and loads codecs.
    baseline.process(0, images[0])
    baseline.cpu, baseline.log_bytes = dict.fromkeys(MEMORY, 0.0), 0
    object_bytes, item_bytes = _object_bytes(machine), stored_bytes()
    recorder.clear()
    for number, data in enumerate(images, start=1):
        baseline.process(number, data)
    calls = [call for call in recorder.calls if is_billed(call)]
    functions = {
        name: FunctionUsage(
            memory=memory,
            invocations=len(images),
            cpu=baseline.cpu[name],
            calls=Counter(f"{call.service}:{call.operation}" for call in calls if call.caller == name),
            starts_traces=name in ("baseline-upload", "baseline-s3-event"),
        )
        for name, memory in MEMORY.items()
    }
    return usage_of(
        len(images),
        functions,
        calls,
        log_bytes=baseline.log_bytes,
        object_bytes=_object_bytes(machine) - object_bytes,
        item_bytes=stored_bytes() - item_bytes,
        init=init,
    )


def _object_bytes(machine: Machine) -> int:
    return sum(each["Size"] for bucket in _BUCKETS for each in objects(machine, bucket))
