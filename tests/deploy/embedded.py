"""An AWS in a process of its own for one deployment after another: `python -m tests.deploy.embedded SOCKET`.

moto as the local machine runs it, without the machine's workers; with its own CloudFormation, API Gateway and Lambda,
and with a book of all requests, in which failures can be ordered.
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
from tests.deploy import cloudformation, concurrency, functions, gaps, gateway, network, quotas
from tests.deploy.calls import CALLS, Call
from tests.deploy.provisioning import Provisioning

Environ = dict[str, Any]

# Whose requests these are nobody checks, but links are signed with it.
ACCESS_KEY = "darkroom-deploy"
SECRET_KEY = "darkroom-deploy"


@dataclass(frozen=True)
class Book:
    """Middleware that writes down each request, and refuses those that were ordered to fail."""

    application: Application
    begin_anew: Callable[[], None]

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/_book/"):
            return _answer(self._turn_page(environ), start_response)
        call = Call.of(environ)
        if call is None:
            return self.application(environ, start_response)
        refusal = CALLS.note(call)
        if refusal is not None:
            status, headers, body = refusal.answer(call.service)
            start_response(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]
        CALLS.wait_at_the_door(call)
        return self.application(environ, start_response)

    def _turn_page(self, environ: Environ) -> Any:
        body = environ["wsgi.input"].read()
        asked = json.loads(body) if body else {}
        page = environ["PATH_INFO"].removeprefix("/_book/")
        if page == "calls":
            return CALLS.since(**asked)
        if page == "refuse":
            return CALLS.refuse(**asked)
        if page == "hold":
            return CALLS.hold(**asked)
        if page == "let-go":
            return CALLS.let_go(**asked)
        if page == "held":
            return CALLS.held()
        if page == "account":
            return quotas.become(**asked)
        return self.begin_anew()


def _answer(value: Any, start_response: Any) -> list[bytes]:
    body = json.dumps(value).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def main(descriptor: int) -> None:
    listening = socket.socket(fileno=descriptor)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stacks = cloudformation.answer_as_aws_does(Provisioning(url, ACCESS_KEY, SECRET_KEY))
    for part in (concurrency, quotas, network):
        part.provide()

    def begin_anew() -> None:
        functions.end_all()
        stacks.clear()
        CALLS.clear()
        quotas.become()
        moto_api_backend.reset()

    cloud = MotoServer(listening, [BucketCors, gateway.ExecuteApi, lambda application: Book(application, begin_anew)])
    gaps.close()
    functions.run_what_is_deployed(url, ACCESS_KEY, SECRET_KEY)
    cloud.start()
    # Until whoever started this ends, however it ends.
    sys.stdin.read()
    CALLS.clear()
    functions.end_all()
    cloud.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
