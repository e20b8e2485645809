"""Inside a worker process: the Lambda runtime's loop, its context object and its error format."""

import json
import os
import socket
import time
import traceback
from types import ModuleType
from typing import Any

from local import frames, iam_enforcement

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


def run(application: ModuleType, spec: frames.Message, channel: socket.socket) -> None:
    """Serve invocations, one at a time, until the local machine disconnects."""
    if spec["grants"] is not None:
        iam_enforcement.enforce(spec["grants"])
    # The API's own function is the Chalice object; every other is a name in app.py.
    handler = application.app if spec["function"] == API_HANDLER else getattr(application, spec["function"])
    try:
        while True:
            request, payload = frames.receive(channel)
            ok, result = _invoke(handler, request, payload)
            frames.send(channel, {"ok": ok}, result)
    except frames.DisconnectedError:
        return


def _invoke(handler: Any, request: frames.Message, payload: bytes) -> tuple[bool, bytes]:
    context = Context(request["request_id"], request["deadline"], request["function_arn"])
    try:
        result = handler(json.loads(payload), context)
    except SystemExit:
        raise
    except BaseException as error:
        # The function has logged the error itself; the caller gets the stack frames.
        stack = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
        return False, _error_payload(str(error), type(error).__name__, request["request_id"], stack)
    try:
        return True, json.dumps(result).encode()
    except (TypeError, ValueError, RecursionError) as error:
        message = f"Unable to marshal response: {error}"
        return False, _error_payload(message, "Runtime.MarshalError", request["request_id"], [])


def _error_payload(message: str, kind: str, request_id: str, stack: list[str]) -> bytes:
    error = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": stack}
    return json.dumps(error).encode()
