"""Inside a worker: the Lambda runtime's loop, with its context, its errors and its words for them."""

import json
import os
import socket
import time
import traceback
from types import ModuleType
from typing import Any

from local import rights, wire

# Chalice's name for the function that serves all routes.
API_HANDLER = "api_handler"


class Context:
    """What AWS Lambda passes as the handler's second argument."""

    identity = None
    client_context = None

    def __init__(self, request_id: str, deadline: float, function_arn: str) -> None:
        self.aws_request_id = request_id
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.invoked_function_arn = function_arn
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until this run is killed."""
        return max(0, int((self._deadline - time.time()) * 1000))


def run(application: ModuleType, order: wire.Message, channel: socket.socket) -> None:
    """Serve invocations, one at a time, until the machine hangs up."""
    if order["rights"] is not None:
        rights.enforce(order["rights"])
    # The API's own function is the Chalice object; every other is a name in app.py.
    handler = application.app if order["function"] == API_HANDLER else getattr(application, order["function"])
    while True:
        try:
            request, payload = wire.receive(channel)
        except wire.HungUpError:
            return
        ok, answer = _invoke(handler, request, payload)
        try:
            wire.send(channel, {"ok": ok}, answer)
        except wire.HungUpError:
            return


def _invoke(handler: Any, request: wire.Message, payload: bytes) -> tuple[bool, bytes]:
    context = Context(request["request_id"], request["deadline"], request["function_arn"])
    try:
        result = handler(json.loads(payload), context)
    except SystemExit:
        raise
    except BaseException as fault:
        # What there is to say the function's own log line says; the caller has the frames.
        frames = traceback.format_list(traceback.extract_tb(fault.__traceback__)[1:])
        return False, _failure(str(fault), type(fault).__name__, request["request_id"], frames)
    try:
        return True, json.dumps(result).encode()
    except (TypeError, ValueError, RecursionError) as fault:
        message = f"Unable to marshal response: {fault}"
        return False, _failure(message, "Runtime.MarshalError", request["request_id"], [])


def _failure(message: str, kind: str, request_id: str, frames: list[str]) -> bytes:
    failure = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": frames}
    return json.dumps(failure).encode()
