"""One run of schemathesis: all operations, all checks, and what came of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData

from tests.contract.callers import Caller, fetch_contract

# What the answer to a well-formed request depends on beside its form: a schema cannot say it. Fields that a 400 may
# name, and codes, although the request fits the schema.
BEYOND_THE_SCHEMA = {
    "actionType": "the stage names its types (CUSTOM_ACTION_TYPES)",
    "body": "DynamoDB stores no number of more than 38 digits, or too close to 0",
    "code": "a code from an e-mail is right or wrong",
    "cursor": "it comes from the page before",
    "dateRange": "its end is not before its start, and both are near enough",
    "end": "it is not before the start",
    "expiresAt": "the calendar has that moment, and it lies ahead",
    "password": "it has letters of both cases, a digit and a symbol",
    "preferences.webhook.url": "it is a public address",
    "content": "it is a picture in base64",
    "fileType": "it is that of the picture",
    "sourceUrl": "its server gives a picture",
    "singleUse": "it goes with PUT, not with a form",
    "start": "it is near enough to the end",
    "to": "it is not before from",
    "FILE_TOO_LARGE": "the stage has a largest size (MAX_FILE_SIZE)",
    "FILE_TYPE_NOT_ALLOWED": "the stage names its types (ALLOWED_TYPES)",
}
# These two tell clients of MCP that there is no stream: no answer of theirs is a success.
_ALWAYS_405 = {"include-name": ["GET /mcp", "DELETE /mcp"]}
_CONFIG: dict[str, Any] = {
    "continue-on-failure": True,
    "checks": {
        # API Gateway answers methods that have no route, before any function: with 403, which no contract can change.
        "unsupported_method": {"enabled": False},
    },
    "operations": [{**_ALWAYS_405, "checks": {"positive_data_acceptance": {"expected-statuses": [405]}}}],
}


def is_beyond_the_schema(failure: Any, response: Any) -> bool:
    """Whether a schema-valid request was refused for a reason that the schema cannot say."""
    if not isinstance(failure, RejectedPositiveData):
        return False
    error = response.json()["error"]
    # Errors of JSON-RPC have their details under `data`.
    details = error.get("details") or error.get("data", {}).get("details", ())
    fields = [each["field"] for each in details] or [error["code"]]
    return all(
        any(name == str(each) or str(each).startswith(f"{name}.") for name in BEYOND_THE_SCHEMA) for each in fields
    )


@dataclass
class Outcome:
    """The requests that were sent, by operation; the checks that were made; what failed, each with an example."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, event: Any) -> None:
        """Count what an event of the engine tells."""
        if isinstance(event, events.ScenarioFinished):
            self._add_scenario(event.recorder)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            self.errors.append(str(event))

    def _add_scenario(self, recorder: Any) -> None:
        for case_id, interaction in recorder.interactions.items():
            label = recorder.cases[case_id].value.operation.label
            self.requests[label] += 1
            if interaction.response is not None:
                self.statuses[interaction.response.status_code] += 1
        for case_id, nodes in recorder.checks.items():
            label = recorder.cases[case_id].value.operation.label
            for node in nodes:
                self.checks[node.name] += 1
                if node.failure_info is not None:
                    failure = node.failure_info
                    self.failures.setdefault(
                        f"{label}: {failure.failure.title}", f"{failure.failure}\n{failure.code_sample}"
                    )

    def __str__(self) -> str:
        return (
            f"{len(self.requests)} operations, {self.requests.total()} requests, answers by status "
            f"{dict(sorted(self.statuses.items()))}, {self.checks.total()} checks of {len(self.checks)} kinds, "
            f"{len(self.failures)} failures, {len(self.errors)} errors"
        )

    def report(self) -> str:
        """The failures with an example of each, and the errors."""
        return "\n\n".join([*(f"{name}\n{text}" for name, text in self.failures.items()), *self.errors])


def run(url: str, caller: Caller, **config: Any) -> Outcome:
    """Send what schemathesis draws from the contract as that caller. `config` is as in schemathesis.toml."""
    settings = schemathesis.Config.from_dict({**_CONFIG, "base-url": url, **config})
    schema = schemathesis.openapi.from_dict(fetch_contract(url), config=settings)

    @schema.auth(refresh_interval=None)
    class Provider:
        def get(self, case: Any, context: Any) -> str | None:
            return caller.get(case, context)

        def set(self, case: Any, data: str, context: Any) -> None:
            caller.set(case, data, context)

    @schema.hook  # type: ignore[untyped-decorator, unused-ignore]
    def map_body(context: Any, body: Any) -> Any:
        # A wait takes up to 24 seconds, and its answer is the same.
        is_wait = context.operation.path == "/agent/wait_for_image" and isinstance(body, dict)
        return {**body, "seconds": 0} if is_wait and body.get("seconds", 1) in range(25) else body

    @schema.hook  # type: ignore[untyped-decorator, unused-ignore]
    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        return not is_beyond_the_schema(failure, response)

    outcome = Outcome()
    for event in from_schema(schema).execute():
        outcome.add(event)
    return outcome
