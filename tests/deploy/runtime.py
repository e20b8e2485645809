"""Lambda's runtime for one deployed package: `python -I runtime.py FOLDER HANDLER`, a line of JSON a run on stdin.

It runs in its own process, without the checkout on its path. Besides the package it can import only the installed
dependencies, which replace the layer.
"""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """The context object of a run."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id = request["requestId"]
        self.invoked_function_arn = request["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = self.client_context = None
        self._ends = time.monotonic() + request["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends - time.monotonic()) * 1000))


def main(folder: str, handler: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    # What the function prints is its log.
    os.dup2(2, 1)
    sys.path.insert(0, folder)
    function: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if function is None:
                module, _, name = handler.rpartition(".")
                function = getattr(importlib.import_module(module), name)
            answer, errored = function(request["event"], Context(request)), False
        except Exception as fault:
            traceback.print_exc()
            answer, errored = {"errorType": type(fault).__name__, "errorMessage": str(fault)}, True
        answers.write(json.dumps([answer, errored]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
