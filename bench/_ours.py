"""Darkroom on its embedded AWS as the object of a measurement: what images and requests take of it."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from bench._calls import Recorder, cpu_seconds, stored_bytes
from bench._taken import Function, Taken, is_billed, taken
from infra.settings import CONFIG, ROOT
from local.machine import Machine
from tests.journeys.user import User
from tests.proxy_event import proxy_event

# Who is called by what is traced already carries the caller's trace on.
_JOIN_TRACES = {"orchestrator", "validation", "resize", "watermark", "notifications", "action_worker"}
# What the steps read and write at once, each in a thread of its own (chalicelib/images/pipeline.py). Not their original.
_SIDE_BY_SIDE = {
    "resize": frozenset({"s3:PutObject"}),
    "watermark": frozenset({"s3:GetObject", "s3:PutObject"}),
}
# Calls of this name are ours and not the platform's.
_WATCHER = "bench"
_QUIET_SECONDS = 0.3
_PATIENCE_SECONDS = 120


class Ours:
    """Darkroom, with somebody signed in."""

    def __init__(self, machine: Machine, recorder: Recorder, logs: Path) -> None:
        self._machine, self._recorder, self._logs = machine, recorder, logs
        user = User.new(machine.api_url)
        self._user_id, self._token = user.id, user.tokens["accessToken"]
        self._dynamodb = _client(machine, "dynamodb")
        self._memory = {each["name"]: int(each["memory"]) for each in machine.description["functions"]}

    def image(self, data: bytes) -> str:
        """Announces an image, sends it, and waits until everything that follows is done; its id."""
        image_id = self.send(data)
        self._until(lambda: self._status(image_id) == "COMPLETED", "the image is COMPLETED")
        self.settle()
        return image_id

    def send(self, data: bytes) -> str:
        """Announces an image and sends it; its id."""
        body = {"fileName": "photo.jpg", "fileType": "image/jpeg", "fileSize": len(data)}
        announced = self.request("POST", "/upload", body)
        sent = requests.put(announced["uploadUrl"], data=data, headers=announced["headers"], timeout=60)
        sent.raise_for_status()
        return str(announced["imageId"])

    def request(self, method: str, resource: str, body: Any = None, **path: str) -> dict[str, Any]:
        """What the API's function answers to a request as API Gateway hands it over."""
        bearer = {"Authorization": f"Bearer {self._token}"}
        event = proxy_event(method, resource, headers=bearer, body=body, path=path)
        answer, failed = self._machine.invoke("api_handler", event)
        if failed or answer["statusCode"] != 200:
            raise SystemExit(f"{method} {resource} was answered {answer}.")
        return dict(json.loads(answer["body"]))

    def images(self, sent: Iterable[bytes]) -> None:
        """Sends images one right behind the other, and waits until everything that follows is done."""
        for data in sent:
            self.send(data)
        self._until(lambda: all(each == "COMPLETED" for each in self._statuses()), "all images are COMPLETED")
        self.settle()

    def settle(self) -> None:
        """Waits until no stream, queue or topic has anything left for a function."""
        streams = ("image_changes", "usage_records", "audit_entries")

        def idle() -> bool:
            seen = len(self._recorder.calls)
            waiting = sum(self._machine.records_waiting(name) for name in streams) + self._machine.events_waiting()
            time.sleep(_QUIET_SECONDS)
            return not waiting and seen == len(self._recorder.calls)

        # What a function has just begun may still write: records that wait for their window are counted as waiting.
        time.sleep(1.0)
        self._until(idle, "all is quiet")

    def _status(self, image_id: str) -> str:
        key = {"userId": {"S": self._user_id}, "imageId": {"S": image_id}}
        table = self._machine.environment["IMAGES_TABLE"]
        return str(self._dynamodb.get_item(TableName=table, Key=key)["Item"]["status"]["S"])

    def _statuses(self) -> list[str]:
        found = self._dynamodb.get_paginator("query").paginate(
            TableName=self._machine.environment["IMAGES_TABLE"],
            KeyConditionExpression="userId = :user",
            ExpressionAttributeValues={":user": {"S": self._user_id}},
        )
        return [item["status"]["S"] for page in found for item in page["Items"]]

    def _until(self, look: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not look():
            if time.monotonic() > deadline:
                raise SystemExit(f"Waited in vain until {what}.")
            time.sleep(0.05)

    def measure(self, number: int, work: Callable[[], Any], init: float) -> Taken:
        """What `work`, which is so many images or requests, takes in all."""
        self.settle()
        before = {name: cpu_seconds(self._machine.workers(name)) for name in self._memory}
        logged, stored, kept = self._logged(), self._stored(), stored_bytes()
        self._recorder.clear()
        work()
        self.settle()
        calls = [call for call in self._recorder.calls if call.caller != _WATCHER and is_billed(call)]
        functions = {
            name: Function(
                memory=memory,
                invocations=self._recorder.invoked.count(name),
                cpu=cpu_seconds(self._machine.workers(name)) - before[name],
                calls=Counter(f"{call.service}:{call.operation}" for call in calls if call.caller == name),
                begins_traces=_begins_traces(name),
                side_by_side=_SIDE_BY_SIDE.get(name, frozenset()),
            )
            for name, memory in self._memory.items()
        }
        return taken(
            number,
            {name: each for name, each in functions.items() if each.invocations},
            calls,
            log_bytes=self._logged() - logged,
            object_bytes=self._stored() - stored,
            item_bytes=stored_bytes() - kept,
            init=init,
            metrics=len(set(self._figures())),
        )

    def _figures(self) -> Iterator[tuple[str, ...]]:
        """Each custom metric that the logs hold so far, as CloudWatch tells them apart and bills them."""
        for log in self._logs.glob("*.log"):
            for line in log.read_text().splitlines():
                if '"_aws"' in line:
                    yield from _metrics(json.loads(line))

    def _logged(self) -> int:
        return sum(log.stat().st_size for log in self._logs.glob("*.log"))

    def _stored(self) -> int:
        buckets = (self._machine.environment[name] for name in ("S3_INPUT_BUCKET", "S3_OUTPUT_BUCKET"))
        return sum(each["Size"] for bucket in buckets for each in objects(self._machine, bucket))


def _metrics(line: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What a line in CloudWatch's embedded format adds to (Amazon CloudWatch, "Embedded metric format")."""
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            told = sorted(f"{name}={line[name]}" for name in names)
            for metric in directive["Metrics"]:
                yield directive["Namespace"], metric["Name"], *told


def objects(machine: Machine, bucket: str) -> Iterable[Mapping[str, Any]]:
    """What a bucket holds."""
    for page in _client(machine, "s3").get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", ())


def _client(machine: Machine, service: str) -> Any:
    """A client whose calls are told from the platform's."""
    session = boto3.Session(
        aws_access_key_id=machine.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=machine.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=machine.environment["AWS_DEFAULT_REGION"],
    )
    config = Config(user_agent_appid=_WATCHER, s3={"addressing_style": "path"})
    return session.client(service, endpoint_url=machine.aws_url, config=config)


def _begins_traces(function: str) -> bool:
    config = json.loads(CONFIG.read_text())
    traced = config["lambda_functions"].get(function, {}).get("xray", config["xray"])
    return bool(traced) and function not in _JOIN_TRACES


def import_seconds(statement: str, environment: Mapping[str, str]) -> float:
    """CPU seconds of a process that starts, imports and ends, as Lambda finds it: without bytecode; the least of three.

    The packages that Chalice builds hold sources alone, and where they lie nothing can be written.
    """
    taken_seconds = []
    with tempfile.TemporaryDirectory() as nowhere:
        bare = {**environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": nowhere}
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", statement], cwd=ROOT, env=bare, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken_seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken_seconds)
