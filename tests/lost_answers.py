"""Calls to AWS of this process whose answers are lost on the way, or that do not arrive."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any
from unittest import mock

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.retries.standard import ExponentialBackoff

from chalicelib.core import clients

# botocore sends a call three times (core/clients.py).
ALL_TRIES = 3


class Loss(Enum):
    """Whether the service does what it is asked, and whether it answers 500 or the connection ends."""

    NOT_ARRIVED = (False, False)
    ERROR_BEFORE = (False, True)
    ANSWER_LOST = (True, False)
    ERROR_AFTER = (True, True)

    @property
    def takes_place(self) -> bool:
        return self.value[0]

    @property
    def answers(self) -> bool:
        return self.value[1]


class _Body:
    """An empty body, as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        return iter(())


@contextmanager
def losing(service: str, operation: str, *losses: Loss, about: str = "") -> Iterator[Callable[[], int]]:
    """In this block the first tries of that operation are lost, each in its way; gives how many were.

    `about` stands in the body of the request, such as a table's name. botocore does not pause between tries.
    """
    client, left = clients.client(service), list(losses)

    def lose(request: Any, **_: Any) -> AWSResponse | None:
        if not left or (about and about.encode() not in request.body):
            return None
        loss = left.pop(0)
        if loss.takes_place:
            # The service has done it before it is tried again.
            _ = client._endpoint.http_session.send(request).content
        if not loss.answers:
            raise ConnectionClosedError(endpoint_url=request.url)
        return AWSResponse(request.url, 500, {}, _Body())

    event = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register(event, lose)
    try:
        with mock.patch.object(ExponentialBackoff, "delay_amount", return_value=0):
            yield lambda: len(losses) - len(left)
    finally:
        client.meta.events.unregister(event, lose)
