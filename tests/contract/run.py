"""One run of schemathesis: all operations, all checks, and what came of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.engine import events, from_schema

from tests.contract.callers import Caller, fetch_contract


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
            f"{len(self.requests)} operations, {self.requests.total()} requests {dict(sorted(self.statuses.items()))}, "
            f"{self.checks.total()} checks {dict(self.checks)}, {len(self.failures)} failures, {len(self.errors)} errors"
        )


def run(url: str, caller: Caller, **config: Any) -> Outcome:
    """Send what schemathesis draws from the contract as that caller. `config` is as in schemathesis.toml."""
    settings = schemathesis.Config.from_dict({"base-url": url, "continue-on-failure": True, **config})
    schema = schemathesis.openapi.from_dict(fetch_contract(url), config=settings)

    @schema.auth(refresh_interval=None)
    class Provider:
        def get(self, case: Any, context: Any) -> str | None:
            return caller.get(case, context)

        def set(self, case: Any, data: str, context: Any) -> None:
            caller.set(case, data, context)

    outcome = Outcome()
    for event in from_schema(schema).execute():
        outcome.add(event)
    return outcome
