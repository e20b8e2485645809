"""What a kind of action is: one value with all that `submit` and the worker need to know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.actions import estimates, external, lifecycle
from chalicelib.actions.external import Service
from chalicelib.actions.models import Action, Status
from chalicelib.core.aws import grants
from chalicelib.core.deadline import Deadline
from chalicelib.core.http.operations import Caller, Replay, naming
from chalicelib.core.http.schemas import Schema


class OutOfTimeError(Exception):
    """A run did not end before its deadline. The API then leaves the action to the queue."""


@dataclass(frozen=True)
class ActionRequest:
    """One valid request for an action.

    `metadata` is stored with the action, `payload` gives what an external service gets. `is_small` tells whether
    the API does the work while its caller waits; it is asked only without an external service. `seconds` is how long
    the worker may take, by the size of the work.
    """

    action_type: str
    metadata: Mapping[str, Any]
    payload: Callable[[], Mapping[str, Any]]
    is_small: Callable[[], bool] = lambda: False
    seconds: float = 0.0


@dataclass(frozen=True)
class ActionKind:
    """One kind of action.

    `prepare` checks what the caller asks for. `run` does the work and ends the action; it raises OutOfTimeError after
    its deadline. Without `run` only an external service does the work, at the endpoint `service`. `answer` makes the
    answer from the action and the estimated time; in it the action's id is called `id_name`.
    """

    schema: Schema
    returns: Schema
    id_name: str
    service: Service
    prepare: Callable[[Caller, Mapping[str, Any]], ActionRequest]
    answer: Callable[[Action, str | None], dict[str, Any]]
    run: Callable[[Action, Deadline], Action] | None = None

    @property
    def grants(self) -> grants.Grants:
        """The grants of an operation that submits such actions."""
        by_service = grants.merge(lifecycle.begin, external.hand_over, self.prepare)
        if self.run is None:
            return by_service
        return grants.merge(
            by_service, self.run, self.answer, lifecycle.enqueue, estimates.estimated_time, lifecycle.get
        )

    @property
    def replay(self) -> Replay:
        """Answers a repeated request with the action as it is by then, and with fresh links."""
        return Replay(stores=naming(self.id_name, "estimatedTime"), rebuild=self._rebuild)

    def _rebuild(self, user: Caller, data: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
        action = lifecycle.get(user.id, stored[self.id_name])
        return self.answer(action, stored.get("estimatedTime") if action.status is Status.PENDING else None)
