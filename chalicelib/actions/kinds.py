"""Kinds of action: a kind holds all that `submit` needs to know about its actions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import images
from chalicelib.actions import estimates, external_service, lifecycle
from chalicelib.actions.models import Action, Status
from chalicelib.core.deadline import Deadline
from chalicelib.core.http.operations import Caller, Replay, only_fields
from chalicelib.core.schemas import Schema

Run = Callable[[Action, Deadline], Action]


class OutOfTimeError(Exception):
    """A run did not end before its deadline. The API then leaves the action to the queue."""


@dataclass(frozen=True)
class ActionRequest:
    """One valid request for an action.

    `metadata` is stored with the action, `payload` gives what an external service gets. `is_small` tells whether
    the API does the work while its caller waits (called only without an external service), by `run` or else by the
    kind's `run`. `seconds` is the time that the worker may take, by the size of the work.
    """

    action_type: str
    metadata: Mapping[str, Any]
    payload: Callable[[], Mapping[str, Any]]
    is_small: Callable[[], bool] = lambda: False
    seconds: float = 0.0
    run: Run | None = None


@dataclass(frozen=True)
class ActionKind:
    """One kind of action.

    `prepare` checks what the caller asks for. `run` does the work and ends the action; after its deadline it raises
    OutOfTimeError. A kind without `run` is done by the external service alone. `service_path` is that service's
    endpoint. `id_name`, `message` and `details` give the parts of the answer in which the kinds differ.
    """

    schema: Schema
    returns: Schema
    id_name: str
    service_path: str
    prepare: Callable[[Caller, Mapping[str, Any]], ActionRequest]
    message: Callable[[Action], str]
    details: Callable[[Action], Mapping[str, Any]] = lambda action: {}
    run: Run | None = None

    @property
    def steps(self) -> tuple[Callable[..., Any], ...]:
        """The functions that an operation which submits such actions runs through: it inherits what they declare."""
        by_service = lifecycle.begin, external_service.hand_over, self.prepare
        if self.run is None:
            return by_service
        return (*by_service, lifecycle.enqueue, estimates.estimated_time, self.run, lifecycle.get, images.output_link)

    def answer(self, action: Action, estimated_time: str | None = None) -> dict[str, Any]:
        """The answer to a request, with links to the action's files."""
        status = {"message": self.message(action), "status": str(action.status)}
        estimate = {} if self.run is None else {"estimatedTime": estimated_time}
        return {self.id_name: action.action_id, **status, **estimate, **self.details(action)}

    @property
    def replay(self) -> Replay:
        """Answers a repeated request with the action as it is by then, and with fresh links."""
        return Replay(stores=only_fields(self.id_name, "estimatedTime"), rebuild=self._rebuild)

    def _rebuild(self, user: Caller, data: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
        action = lifecycle.get(user.id, stored[self.id_name])
        return self.answer(action, stored.get("estimatedTime") if action.status is Status.PENDING else None)
