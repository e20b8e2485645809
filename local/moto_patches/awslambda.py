"""moto's Lambda hands invocations to the local workers, and leaves event source mappings to the local pollers."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from local.patching import patch


class Runner(Protocol):
    """Runs one function for the embedded Lambda."""

    def call(self, payload: bytes) -> tuple[bytes, bool]:
        """Run now: the result, and whether it is an error."""

    def submit(self, payload: bytes) -> None:
        """Run soon, with Lambda's retries."""


# Runners by the function's name in Lambda. A function without a runner cannot be invoked.
RUNNERS: dict[str, Runner] = {}


def submit(function_arn: str, event: Any) -> None:
    """Invoke a function asynchronously."""
    runner = RUNNERS.get(function_arn.split(":function:", 1)[-1].split(":", 1)[0])
    if runner is not None:
        runner.submit(json.dumps(event).encode())


def patch_lambda() -> None:
    """Apply the patches of this module."""
    _run_functions_in_workers()
    _leave_mappings_to_pollers()


def _run_functions_in_workers() -> None:
    from moto.awslambda.models import LambdaFunction

    def invoke_lambda(self: Any, event: Any = None) -> tuple[str, bool, str]:
        runner = RUNNERS.get(self.function_name)
        if runner is None:
            return json.dumps({"errorType": "Runtime.Unavailable", "errorMessage": "No worker runs this."}), True, ""
        payload, errored = runner.call(json.dumps({} if event is None else event).encode())
        return payload.decode(), errored, ""

    def invoke(self: Any, body: Any, request_headers: Mapping[str, str], response_headers: dict[str, str]) -> bytes:
        kind = request_headers.get("x-amz-invocation-type", "RequestResponse")
        event = json.loads(body) if body else {}
        if kind == "DryRun":
            return b""
        runner = RUNNERS.get(self.function_name)
        if kind == "Event" and runner is not None:
            runner.submit(json.dumps(event).encode())
            return b""
        result, errored, _ = self._invoke_lambda(event)
        if errored:
            response_headers["x-amz-function-error"] = "Unhandled"
        return str(result).encode()

    patch(LambdaFunction, "_invoke_lambda", invoke_lambda)
    patch(LambdaFunction, "invoke", invoke)


def _leave_mappings_to_pollers() -> None:
    # moto would run the function inside SendMessage and PutItem, one record at a time, without retries.
    from moto.awslambda.models import LambdaBackend
    from moto.dynamodb.models import dynamodb_backends
    from moto.sqs.models import sqs_backends

    create = LambdaBackend.create_event_source_mapping

    def create_event_source_mapping(self: Any, spec: dict[str, Any]) -> Any:
        mapping = create(self, spec)
        for queue in sqs_backends[self.account_id][self.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()
        for table in dynamodb_backends[self.account_id][self.region_name].tables.values():
            table.lambda_event_source_mappings.clear()
        return mapping

    patch(LambdaBackend, "create_event_source_mapping", create_event_source_mapping)
