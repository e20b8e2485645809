"""The deployed stage dev from outside: its public address, its functions, its tables and queues."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.api_process import DIRECT
from tests.deploy.aws import ACCOUNT, REGION, Aws

PASSWORD = "A-long-Passw0rd!"

Answer = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """The stage, with any version."""

    aws: Aws

    @property
    def api(self) -> str:
        """The API's id."""
        (api,) = self.aws.client("apigateway").get_rest_apis()["items"]
        return str(api["id"])

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """A request: status, parsed body, headers. `token` is an access token or an API key's secret."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.aws.ask(self.api, method, f"/dev{path}", body, {**bearer, **named})

    def invoke(self, function: str, event: Any) -> tuple[Any, str | None]:
        """A run of a function: its result, and its error if it failed."""
        answer = self.aws.client("lambda").invoke(
            FunctionName=f"darkroom-dev-{function}", Payload=json.dumps(event).encode()
        )
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All items of a table in DynamoDB's format."""
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=f"darkroom-dev-{table}")
        return [item for page in pages for item in page["Items"]]

    def queue(self, name: str) -> str:
        """A queue's URL."""
        return str(self.aws.client("sqs").get_queue_url(QueueName=f"darkroom-dev-{name}")["QueueUrl"])

    def waiting(self, queue: str) -> int:
        """How many messages wait in a queue."""
        asked = ["ApproximateNumberOfMessages"]
        told = self.aws.client("sqs").get_queue_attributes(QueueUrl=self.queue(queue), AttributeNames=asked)
        return int(told["Attributes"]["ApproximateNumberOfMessages"])

    @property
    def machine(self) -> str:
        """The state machine's ARN."""
        return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:darkroom-dev-image-pipeline"

    def executions(self, status: str) -> list[str]:
        """The names of executions in that status."""
        states = self.aws.client("stepfunctions")
        found = states.list_executions(stateMachineArn=self.machine, statusFilter=status)["executions"]
        return [each["name"] for each in found]


@dataclass
class Person:
    """A user: credentials and requests."""

    stage: Stage
    email: str
    tokens: Answer = field(default_factory=dict)
    id: str = ""

    def sign_up(self) -> "Person":
        status, answer, _ = self.stage.ask("POST", "/auth/signup", {"email": self.email, "password": PASSWORD})
        assert status == 200, answer
        self.id = answer["userSub"]
        self.ok("POST", "/auth/verify", {"email": self.email, "code": "123456"})
        self.sign_in()
        return self

    def sign_in(self) -> None:
        self.tokens = self.ok("POST", "/auth/signin", {"email": self.email, "password": PASSWORD})

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        return self.stage.ask(method, path, body, self.tokens.get("accessToken"), **headers)

    def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The response to a request that must succeed."""
        status, answer, _ = self.ask(method, path, body, **headers)
        assert status == 200, (method, path, status, answer)
        told: Answer = answer
        return told

    def every(self, path: str) -> Iterator[Answer]:
        """All items of a list, read in pages of two, so that cursors are tested too."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.ok("GET", f"{path}?limit=2{cursor}")
            yield from page["items"]
            cursor = None if page["nextCursor"] is None else f"&cursor={page['nextCursor']}"

    def announce(self, name: str, **headers: str) -> Answer:
        return self.ok("POST", "/upload", {"fileName": name, "fileType": "image/jpeg"}, **headers)

    def upload(self, data: bytes, name: str) -> str:
        """Announces and sends a file; the image's id."""
        announced = self.announce(name)
        assert send(announced, data) == 200
        return str(announced["imageId"])

    def image(self, image_id: str) -> Answer:
        told: Answer = self.ok("GET", f"/images/{image_id}")["image"]
        return told

    def action(self, action_id: str) -> Answer:
        told: Answer = self.ok("GET", f"/actions/{action_id}")["action"]
        return told


def send(announced: Answer, data: bytes) -> int:
    """Uploads a file with the presigned request; returns the status."""
    request = urllib.request.Request(announced["uploadUrl"], data, announced["headers"], method="PUT")
    with DIRECT.open(request, timeout=60) as answer:
        return int(answer.status)


def fetched(link: str) -> bytes:
    """The content of a link."""
    with DIRECT.open(link, timeout=60) as answer:
        data: bytes = answer.read()
    return data
