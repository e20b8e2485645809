"""Measures what images and requests use of Darkroom on the embedded AWS."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from bench._aws_calls import Recorder, stored_bytes
from bench._measure import process_cpu_seconds, python_cpu_seconds, without_bytecode
from bench._usage import FunctionUsage, Usage, is_billed, usage_of
from infra.settings import CONFIG
from local.machine import Machine
from tests.journeys.user import User
from tests.proxy_event import proxy_event

# Functions whose runs belong to the trace of their caller.
_IN_CALLERS_TRACE = {
    *("orchestrator", "validation", "resize", "watermark", "notifications"),
    *("action_worker", "import_worker"),
}
# What the steps read and write in parallel threads (chalicelib/images/steps.py), except the original.
_PARALLEL_CALLS = {
    "resize": frozenset({"s3:PutObject"}),
    "watermark": frozenset({"s3:GetObject", "s3:PutObject"}),
}
# The caller's name of this benchmark's own calls, which are not counted.
_BENCHMARK = "bench"
_QUIET_SECONDS = 0.3
_TIMEOUT_SECONDS = 120


class Darkroom:
    """Darkroom on the local machine, with a signed-in user."""

    def __init__(self, machine: Machine, recorder: Recorder, logs: Path) -> None:
        self._machine, self._recorder, self._logs = machine, recorder, logs
        user = User.new(machine.api_url)
        self._user_id, self._token = user.id, user.tokens["accessToken"]
        self._dynamodb = _client(machine, "dynamodb")
        self._memory = {each["name"]: int(each["memory"]) for each in machine.description["functions"]}

    def process_image(self, data: bytes) -> str:
        """Uploads an image and waits until everything is done; returns its id."""
        image_id = self.upload(data)
        self._wait_until(lambda: self._status(image_id) == "COMPLETED", "the image is COMPLETED")
        self.wait_until_idle()
        return image_id

    def upload(self, data: bytes) -> str:
        """Uploads an image; returns its id."""
        body = {"fileName": "photo.jpg", "fileType": "image/jpeg", "fileSize": len(data)}
        response = self.request("POST", "/upload", body)
        requests.put(response["uploadUrl"], data=data, headers=response["headers"], timeout=60).raise_for_status()
        return str(response["imageId"])

    def request(self, method: str, resource: str, body: Any = None, **path: str) -> dict[str, Any]:
        """The response of the API's function to a request from API Gateway."""
        bearer = {"Authorization": f"Bearer {self._token}"}
        event = proxy_event(method, resource, headers=bearer, body=body, path=path)
        response, failed = self._machine.invoke("api_handler", event)
        if failed or response["statusCode"] != 200:
            raise SystemExit(f"{method} {resource} got {response}.")
        return dict(json.loads(response["body"]))

    def process_images(self, images: Iterable[bytes]) -> None:
        """Uploads images without waiting in between, then waits until everything is done."""
        for data in images:
            self.upload(data)
        self._wait_until(lambda: all(each == "COMPLETED" for each in self._statuses()), "all images are COMPLETED")
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Waits until no stream, queue or topic has anything left for a function."""
        streams = ("image_changes", "usage_records", "audit_entries")

        def is_idle() -> bool:
            before = len(self._recorder.calls)
            waiting = sum(self._machine.records_waiting(name) for name in streams) + self._machine.events_waiting()
            time.sleep(_QUIET_SECONDS)
            return not waiting and before == len(self._recorder.calls)

        # A function that has just started may still write.
        time.sleep(1.0)
        self._wait_until(is_idle, "everything is idle")

    def _status(self, image_id: str) -> str:
        key = {"userId": {"S": self._user_id}, "imageId": {"S": image_id}}
        table = self._machine.environment["IMAGES_TABLE"]
        return str(self._dynamodb.get_item(TableName=table, Key=key)["Item"]["status"]["S"])

    def _statuses(self) -> list[str]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._machine.environment["IMAGES_TABLE"],
            KeyConditionExpression="userId = :user",
            ExpressionAttributeValues={":user": {"S": self._user_id}},
        )
        return [item["status"]["S"] for page in pages for item in page["Items"]]

    def _wait_until(self, condition: Callable[[], Any], description: str) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"Not within {_TIMEOUT_SECONDS} seconds: {description}.")
            time.sleep(0.05)

    def measure(self, number: int, work: Callable[[], Any], init: float) -> Usage:
        """The usage of `work`, which processes `number` images or requests."""
        self.wait_until_idle()
        before = {name: process_cpu_seconds(self._machine.workers(name)) for name in self._memory}
        log_bytes, object_bytes, item_bytes = self._log_bytes(), self._object_bytes(), stored_bytes()
        self._recorder.clear()
        work()
        self.wait_until_idle()
        calls = [call for call in self._recorder.calls if call.caller != _BENCHMARK and is_billed(call)]
        functions = {
            name: FunctionUsage(
                memory=memory,
                invocations=self._recorder.invoked.count(name),
                cpu=process_cpu_seconds(self._machine.workers(name)) - before[name],
                calls=Counter(f"{call.service}:{call.operation}" for call in calls if call.caller == name),
                starts_traces=_starts_traces(name),
                parallel_calls=_PARALLEL_CALLS.get(name, frozenset()),
            )
            for name, memory in self._memory.items()
        }
        return usage_of(
            number,
            {name: each for name, each in functions.items() if each.invocations},
            calls,
            log_bytes=self._log_bytes() - log_bytes,
            object_bytes=self._object_bytes() - object_bytes,
            item_bytes=stored_bytes() - item_bytes,
            init=init,
            metrics=len(set(self._custom_metrics())),
        )

    def _custom_metrics(self) -> Iterator[tuple[str, ...]]:
        """The custom metrics in the logs so far, as CloudWatch bills them: by namespace, name and dimensions."""
        for log in self._logs.glob("*.log"):
            for line in log.read_text().splitlines():
                if '"_aws"' in line:
                    yield from _metrics(json.loads(line))

    def _log_bytes(self) -> int:
        return sum(log.stat().st_size for log in self._logs.glob("*.log"))

    def _object_bytes(self) -> int:
        buckets = (self._machine.environment[name] for name in ("S3_INPUT_BUCKET", "S3_OUTPUT_BUCKET"))
        return sum(each["Size"] for bucket in buckets for each in objects(self._machine, bucket))


def _metrics(line: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The metrics of a line in CloudWatch's embedded metric format (Amazon CloudWatch, "Embedded metric format")."""
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = sorted(f"{name}={line[name]}" for name in names)
            for metric in directive["Metrics"]:
                yield directive["Namespace"], metric["Name"], *dimensions


def objects(machine: Machine, bucket: str) -> Iterable[Mapping[str, Any]]:
    """The objects of a bucket."""
    for page in _client(machine, "s3").get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", ())


def _client(machine: Machine, service: str) -> Any:
    """A client whose calls are not counted."""
    session = boto3.Session(
        aws_access_key_id=machine.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=machine.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=machine.environment["AWS_DEFAULT_REGION"],
    )
    config = Config(user_agent_appid=_BENCHMARK, s3={"addressing_style": "path"})
    return session.client(service, endpoint_url=machine.aws_url, config=config)


def _starts_traces(function: str) -> bool:
    config = json.loads(CONFIG.read_text())
    traced = config["lambda_functions"].get(function, {}).get("xray", config["xray"])
    return bool(traced) and function not in _IN_CALLERS_TRACE


def import_seconds(statement: str, environment: Mapping[str, str]) -> float:
    """CPU seconds of a process that only runs the import, as on Lambda: without bytecode; the lowest of three."""
    with tempfile.TemporaryDirectory() as empty_folder:
        sources = without_bytecode(environment, empty_folder)
        return min(python_cpu_seconds(statement, sources) for _ in range(3))
