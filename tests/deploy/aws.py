"""The embedded AWS for tests: its clients, the log of its calls, and injected failures."""

import functools
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from local.api_process import DIRECT
from local.fork_client import plain_environment
from tests.deploy import quotas
from tests.deploy.call_log import Call
from tests.deploy.embedded_aws import ACCESS_KEY, SECRET_KEY

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
ACCOUNT = "123456789012"
_CONFIG = Config(retries={"max_attempts": 0}, proxies={}, signature_version="s3v4", s3={"addressing_style": "path"})
_PLAIN = Config(retries={"max_attempts": 0}, proxies={})


class Aws:
    """An account 123456789012 in a process of its own; a context manager."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._session = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)

    def __enter__(self) -> Self:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        # Requests wait in the queue until the other process accepts them.
        listening.listen(128)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with listening, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.deploy.embedded_aws", str(listening.fileno())],
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                # moto loads AWS's managed policies only with this variable.
                env={**plain_environment(), "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=30)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command that uses this AWS."""
        return {
            **plain_environment(),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "NO_PROXY": "127.0.0.1",
        }

    @functools.cache  # noqa: B019
    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        return self._session.client(service, endpoint_url=self.url, config=_CONFIG if service == "s3" else _PLAIN)

    def of_another_account(self, service: str) -> Any:
        """A client of another account."""
        client = self._session.client(service, endpoint_url=self.url, config=_CONFIG)
        client.meta.events.register("before-sign.*.*", _as_another)
        return client

    # ------------------------------------------------------------ the log of calls

    def calls(self, since: int = 0) -> list[Call]:
        """The calls, from a number on."""
        return [Call(**each) for each in self._page("calls", since=since)]

    def refuse(
        self, call: str, code: str, message: str = "Refused by the test.", status: int = 400, times: int = 1
    ) -> None:
        """Makes calls fail whose text ("lambda PUT /2015-…", "events PutTargets") matches the pattern."""
        self._page("refuse", call=call, code=code, message=message, status=status, times=times)

    def hold(self, call: str) -> None:
        """Blocks the next call that matches the pattern, until it is released."""
        self._page("hold", call=call)

    def held(self) -> list[str]:
        """The patterns of the calls that are blocked now."""
        patterns: list[str] = self._page("held")
        return patterns

    def release(self, call: str) -> None:
        """Releases the call that is blocked by that pattern."""
        self._page("release", call=call)

    def set_account(self, concurrency: int = quotas.LIMIT, sandbox: bool = False) -> None:
        """Sets the account's limit of concurrent executions, and whether SES is in its sandbox."""
        self._page("account", concurrency=concurrency, sandbox=sandbox)

    def reset(self) -> None:
        """Empties the account and the log of calls."""
        self._page("begin")

    def _page(self, name: str, **arguments: Any) -> Any:
        request = urllib.request.Request(f"{self.url}/_calls/{name}", json.dumps(arguments).encode(), method="POST")
        with DIRECT.open(request, timeout=60) as answer:
            return json.loads(answer.read())

    # ------------------------------------------------------------ the public address

    def ask(
        self, api: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """A request at the API's public address: status, parsed answer, headers."""
        typed = {"Content-Type": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        status, answered, answer_headers = self._send(api, method, path, data, typed)
        return status, json.loads(answered) if answered else None, answer_headers

    def download(self, api: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes, dict[str, str]]:
        """A GET at the API's public address: status, body as it is sent, headers."""
        return self._send(api, "GET", path, None, headers or {})

    def _send(
        self, api: str, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        host = {"Host": f"{api}.execute-api.{REGION}.amazonaws.com"}
        request = urllib.request.Request(f"{self.url}{path}", data, {**host, **headers}, method=method)
        try:
            with DIRECT.open(request, timeout=60) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read(), dict(refused.headers)


def _as_another(request: Any, **_: Any) -> None:
    request.headers["x-moto-account-id"] = "999999999999"
