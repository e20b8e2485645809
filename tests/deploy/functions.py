"""The embedded Lambda runs the deployed package with the deployed environment."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.fork_client import plain_environment
from local.moto_patches.awslambda import RUNNERS
from local.patching import patch

RUNTIME = Path(__file__).with_name("runtime.py")

_running: dict[str, "Process"] = {}
_starting = threading.Lock()


class Process:
    """The process of a function, one run at a time."""

    def __init__(self, function: Any, environment: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="deployed-")
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as package:
            package.extractall(self._folder.name)
        self._one = threading.Lock()
        # Isolated (-I), so that neither the checkout nor the developer's packages are imported by accident.
        command = [sys.executable, "-I", str(RUNTIME), self._folder.name, function.handler]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )

    def call(self, request: dict[str, Any]) -> tuple[str, bool]:
        """One run: the result, and whether it is an error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": "The function's process ended."}), True
        answer, errored = json.loads(line)
        return json.dumps(answer), errored

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


def run_deployed_functions(url: str, access_key: str, secret_key: str) -> None:
    """Makes invocations run the deployed code, on this AWS."""
    from moto.awslambda.models import LambdaFunction

    where = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}

    def invoke_lambda(self: Any, event: Any = None) -> tuple[str, bool, str]:
        with _starting:
            identity = _identity(self)
            if identity not in _running:
                _running[identity] = Process(self, {**_environment(self), **where, **_pools_keys(self, url)})
            process = _running[identity]
        request = {
            "requestId": str(uuid.uuid4()),
            "arn": self.function_arn,
            "timeout": int(self.timeout),
            "event": {} if event is None else event,
        }
        answer, errored = process.call(request)
        return answer, errored, ""

    patch(LambdaFunction, "_invoke_lambda", invoke_lambda)
    _run_for_buckets_and_topics()


def _run_for_buckets_and_topics() -> None:
    """Makes buckets and topics find the deployed functions, which they look up in local."""
    from moto.awslambda.models import LambdaBackend

    create, delete = LambdaBackend.create_function, LambdaBackend.delete_function

    def create_function(self: Any, spec: dict[str, Any]) -> Any:
        function = create(self, spec)
        RUNNERS[function.function_name] = _Deployed(self, function.function_name)
        return function

    def delete_function(self: Any, function_name: str, qualifier: str | None = None) -> None:
        delete(self, function_name, qualifier)
        if qualifier is None:
            RUNNERS.pop(function_name.rpartition(":function:")[2], None)

    patch(LambdaBackend, "create_function", create_function)
    patch(LambdaBackend, "delete_function", delete_function)


@dataclass(frozen=True)
class _Deployed:
    """A function by its name. Each run uses the code that is deployed then."""

    backend: Any
    name: str

    def call(self, payload: bytes) -> tuple[bytes, bool]:
        answer, errored, _ = self.backend.get_function(self.name)._invoke_lambda(json.loads(payload))
        return answer.encode(), errored

    def submit(self, payload: bytes) -> None:
        threading.Thread(target=self.call, args=[payload], daemon=True).start()


def end_all() -> None:
    """Ends all processes."""
    RUNNERS.clear()
    while _running:
        _running.popitem()[1].end()


def _pools_keys(function: Any, url: str) -> dict[str, str]:
    """The local address of the user pool's public keys. The deployed one is in the internet."""
    pool = function.environment_vars.get("COGNITO_USER_POOL_ID")
    return {"JWKS_URL": f"{url}/{pool}/.well-known/jwks.json"} if pool else {}


def _environment(function: Any) -> dict[str, str]:
    """The environment of the function: a minimum of this machine's, then the deployed one, then Lambda's own."""
    own = {
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.function_name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
    }
    deployed: dict[str, str] = function.environment_vars
    return {**plain_environment(), **deployed, **own}


def _identity(function: Any) -> str:
    """A new process if code or settings have changed."""
    version = json.dumps([function.function_name, function.code_sha_256, function.handler, _settings(function)])
    return hashlib.sha256(version.encode()).hexdigest()


def _settings(function: Any) -> list[Any]:
    return [sorted(function.environment_vars.items()), function.memory_size, function.timeout, os.getpid()]
