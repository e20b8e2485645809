"""The embedded AWS for deployments, in its own process: `python -m tests.deploy.embedded_aws SOCKET`.

moto as in the local machine, without its workers, but with another CloudFormation, API Gateway and Lambda, a log of all
calls, and injected failures.
"""

import json
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from moto.moto_api._internal.models import moto_api_backend

from local.bucket_cors import BucketCors
from local.moto_server import MotoServer
from local.wsgi import Application
from tests.deploy import cloudformation, functions, gateway, moto_patches, network, provisioned_concurrency, quotas
from tests.deploy.call_log import CALLS, Call
from tests.deploy.provisioning import Provisioning

Environ = dict[str, Any]

# Only links are checked against these credentials.
ACCESS_KEY = "darkroom-deploy"
SECRET_KEY = "darkroom-deploy"


@dataclass(frozen=True)
class CallLog:
    """Middleware that logs each call, and makes calls with an injected failure fail."""

    application: Application
    reset_account: Callable[[], None]

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/_calls/"):
            return _answer(self._control(environ), start_response)
        call = Call.of(environ)
        if call is None:
            return self.application(environ, start_response)
        refusal = CALLS.note(call)
        if refusal is not None:
            status, headers, body = refusal.answer(call.service)
            start_response(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]
        CALLS.wait_if_held(call)
        return self.application(environ, start_response)

    def _control(self, environ: Environ) -> Any:
        body = environ["wsgi.input"].read()
        arguments = json.loads(body) if body else {}
        command = environ["PATH_INFO"].removeprefix("/_calls/")
        if command == "calls":
            return CALLS.since(**arguments)
        if command == "refuse":
            return CALLS.refuse(**arguments)
        if command == "hold":
            return CALLS.hold(**arguments)
        if command == "release":
            return CALLS.release(**arguments)
        if command == "held":
            return CALLS.held()
        if command == "account":
            return quotas.set_account(**arguments)
        return self.reset_account()


def _answer(value: Any, start_response: Any) -> list[bytes]:
    body = json.dumps(value).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def main(descriptor: int) -> None:
    listening = socket.socket(fileno=descriptor)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stacks = cloudformation.replace_motos(Provisioning(url, ACCESS_KEY, SECRET_KEY))
    for part in (provisioned_concurrency, quotas, network):
        part.install()

    def reset() -> None:
        functions.end_all()
        stacks.clear()
        CALLS.clear()
        quotas.set_account()
        moto_api_backend.reset()

    cloud = MotoServer(listening, [BucketCors, gateway.ExecuteApi, lambda application: CallLog(application, reset)])
    moto_patches.apply()
    functions.run_deployed_functions(url, ACCESS_KEY, SECRET_KEY)
    cloud.start()
    # Until the parent process ends.
    sys.stdin.read()
    CALLS.clear()
    functions.end_all()
    cloud.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
